"""Frames -> SAM 2's features: several frames a pass, each once, kept for the next request about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sightbench.byte_cache import ByteCache
from sightbench.servers.masks.asked import Frame

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Features:
    """One encoded frame, batch size 1: [1,32,S/4,S/4], [1,64,S/8,S/8] and [1,256,S/16,S/16].

    The first two are projected for the mask decoder; `second` is the same for Sa2VA-i's other one.
    """

    fine: Tensor
    middle: Tensor
    coarse: Tensor
    second: tuple[Tensor, Tensor] | None = None

    @property
    def nbytes(self) -> int:
        tensors = (self.fine, self.middle, self.coarse, *(self.second or ()))
        return sum(t.numel() * t.element_size() for t in tensors)


More = Callable[[int], Sequence[Frame]]
"""Up to so many frames of other requests, which will be needed soon."""


def none(_count: int) -> Sequence[Frame]:
    """No other request is waiting."""
    return ()


class Encoder:
    """SAM 2's image encoder. `rounded` is the dtype its normalisation constants are rounded to; `images`
    counts what went through it, padding among them.

    Each pass has `batch` frames, whatever is asked: a frame's features are then the same bits whichever
    frames went with it. What a request leaves of its last pass is filled with frames of waiting ones, and
    padded only where there are none.
    """

    def __init__(
        self, model: Any, second: Any, size: int, dtype: torch.dtype, rounded: torch.dtype, max_bytes: int
    ) -> None:
        self.device = next(model.parameters()).device
        # A CPU is busy with one.
        self.batch = 1 if self.device.type == "cpu" else 4
        self.cache = ByteCache[bytes, Features](max_bytes, lambda features: features.nbytes)
        self.images = 0
        self._vision = model.vision_encoder
        self._projections = [(head.conv_s0, head.conv_s1) for head in (model.mask_decoder, second) if head]
        self._size = size
        self._dtype = dtype
        mean, std = (torch.tensor(v, dtype=rounded, device=self.device) for v in (MEAN, STD))
        self._mean, self._std = mean[:, None, None], std[:, None, None]

    def compile(self) -> None:
        """Compiles the encoder; the first pass then takes minutes. Bits may differ from those without."""
        self._vision = torch.compile(self._vision)

    def features(self, frames: Sequence[Frame], more: More = none) -> Iterator[Features]:
        """Each frame's features in order, encoded when they are needed and with those that follow."""
        ahead: dict[bytes, Features] = {}
        left = Counter(frame.key for frame in frames)
        for at, frame in enumerate(frames):
            if frame.key not in ahead:
                held = self.cache.get(frame.key)
                ahead |= self._next(frames[at:], ahead, more) if held is None else {frame.key: held}
            features = ahead[frame.key]
            left[frame.key] -= 1
            if not left[frame.key]:
                del ahead[frame.key]
            yield features

    def _next(
        self, frames: Sequence[Frame], ahead: dict[bytes, Features], more: More
    ) -> dict[bytes, Features]:
        """The features of the first frame and of those after it that fit into its pass."""
        todo = {frames[0].key: frames[0]}
        for frame in frames[1:]:
            if len(todo) == self.batch:
                break
            if frame.key not in ahead and frame.key not in self.cache:
                todo.setdefault(frame.key, frame)
        own = len(todo)
        if own < self.batch and self.cache.max_bytes:
            for frame in more(self.batch - own):
                todo.setdefault(frame.key, frame)
        made = dict(zip(todo, self._encode([frame.load() for frame in todo.values()]), strict=True))
        for key, features in made.items():
            self.cache.put(key, features)
        return {key: made[key] for key in list(todo)[:own]}

    def _encode(self, images: Sequence[Image.Image]) -> list[Features]:
        # PIL's default filter (bicubic), aspect ratio not kept: the reference's DirectResize.
        pixels = np.stack([np.asarray(i.resize((self._size, self._size))) for i in images])
        pixels = np.concatenate([pixels, np.repeat(pixels[-1:], self.batch - len(images), axis=0)])
        self.images += len(pixels)
        batch = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)
        autocast = torch.autocast(self.device.type, torch.bfloat16, enabled=self._dtype == torch.bfloat16)
        with torch.inference_mode(), autocast:
            normalised = ((batch / 255.0) - self._mean) / self._std
            maps = self._vision(normalised.to(self._dtype)).fpn_hidden_states
            projected = [
                (first(maps[0]).to(self._dtype), other(maps[1]).to(self._dtype))
                for first, other in self._projections
            ]
            coarse = maps[2].to(self._dtype)
            made = []
            for row in (slice(i, i + 1) for i in range(len(images))):
                own, *second = ((fine[row].clone(), middle[row].clone()) for fine, middle in projected)
                made.append(Features(*own, coarse[row].clone(), second[0] if second else None))
        return made
