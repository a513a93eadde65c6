"""The seven integers per frame that every published J and F is made of, counted from RLE.

    inter            |P & G|              pixels in both masks
    pred, gt         |P|, |G|             pixels of each mask
    boundary_pred, boundary_gt |Bp|, |Bg|           pixels of each boundary
    hit_pred         |Bp & D(Bg)|         predicted boundary that lies within reach of the true one
    hit_gt           |Bg & D(Bp)|         and the other way round

Benchmarks differ in what a boundary is (`inner`: mask pixels that see background within the element;
else `edge`: pixels unlike a right, lower or lower right neighbour, DAVIS's seg2bmap) and in how far
D, the dilation by a structuring element, reaches. Two cores count: C (boundary.c, built at install where
there is a compiler) and numpy. They take and give the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from sightbench.errors import UsageError
from sightbench.rle import MaskError, Rle, lengths
from sightbench.scorers.masks import boundary_numpy
from sightbench.scorers.masks.boundary_numpy import Element

try:
    from sightbench.scorers.masks import _boundary  # type: ignore[attr-defined, unused-ignore]
except ImportError:
    _boundary = None

CORE_VARIABLE = "SIGHTBENCH_MASK_CORE"


class Counts(NamedTuple):
    inter: int
    pred: int
    gt: int
    boundary_pred: int
    boundary_gt: int
    hit_pred: int
    hit_gt: int


@cache
def cores() -> tuple[str, ...]:
    """The cores that work on this machine, the fastest first: of c-avx512, c-avx2, c-baseline, numpy."""
    return (*(_boundary.variants() if _boundary else ()), "numpy")


def core(name: str | None = None) -> str:
    """The core that counts: `name`, else what SIGHTBENCH_MASK_CORE says, else the fastest.

    Raises UsageError for a core this machine does not have.
    """
    chosen = name or os.environ.get(CORE_VARIABLE) or cores()[0]
    if chosen not in cores():
        raise UsageError(f"mask core {chosen!r} is not available here (have: {', '.join(cores())})")
    return chosen


def count(
    preds: Sequence[Rle],
    gts: Sequence[Rle],
    *,
    inner: bool,
    element: Element,
    voids: Sequence[Rle] | None = None,
    core_name: str | None = None,
) -> list[Counts]:
    """The seven integers of each frame, as Counts; see `count_within`."""
    rows = _integers(preds, gts, (element,), inner, voids, core_name)
    return [tuple.__new__(Counts, row) for row in rows]


def count_within(
    preds: Sequence[Rle],
    gts: Sequence[Rle],
    elements: Sequence[Element],
    *,
    inner: bool,
    voids: Sequence[Rle] | None = None,
    core_name: str | None = None,
) -> list[list[Counts]]:
    """For each frame the Counts by each of 1 to 8 elements, of which each holds those before it; in one pass.

    The first one makes the inner boundary. A prediction of another size than its ground truth is resized to
    it as Pillow's NEAREST does.
    Where `voids` are given, their pixels count in neither mask. Raises MaskError with the frame for
    counts that do not make up a mask; every mask is validated before it is used.
    """
    rows = _integers(preds, gts, tuple(elements), inner, voids, core_name)
    return [[Counts(*row[:5], *row[at : at + 2]) for at in range(5, len(row), 2)] for row in rows]


def _integers(
    preds: Sequence[Rle],
    gts: Sequence[Rle],
    elements: tuple[Element, ...],
    inner: bool,
    voids: Sequence[Rle] | None,
    core_name: str | None,
) -> list[tuple[int, ...]]:
    chosen = core(core_name)
    if chosen == "numpy":
        return boundary_numpy.counts(preds, gts, voids, inner, elements)
    try:
        return list(_boundary.counts(preds, gts, voids, inner, elements, chosen))
    except ValueError as error:
        frame, whose, words = error.args
        of = {"mask": preds, "ground truth": gts, "void mask": voids or ()}
        raise refusal(of[whose][frame], frame, whose, words) from None


def refusal(mask: Rle, frame: int, whose: str, words: str) -> MaskError:
    """Why the C core refused this mask, as `rle.lengths` says it: of several things that are wrong every core
    names the same one. `words` are the core's own, for what is not the mask's fault."""
    try:
        lengths(mask, frame, whose)
    except MaskError as error:
        return error
    return MaskError(words, frame, whose)


@lru_cache(maxsize=64)
def diamond(radius: int) -> Element:
    """The pixels within `radius` steps up, down, left or right: `radius` dilations by the 3x3 cross."""
    return tuple((abs(dy) - radius, radius - abs(dy)) for dy in range(-radius, radius + 1))


@lru_cache(maxsize=1024)
def disk(radius: float) -> Element:
    """scikit-image's disk as OpenCV anchors it, a (first, last) column per row; (1, 0) is an empty row.

    For a whole radius it is the pixels within that distance. For any other, scikit-image's grid is
    not centred on a pixel and the disk reaches farther to one side; that is kept as it is. So is what
    OpenCV makes of the empty disk of a radius below 0.59: the kernel's first corner alone.
    Reference: skimage.morphology.disk, cv2.dilate (anchor at the middle, rounded up).
    """
    axis = np.arange(-radius, radius + 1)
    across, down = np.meshgrid(axis, axis)
    inside = across**2 + down**2 <= radius**2
    anchor = len(axis) // 2
    rows = [(1, 0)] * (2 * anchor + 1)
    for dy, row in enumerate(inside):
        columns = np.flatnonzero(row)
        if columns.size:
            rows[dy] = (int(columns[0]) - anchor, int(columns[-1]) - anchor)
    if not inside.any():
        rows[0] = (-anchor, -anchor)
    return tuple(rows)
