"""Encoded frames -> one uint8 array of bounded size, whatever was sent.

A frame is looked at with its longer side at most LOOK pixels, so memory and time are bounded by the
number of frames alone; masks are scaled back to the size the frames came in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightbench.servers.wire.frames import Limits, common_size, opened

LOOK = 480
LIMITS = Limits(frames=128, pixels=4096 * 4096)


@dataclass(frozen=True, slots=True)
class LookedAt:
    """`pixels` is [T, h, w, 3] uint8 RGB as looked at; `size` is (H, W) of the frames as sent."""

    pixels: NDArray[np.uint8]
    size: tuple[int, int]


def digest(frames: Sequence[bytes]) -> bytes:
    """One key per sequence of encoded frames: the same bytes in another order are another video."""
    whole = hashlib.sha256()
    for frame in frames:
        whole.update(hashlib.sha256(frame).digest())
    return whole.digest()


def decode(frames: Sequence[bytes], limits: Limits = LIMITS) -> LookedAt:
    """Raises Refusal naming the frame that cannot be decoded, is too large, or differs in size."""
    sizes: list[tuple[int, int]] = []
    looked: list[NDArray[np.uint8]] = []
    for index, data in enumerate(frames):
        with opened(data, index, limits) as image:
            sizes.append(image.size)
            common_size(sizes, limits)
            looked.append(_look(image, look_size(image.height, image.width)))
    return LookedAt(np.stack(looked), (sizes[0][1], sizes[0][0]))


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
