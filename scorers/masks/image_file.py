"""What can be known of a mask's image file before a pixel is read: that it is one, and not too large."""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path

from sightbench.rle import MAX_PIXELS, MAX_SIDE

_SMALLEST = MAX_PIXELS // 8 // 1032
"""Bytes below which no image can be too large: one bit a pixel, and deflate packs 1,032 bytes into one."""


def flaw(path: Path) -> str | None:
    """Why no mask is read from the file, by its kind and its header; None for a file that may hold one, or
    that is not there. A pipe would be waited for, and 12,000 x 12,000 pixels fit into 20 KB."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return "is no file but a folder, a pipe or a device"
        if found.st_size < _SMALLEST:
            return None
        width, height = _size(path)
    except OSError:
        return None
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        return f"is {width} x {height}: a mask has at most {MAX_PIXELS} pixels and {MAX_SIDE} a side"
    return None


def _size(path: Path) -> tuple[int, int]:
    """(width, height) by the header; (0, 0) for what is no image. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(24)
    if start.startswith(b"\x89PNG\r\n\x1a\n") and len(start) == 24:
        width, height = struct.unpack(">II", start[16:])
        return int(width), int(height)
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.size
    except Image.DecompressionBombError:
        return MAX_SIDE + 1, MAX_SIDE + 1
    except (ValueError, SyntaxError, TypeError, struct.error):
        return 0, 0
