"""The seven integers of a mask pair with numpy alone, where the C core was not built.

Masks become bit planes: uint64 words of 64 rows of one column, shape (masks, bands, columns). A
vertical neighbour is then a shift by one bit, a horizontal one the next column, and one operation
treats 64 pixels. Only the columns and bands that hold foreground are painted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sightbench.rle import MaskError, Rle, lengths, resize

Words = npt.NDArray[np.uint64]
Element = tuple[tuple[int, int], ...]

_ONE = np.uint64(1)


def counts(
    preds: Sequence[Rle],
    gts: Sequence[Rle],
    voids: Sequence[Rle] | None,
    inner: bool,
    elements: Sequence[Element],
) -> list[tuple[int, ...]]:
    """Five integers per frame and two per element; `boundary.count_within` says which. Raises MaskError."""
    integers = []
    for frame, (pred, gt) in enumerate(zip(preds, gts, strict=True)):
        true = _edges(gt, gt.h, gt.w, frame, "ground truth")  # first, as its size is the frame's
        edges = [_edges(pred, gt.h, gt.w, frame, "mask"), true]
        if voids is not None:
            edges.append(_edges(voids[frame], gt.h, gt.w, frame, "void mask"))
        integers.append(_count(edges, gt.h, gt.w, inner, elements))
    return integers


def _edges(mask: Rle, h: int, w: int, frame: int, whose: str) -> npt.NDArray[np.int64]:
    # where foreground starts (even places) and stops (odd places) in column-major order
    if (mask.h, mask.w) != (h, w):
        try:
            mask = resize(mask, h, w)
        except MaskError as error:
            raise MaskError(error.reason, frame, whose) from None
    runs = lengths(mask, frame, whose)
    return np.add.accumulate(runs[: runs.size // 2 * 2])


def _count(
    edges: list[npt.NDArray[np.int64]], h: int, w: int, inner: bool, elements: Sequence[Element]
) -> tuple[int, ...]:
    nothing = (0,) * (5 + 2 * len(elements))
    areas = [int((edge[1::2] - edge[0::2]).sum()) for edge in edges]
    if not areas[0] and not areas[1]:
        return nothing
    # An empty mask may still have runs of zero pixels, anywhere: they must not be painted outside the box.
    edges[:2] = [edge if area else edge[:0] for edge, area in zip(edges[:2], areas, strict=False)]
    x0 = min(int(edge[0]) // h for edge, area in zip(edges[:2], areas, strict=False) if area)
    x1 = max(int(edge[-1] - 1) // h + 1 for edge, area in zip(edges[:2], areas, strict=False) if area)
    x0 -= x0 > 0 and not inner  # the edge boundary lies one pixel up and left of the mask
    masks = _paint(edges, h, x0, x1)
    if len(masks) == 3:
        masks = masks[:2] & ~masks[2]
        areas = _total(masks)
    inter = int(np.bitwise_count(masks[0] & masks[1]).sum())

    bands = np.flatnonzero(np.bitwise_or.reduce(masks, axis=(0, 2)))
    if not bands.size:
        return nothing
    k0, k1 = int(bands[0]) - (bands[0] > 0 and not inner), int(bands[-1]) + 1
    widest = elements[-1]
    crop = _Crop(
        k1 - k0, x1 - x0, len(widest) // 128 + 1, 1 + max(max(-left, right) for left, right in widest)
    )
    padded = crop.pad(masks[:, k0:k1])
    if inner:
        boundaries = _dilate(~padded, elements[0], crop)
        boundaries &= crop.centre(padded)
    else:
        boundaries = _edge_boundaries(padded, crop, h - 64 * k0, x1 == w)
    boundary_areas = _total(boundaries)
    matched = [0, 0] * len(elements)
    if all(boundary_areas):
        around = crop.pad(boundaries)
        reached = (_dilate(around, element, crop)[::-1] for element in elements)
        matched = [pixels for each in reached for pixels in _total(boundaries & each)]
    return (inter, *areas[:2], *boundary_areas, *matched)


class _Crop(NamedTuple):
    """The painted part of the image, and the margin of zeros around it."""

    bands: int
    columns: int
    ends: int  # bands above and below
    side: int  # columns left and right

    def pad(self, planes: Words) -> Words:
        padded = np.zeros((2, self.bands + 2 * self.ends, self.columns + 2 * self.side), np.uint64)
        self.centre(padded)[:] = planes
        return padded

    def centre(self, padded: Words, down: int = 0, right: int = 0) -> Words:
        """The crop, or what lies that many bands below and columns to the right of it."""
        top, left = self.ends + down, self.side + right
        return padded[:, top : top + self.bands, left : left + self.columns]


def _paint(edges: list[npt.NDArray[np.int64]], h: int, x0: int, x1: int) -> Words:
    """Bit planes of columns x0..x1: toggle a bit at every edge, then take the parity up to each bit."""
    bands, columns = (h + 63) // 64, x1 - x0
    # the planes side by side make one image; only a void mask may reach beyond the box
    bit = np.concatenate([(edge if place < 2 else np.clip(edge, x0 * h, x1 * h)) + (place * columns - x0) * h
                          for place, edge in enumerate(edges)])  # fmt: skip
    bit += bit // h * (64 * bands - h)
    word = bit >> 6
    planes = np.zeros(len(edges) * columns * bands + 1, np.uint64)  # one more for an edge at the very end
    first = np.concatenate(([0], (word[1:] != word[:-1]).nonzero()[0] + 1))
    # duplicates (runs of zero pixels) cancel, so exclusive or and never addition
    planes[word[first]] = np.bitwise_xor.reduceat(_ONE << (bit & 63).view(np.uint64), first)
    moved = np.empty_like(planes)
    for shift in (1, 2, 4, 8, 16, 32):
        planes ^= np.left_shift(planes, np.uint64(shift), out=moved)
    odd = np.bitwise_xor.accumulate(planes.view(np.int64) >> 63)  # all ones after an odd number of edges
    planes[1:] ^= odd.view(np.uint64)[:-1]
    painted = planes[:-1].reshape(len(edges), columns, bands)
    if h % 64:
        painted[:, :, -1] &= (_ONE << np.uint64(h % 64)) - _ONE
    return np.ascontiguousarray(painted.transpose(0, 2, 1))


def _dilate(padded: Words, element: Element, crop: _Crop) -> Words:
    """Where the element, centred on a pixel, meets the mask; without the margins of `padded`.

    From the outermost row of the element inwards its rows only widen, so the horizontal union of
    the columns grows by what is new and is shifted once per row.
    """
    radius = len(element) // 2
    if element == element[::-1]:
        passes = [[*((dy, -dy) for dy in range(radius, 0, -1)), (0,)]]
    else:
        passes = [[(dy,) for dy in range(-radius, 0)], [(dy,) for dy in range(radius, -1, -1)]]
    reached = np.zeros((2, crop.bands, crop.columns), np.uint64)
    moved = np.empty_like(reached)
    for rows in passes:
        wide: Words | None = None
        low = high = 0
        for shifts in rows:
            left, right = element[shifts[0] + radius]
            if left > right:
                continue
            if wide is None:
                wide = _columns(padded, crop, left).copy()
                low = high = left
            for dx in (*range(left, low), *range(high + 1, right + 1)):
                wide |= _columns(padded, crop, dx)
            low, high = min(low, left), max(high, right)
            for dy in shifts:
                band, shift = crop.ends + (dy >> 6), dy & 63
                reached |= np.right_shift(wide[:, band : band + crop.bands], np.uint64(shift), out=moved)
                if shift:
                    below = wide[:, band + 1 : band + 1 + crop.bands]
                    reached |= np.left_shift(below, np.uint64(64 - shift), out=moved)
    return reached


def _columns(padded: Words, crop: _Crop, right: int) -> Words:
    return padded[:, :, crop.side + right : crop.side + right + crop.columns]


def _edge_boundaries(padded: Words, crop: _Crop, rows: int, touches_right: bool) -> Words:
    """Pixels unlike their right, lower or lower right neighbour; beyond the image repeats its border.

    `rows` is how many image rows lie below the top of the crop.
    """
    if touches_right:
        padded[:, :, -crop.side] = padded[:, :, -crop.side - 1]
    last, after = rows - 1, rows
    if last >> 6 < crop.bands:
        repeated = padded[:, crop.ends + (last >> 6)] >> np.uint64(last & 63) & _ONE
        padded[:, crop.ends + (after >> 6)] |= repeated << np.uint64(after & 63)
    here = crop.centre(padded)
    boundaries = here ^ crop.centre(padded, right=1)
    for right in (0, 1):
        lower = crop.centre(padded, right=right) >> _ONE
        lower |= crop.centre(padded, down=1, right=right) << np.uint64(63)
        boundaries |= here ^ lower
    if after >> 6 < crop.bands:
        boundaries[:, after >> 6] &= (_ONE << np.uint64(after & 63)) - _ONE
    return boundaries


def _total(planes: Words) -> list[int]:
    totals: list[int] = np.bitwise_count(planes).sum(axis=(1, 2)).tolist()
    return totals
