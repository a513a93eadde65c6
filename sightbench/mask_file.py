"""Files of masks: RLEs by annotation, one (or null) per frame (`mask_dict.json`, `.pkl`), and label maps.

A file of RLEs may hold hundreds of megabytes, of which an evaluation needs a part: JSON is mapped into memory
and each annotation's masks are decoded when they are asked for.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
import struct
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from sightbench import rle, safe_pickle
from sightbench.errors import DatasetError
from sightbench.files import opened_image
from sightbench.rle import MAX_PIXELS, MAX_SIDE, MaskError, Rle

VOID = 255
"""The index of pixels that belong to nothing in DAVIS's unsupervised annotations."""

_SMALLEST = MAX_PIXELS // 8 // 1032
"""Bytes below which no image can be too large: one bit a pixel, and deflate packs 1,032 bytes into one."""


class _Foreground(msgspec.Struct):
    """An entry of ReVOS's mask_dict_foreground.json."""

    masks_rle: list[dict[str, Any] | None]


_ENTRIES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MASKS = msgspec.json.Decoder(list[dict[str, Any] | None] | _Foreground)


class MaskFile:
    """`keys` are the annotations it holds."""

    def __init__(self, path: Path, entries: Mapping[str, Any]) -> None:
        self.path = path
        self._entries = entries

    @property
    def keys(self) -> Collection[str]:
        return self._entries.keys()

    def masks(self, annotation: str) -> list[Rle | None]:
        """The masks of one annotation, null as None. DatasetError if there is none or it cannot be read."""
        entry = self._entries.get(annotation)
        if entry is None:
            raise DatasetError(f"it holds no annotation {annotation!r}", self.path)
        try:
            frames = _MASKS.decode(entry) if isinstance(entry, msgspec.Raw) else entry
            if isinstance(frames, _Foreground):
                frames = frames.masks_rle
            if not isinstance(frames, list):
                raise MaskError("expected a list with a mask per frame")
            return [None if frame is None else rle.read(frame, at) for at, frame in enumerate(frames)]
        except (MaskError, msgspec.DecodeError) as error:
            raise DatasetError(f"annotation {annotation!r}: {error}", self.path) from None


def open_masks(path: Path | str) -> MaskFile:
    """The masks in a .json or .pkl file, which is read once. DatasetError if it holds none."""
    path = Path(path)
    try:
        state = path.stat()
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", path) from None
    return _open(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4)
def _open(path: Path, size: int, changed: int) -> MaskFile:
    if path.suffix in (".pkl", ".p", ".pickle"):
        content = safe_pickle.load(path)
        if not isinstance(content, dict):
            raise DatasetError("expected a dictionary of annotations", path)
        return MaskFile(path, {str(key): value for key, value in content.items()})
    if not size:
        raise DatasetError("it is empty", path)
    try:
        with path.open("rb") as file:
            return MaskFile(path, _ENTRIES.decode(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", path) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(
            f"not a JSON object of annotations: {' '.join(str(error).split())}", path
        ) from None


def read_labels(path: Path, *, or_luminance: bool = False) -> npt.NDArray[np.uint8]:
    """The indices of a label map, h x w: never luminance, for object 1 may be black. An image in colours has
    none: its luminance, or DatasetError, as for what is no image or larger than any mask."""
    with _mask_image(path) as image:
        if image.mode in ("P", "L", "1"):
            return np.asarray(image)
        if not or_luminance:
            raise DatasetError(f"no label map: its mode is {image.mode}, expected a palette", path)
        return np.asarray(image.convert("L"))


def read_luminance(path: Path) -> npt.NDArray[np.uint8]:
    """The luminance of a mask image, h x w, whatever its mode. DatasetError as of `read_labels`."""
    with _mask_image(path) as image:
        return np.asarray(image.convert("L"))


@contextlib.contextmanager
def _mask_image(path: Path) -> Iterator[Image.Image]:
    if wrong := flaw(path):
        raise DatasetError(wrong, path)
    try:
        with opened_image(path, MAX_PIXELS) as image:
            yield image
    except (OSError, ValueError) as error:
        raise DatasetError(f"not a readable mask image ({error})", path) from None


def highest_label(path: Path) -> int:
    """The highest label of a label map, VOID left aside; of a video's first frame DAVIS's count of its
    objects. DatasetError."""
    return int(max((label for label in np.unique(read_labels(path)).tolist() if label != VOID), default=0))


def flaw(path: Path) -> str | None:
    """Why no mask is read from the file, by its kind and its header; None for a file that may hold one, or
    that is not there. A pipe would be waited for, and 12,000 x 12,000 pixels fit into 20 KB."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return "is no file but a folder, a pipe or a device"
        if found.st_size < _SMALLEST:
            return None
        width, height = _size_of(path)
    except OSError:
        return None
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        return f"is {width} x {height}: a mask has at most {MAX_PIXELS} pixels and {MAX_SIDE} a side"
    return None


def _size_of(path: Path) -> tuple[int, int]:
    """(width, height) by the header; (0, 0) for what is no image. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(24)
    if start.startswith(b"\x89PNG\r\n\x1a\n") and len(start) == 24:
        width, height = struct.unpack(">II", start[16:])
        return int(width), int(height)
    try:
        with Image.open(path) as image:
            return image.size
    except Image.DecompressionBombError:
        return MAX_SIDE + 1, MAX_SIDE + 1
    except (ValueError, SyntaxError, TypeError, struct.error):
        return 0, 0
