"""A request's frames: each decoded once, in a pool, for the decoder and for the language model.

What is kept is bounded and found again by the digest of a frame's bytes, so that the next question about a
video decodes nothing.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import overload

from PIL import Image

from sightbench.byte_cache import ByteCache
from sightbench.servers.masks.asked import Frame
from sightbench.servers.wire.frames import Limits, measured, opened


class FrameStore:
    """Decoded frames. `side` is SAM 2's input side (None: nothing is made for it); `encoded` says of a digest
    whether its features are at hand, so that its pixels are not needed."""

    def __init__(
        self,
        side: int | None = None,
        encoded: Callable[[bytes], bool] = lambda key: False,
        max_bytes: int = 1 << 30,
    ) -> None:
        self.side = side
        self.encoded = encoded
        self.decoded = 0
        self._count = threading.Lock()
        self._squares = ByteCache[bytes, Image.Image](max_bytes, _weight)
        # What the language model is shown of a request, for the moment between the check and its preparation.
        self._whole = ByteCache[bytes, Image.Image](max_bytes // 4, _weight)
        self._pool = ThreadPoolExecutor(max(2, os.cpu_count() or 2), thread_name_prefix="frames")

    def pictures(self, frames: Sequence[bytes], limits: Limits) -> Pictures:
        """The frames of one request, not yet looked at."""
        return Pictures(self, frames, limits)

    def square(self, key: bytes, index: int, data: bytes, limits: Limits) -> Image.Image:
        """A frame in SAM 2's input size, RGB. Raises Refusal, naming its index, for one that is broken."""
        assert self.side is not None
        made = self._squares.get(key)
        if made is None:
            # PIL's default filter (bicubic), aspect ratio not kept: the reference's DirectResize.
            made = self.whole(key, index, data, limits).resize((self.side, self.side))
            self._squares.put(key, made)
        return made

    def whole(self, key: bytes, index: int, data: bytes, limits: Limits) -> Image.Image:
        """A frame in its own size, RGB. Raises Refusal, naming its index, for one that is broken."""
        held = self._whole.get(key)
        if held is not None:
            return held
        with opened(data, index, limits) as image:
            with self._count:
                self.decoded += 1
            return image.convert("RGB")

    def prepare(
        self, keys: Sequence[bytes], frames: Sequence[bytes], shown: Collection[int], limits: Limits
    ) -> None:
        """Decodes what is not known yet, frames side by side. Raises Refusal for the first that is broken."""

        def work(index: int) -> None:
            key, data = keys[index], frames[index]
            image = self.whole(key, index, data, limits)
            if index in shown:
                self._whole.put(key, image)
            if self.side is not None:
                self._squares.put(key, image.resize((self.side, self.side)))

        first = {key: index for index, key in reversed(list(enumerate(keys)))}
        todo = sorted(
            index for key, index in first.items() if not (self.encoded(key) or key in self._squares)
        )
        for done in [self._pool.submit(work, index) for index in todo]:
            done.result()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class Pictures(Sequence[Image.Image]):
    """The frames of one request, in RGB when looked at; `keys` are the digests of their bytes."""

    def __init__(self, store: FrameStore, frames: Sequence[bytes], limits: Limits) -> None:
        self._store = store
        self._frames = frames
        self._limits = limits
        self.keys = tuple(hashlib.sha256(data).digest() for data in frames)

    def size(self) -> tuple[int, int]:
        """The (height, width) all frames share, as they say themselves. Raises Refusal, naming the frame."""
        return measured(self._frames, self._limits)

    def prepare(self, shown: Collection[int]) -> None:
        """Decodes all of them, those `shown` to the language model to be looked at soon. Raises Refusal: a
        broken one is better refused than found while masks are being drawn."""
        self._store.prepare(self.keys, self._frames, shown, self._limits)

    def squares(self) -> list[Frame]:
        """The frames in SAM 2's input size."""
        return [
            Frame(key, partial(self._store.square, key, index, data, self._limits))
            for index, (key, data) in enumerate(zip(self.keys, self._frames, strict=True))
        ]

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Image.Image]: ...
    def __getitem__(self, index: int | slice) -> Image.Image | Sequence[Image.Image]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._store.whole(self.keys[index], index, self._frames[index], self._limits)


def _weight(image: Image.Image) -> int:
    return 3 * image.width * image.height
