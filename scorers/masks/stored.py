"""True masks out of a benchmark's own files: RLEs by annotation, and label maps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from sightbench import rle
from sightbench.errors import DatasetError
from sightbench.mask_file import open_masks, read_labels, read_luminance
from sightbench.rle import MaskError, Rle

Layers = tuple[tuple[Rle, ...], ...]
"""Per frame where at least 1, 2, 3, ... of some masks lie (rle.levels)."""


@lru_cache(maxsize=64)
def layers(
    file: str, annotations: tuple[str, ...], frames: int, size: tuple[int, int], depths: bool = False
) -> Layers:
    """The masks of some annotations laid over each other; kept for the next expression that means them.

    Without `depths` their union alone.

    An annotation's null frames are empty. Raises DatasetError for what is not there, has another number of
    frames or masks that differ in size.
    """
    source = open_masks(file)
    tracks = [source.masks(annotation) for annotation in annotations]
    for annotation, track in zip(annotations, tracks, strict=True):
        if len(track) != frames:
            raise DatasetError(
                f"annotation {annotation!r} has {len(track)} masks for {frames} frames", source.path
            )
    try:
        return tuple(_layer([track[frame] for track in tracks], size, depths) for frame in range(frames))
    except MaskError as error:
        raise DatasetError(f"annotations {', '.join(annotations)}: {error}", source.path) from None


def _layer(masks: Sequence[Rle | None], size: tuple[int, int], depths: bool) -> tuple[Rle, ...]:
    there = [mask for mask in masks if mask is not None]
    if any(mask[:2] != size for mask in there):
        raise MaskError(f"a mask's size is not the frame's {[*size]}")
    if not there:
        return (rle.empty(*size),)
    return tuple(rle.levels(there)) if depths and len(there) > 1 else (rle.union(there),)


def labelled(
    folder: Path, name: str, labels: tuple[int, ...], size: tuple[int, int], *, indexed: bool = False
) -> Rle:
    """The pixels of a label map with one of these palette indices; where `labels` is empty, those above 0,
    by their index (`indexed`) or by their luminance.

    Without a name the mask is empty. Raises DatasetError for a file that cannot be read, is no label map or
    has another size.
    """
    if not name:
        return rle.empty(*size)
    path = folder / name
    by_index = labels or indexed
    pixels = read_labels(path, or_luminance=not labels) if by_index else read_luminance(path)
    if pixels.shape != size:
        raise DatasetError(f"its size is {[*pixels.shape]}, the frame's {[*size]}", path)
    if not labels:
        return rle.from_array(pixels)
    return rle.from_array(pixels == labels[0] if len(labels) == 1 else np.isin(pixels, labels))
