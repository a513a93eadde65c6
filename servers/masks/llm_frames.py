"""Which frames the language model sees, and their pixels exactly as the reference's processor leaves them.

All resizing happens here and frames go out as PNG, so that the engine's own resizing has nothing to do and
every engine sees the same pixels.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from sightbench.servers.masks.checkpoint import Model

TILE = 448
"""InternVL's input side."""


def chosen(model: Model, count: int) -> list[int]:
    """Indices of the frames, out of `count`, that the language model is shown.

    Sa2VA: the first five. Sa2VA-i: five spread evenly (its index list repeats frames of shorter videos,
    but it shows each once). UniPixel: all.
    """
    if model.decoder == "unipixel":
        return list(range(count))
    if model.decoder == "sa2va_i" and count > 1:
        return sorted(set(spread(count, model.llm_frames)))
    return list(range(min(model.llm_frames, count)))


def spread(count: int, wanted: int) -> list[int]:
    """numpy.linspace(0, count - 1, wanted) as integers: `wanted` indices, repeated if count is smaller."""
    return [int(i) for i in np.linspace(0, count - 1, wanted, dtype=int)]


def prepare(model: Model, image: Image.Image, count: int) -> Image.Image:
    """One of the `count` chosen frames, resized as the reference does for this base."""
    if model.family == "internvl":
        # A single image is tiled by the engine (1..12 tiles and a thumbnail), as the reference does.
        return image if count == 1 else image.resize((TILE, TILE), Image.Resampling.BICUBIC)
    if model.decoder == "unipixel":
        most = 256 * 28 * 28 * max(1, 16 // count)
        height, width = _fit(image.height, image.width, 28, 128 * 28 * 28, most)
        return image.resize((width, height))
    return _twice_resized(model, image)


def png(image: Image.Image) -> str:
    """A frame as PNG in base64."""
    held = io.BytesIO()
    # Level 1: the engine on the same host reads it once.
    image.save(held, "PNG", compress_level=1)
    return base64.b64encode(held.getvalue()).decode()


def png_url(frame: str) -> str:
    """A data URL of one such PNG."""
    return "data:image/png;base64," + frame


def video_url(frames: Sequence[str]) -> str:
    """A data URL of a list of such PNGs, as vLLM reads it (its loader asks PIL what each frame is)."""
    return "data:video/jpeg;base64," + ",".join(frames)


def _twice_resized(model: Model, image: Image.Image) -> Image.Image:
    """Sa2VA on Qwen resizes twice: qwen_vl_utils with PIL (multiples of 28), then the processor with torch.

    The first step's grid is 28 even for Qwen3-VL, whose own is 32; skipping it changes the prompt's length.
    """
    height, width = _fit(image.height, image.width, 28, 4 * 28 * 28, 16384 * 28 * 28)
    once = image.resize((width, height))
    factor = 32 if model.family == "qwen3_vl" else 28
    height, width = _fit(height, width, factor, 512 * 28 * 28, 2048 * 28 * 28)
    return _torch_bicubic(once, height, width)


def _torch_bicubic(image: Image.Image, height: int, width: int) -> Image.Image:
    if (image.height, image.width) == (height, width):
        return image
    import torch
    import torch.nn.functional as F

    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    out = F.interpolate(pixels, (height, width), mode="bicubic", align_corners=False, antialias=True)
    return Image.fromarray(out[0].permute(1, 2, 0).contiguous().numpy())


def _fit(height: int, width: int, factor: int, least: int, most: int) -> tuple[int, int]:
    """Qwen's smart_resize: multiples of `factor` nearest to the size, its area between the limits."""
    high, wide = max(factor, round(height / factor) * factor), max(factor, round(width / factor) * factor)
    if high * wide > most:
        shrink = math.sqrt(height * width / most)
        high = max(factor, math.floor(height / shrink / factor) * factor)
        wide = max(factor, math.floor(width / shrink / factor) * factor)
    elif high * wide < least:
        grow = math.sqrt(least / (height * width))
        high = math.ceil(height * grow / factor) * factor
        wide = math.ceil(width * grow / factor) * factor
    return high, wide
