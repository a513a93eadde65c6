"""Which frames of a video are taken, and the only two places where pixels are touched."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sightbench.files import opened_image


def sampled(total: int, fps: float | None, frames: int | None, wanted_fps: float | None) -> Sequence[int]:
    """Ascending indices of the frames to take out of `total`.

    All of them when nothing is asked; else at `wanted_fps` (where the video's own `fps` is known), then
    at most `frames` of those, evenly spread with the first and the last among them.
    """
    indices: Sequence[int] = range(total)
    if wanted_fps and fps and wanted_fps < fps:
        count = max(1, math.ceil(total * wanted_fps / fps))
        indices = [min(total - 1, int(i * fps / wanted_fps)) for i in range(count)]
    if frames is None or len(indices) <= frames:
        return indices
    if frames == 1:
        return [indices[len(indices) // 2]]
    last = len(indices) - 1
    return [indices[(i * last + (frames - 1) // 2) // (frames - 1)] for i in range(frames)]


def middles(total: int, segments: int, whole: bool) -> list[int]:
    """One index from the middle of each of `segments` equal parts of `total` frames, as InternVideo's loader
    (and EgoExo-Bench's) takes them; of a `whole` file it does not count the last frame."""
    size = (total - 1 if whole else total) / segments
    return [min(total - 1, int(size / 2 + round(size * i))) for i in range(segments)]


def resized(
    data: bytes, max_pixels: int | None, min_pixels: int | None = None
) -> tuple[bytes, list[int] | None]:
    """(`data`, None) if the image has from `min_pixels` to `max_pixels`, else (re-encoded, [width, height]).

    OSError or ValueError for what is no image, a damaged one, or one too large to open safely.
    """
    from PIL.Image import Resampling

    with opened_image(data) as image:
        pixels = image.width * image.height
        if max_pixels is not None and pixels > max_pixels:
            scale = math.sqrt(max_pixels / pixels)
            size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
        elif min_pixels is not None and pixels < min_pixels:
            scale = math.sqrt(min_pixels / pixels)
            size = (math.ceil(image.width * scale), math.ceil(image.height * scale))
        else:
            return data, None
        lossy = image.format == "JPEG"
        fitted = image.convert("L" if image.mode == "L" else "RGB").resize(size, Resampling.BICUBIC)
    out = io.BytesIO()
    if lossy:
        fitted.save(out, "JPEG", quality=95)
    else:
        fitted.save(out, "PNG")
    return out.getvalue(), list(size)


def decoded(
    file: Path,
    span: tuple[float, float] | None,
    frames: int | None,
    wanted_fps: float | None,
    segments: int | None = None,
) -> tuple[list[bytes], list[int], int, float]:
    """Frames out of a container: (JPEG bytes, their indices in the span, frames in the span, frames/s).

    `segments` takes that many from the middles of equal parts, and `frames` and `wanted_fps` do not count.
    Decoding goes through the file twice, so that no more than the frames taken are ever in memory.
    Raises ValueError when there is no video in it, or PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise ValueError('PyAV is needed: pip install "sightbench[video]"') from error

    start, end = span or (0.0, math.inf)
    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            fps = float(stream.average_rate or stream.guessed_rate or 1)
            total = sum(start <= (frame.time or 0.0) < end for frame in container.decode(stream))
        if not total:
            raise ValueError("no frames" if span is None else f"no frames between {start} and {end} s")
        if segments is None:
            wanted = list(sampled(total, fps, frames, wanted_fps))
        else:
            wanted = sorted(set(middles(total, segments, span is None)))
        taken: list[bytes] = []
        keep = set(wanted)
        with av.open(str(file)) as container:
            position = 0
            for frame in container.decode(container.streams.video[0]):
                if not start <= (frame.time or 0.0) < end:
                    continue
                if position in keep:
                    out = io.BytesIO()
                    picture: Any = frame
                    picture.to_image().save(out, "JPEG", quality=95)
                    taken.append(out.getvalue())
                position += 1
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(str(error) or "no video stream") from error
    return taken, wanted, total, fps
