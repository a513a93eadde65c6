"""Encoded frames -> one uint8 array of bounded size, whatever was sent.

A frame is looked at with its longer side at most LOOK pixels, so memory and time are bounded by the
number of frames alone; masks are scaled back to the size the frames came in.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from sightbench.servers.baseline.refusal import Refusal

LOOK = 480
MAX_PIXELS = 4096 * 4096
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")


@dataclass(frozen=True, slots=True)
class Frames:
    """`pixels` is [T, h, w, 3] uint8 RGB as looked at; `size` is (H, W) of the frames as sent."""

    pixels: NDArray[np.uint8]
    size: tuple[int, int]


def digest(frames: Sequence[bytes]) -> bytes:
    """One key per sequence of encoded frames: the same bytes in another order are another video."""
    whole = hashlib.sha256()
    for frame in frames:
        whole.update(hashlib.sha256(frame).digest())
    return whole.digest()


def decode(frames: Sequence[bytes]) -> Frames:
    """Raises Refusal naming the frame that cannot be decoded, is too large, or differs in size."""
    looked: list[NDArray[np.uint8]] = []
    size: tuple[int, int] | None = None
    for index, data in enumerate(frames):
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise Refusal(
                        f"frame {index} is {width}x{height}: more than {MAX_PIXELS} pixels", param="messages"
                    )
                if size is not None and size != (height, width):
                    raise Refusal(
                        f"all frames must have the same size: frame 0 is {size[1]}x{size[0]}, "
                        f"frame {index} is {width}x{height}",
                        param="messages",
                    )
                size = (height, width)
                looked.append(_look(image, look_size(height, width)))
        except (
            UnidentifiedImageError,
            OSError,
            SyntaxError,
            ValueError,
            Image.DecompressionBombError,
        ) as error:
            reason = "unknown image format" if isinstance(error, UnidentifiedImageError) else str(error)
            raise Refusal(f"frame {index} cannot be decoded: {reason}", param="messages") from None
    assert size is not None
    return Frames(np.stack(looked), size)


def look_size(height: int, width: int) -> tuple[int, int]:
    """(h, w) at which a frame of (height, width) is looked at."""
    scale = min(1.0, LOOK / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _look(image: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = size
    if image.size != (width, height):
        image.draft("RGB", (width, height))
    rgb = image.convert("RGB")
    if rgb.size != (width, height):
        rgb = rgb.resize((width, height), Image.Resampling.BOX)
    return np.asarray(rgb)
