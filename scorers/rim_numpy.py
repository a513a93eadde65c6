"""The seven integers of a mask pair with numpy alone, where the C core was not built.

Masks become bit planes: uint64 words of 64 rows of one column, shape (masks, columns, bands). A
vertical neighbour is then a shift by one bit, a horizontal one the next column, and one operation
treats 64 pixels. Only the columns and bands that hold foreground are painted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scorers.rle import MaskError, Rle, lengths, resize

Words = npt.NDArray[np.uint64]
Element = tuple[tuple[int, int], ...]

_ONE = np.uint64(1)
_FULL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


def counts(
    preds: Sequence[Rle], gts: Sequence[Rle], voids: Sequence[Rle] | None, inner: bool, element: Element
) -> list[tuple[int, ...]]:
    """Seven integers per frame; `scorers.rims.count` says which. Raises MaskError."""
    found = []
    for frame, (pred, gt) in enumerate(zip(preds, gts, strict=True)):
        edges = [_edges(pred, gt.h, gt.w, frame, "mask"), _edges(gt, gt.h, gt.w, frame, "ground truth")]
        if voids is not None:
            edges.append(_edges(voids[frame], gt.h, gt.w, frame, "void mask"))
        found.append(_count(edges, gt.h, gt.w, inner, element))
    return found


def _edges(mask: Rle, h: int, w: int, frame: int, whose: str) -> npt.NDArray[np.int64]:
    # where foreground starts (even places) and stops (odd places) in column-major order
    if (mask.h, mask.w) != (h, w):
        try:
            mask = resize(mask, h, w)
        except MaskError as error:
            raise MaskError(error.reason, frame, whose) from None
    runs = lengths(mask, frame, whose)
    return np.cumsum(runs)[: runs.size // 2 * 2]


def _count(
    edges: list[npt.NDArray[np.int64]], h: int, w: int, inner: bool, element: Element
) -> tuple[int, ...]:
    areas = [int((edge[1::2] - edge[0::2]).sum()) for edge in edges]
    if not areas[0] and not areas[1]:
        return (0,) * 7
    x0 = min(int(edge[0]) // h for edge, area in zip(edges[:2], areas, strict=False) if area)
    x1 = max(int(edge[-1] - 1) // h + 1 for edge, area in zip(edges[:2], areas, strict=False) if area)
    x0 -= x0 > 0 and not inner  # the edge rim lies one pixel up and left of the mask
    planes = _paint(edges, h, x0, x1)
    masks = planes[:2]
    if len(planes) == 3:
        masks &= ~planes[2]
        areas = _total(masks)
    inter = int(np.bitwise_count(masks[0] & masks[1]).sum())

    bands = np.flatnonzero(masks.any(axis=(0, 1)))
    if not bands.size:
        return (0,) * 7
    k0, k1 = int(bands[0]) - (bands[0] > 0 and not inner), int(bands[-1]) + 1
    side = 1 + max(max(-left, right) for left, right in element)
    ends = len(element) // 128 + 1
    margins = ((0, 0), (side, side), (ends, ends))
    padded = np.pad(masks[:, :, k0:k1], margins)
    centre = (slice(None), slice(side, -side), slice(ends, -ends))
    if inner:
        rims = padded[centre] & _dilate(~padded, element, side, ends)
    else:
        rims = _edge_rims(padded, side, ends, h - 64 * k0, x1 == w)
    rim_areas = _total(rims)
    matched = [0, 0]
    if all(rim_areas):
        padded = np.pad(rims, margins)
        matched = _total(rims & _dilate(padded, element, side, ends)[::-1])
    return (inter, *areas[:2], *rim_areas, *matched)


def _paint(edges: list[npt.NDArray[np.int64]], h: int, x0: int, x1: int) -> Words:
    """Bit planes of columns x0..x1: toggle a bit at every edge, then take the parity up to each bit."""
    bands = (h + 63) // 64
    plane = (x1 - x0) * bands + 1  # one word more for an edge at the very end
    at = []
    for place, edge in enumerate(edges):
        inside = np.clip(edge, x0 * h, x1 * h)
        at.append(64 * (place * plane + (inside // h - x0) * bands) + inside % h)
    bit = np.concatenate(at)
    word = bit >> 6
    first = np.flatnonzero(np.diff(word, prepend=-1))
    planes = np.zeros(len(edges) * plane, np.uint64)
    if first.size:
        # duplicates (runs of zero pixels) cancel, so exclusive or and never addition
        planes[word[first]] = np.bitwise_xor.reduceat(_ONE << (bit & 63).astype(np.uint64), first)
    for shift in (1, 2, 4, 8, 16, 32):
        planes ^= planes << np.uint64(shift)
    planes[1:] ^= (np.bitwise_xor.accumulate(planes >> np.uint64(63)) * _FULL)[:-1]
    painted = planes.reshape(len(edges), plane)[:, :-1].reshape(len(edges), x1 - x0, bands)
    if h % 64:
        painted[:, :, -1] &= (_ONE << np.uint64(h % 64)) - _ONE
    return painted


def _dilate(padded: Words, element: Element, side: int, ends: int) -> Words:
    """Where the element, centred on a pixel, meets the mask; without the margins of `padded`.

    From the outermost row of the element inwards its rows only widen, so the horizontal union of
    the columns grows by what is new and is shifted once per row.
    """
    masks, columns, bands = padded.shape
    columns -= 2 * side
    bands -= 2 * ends
    radius = len(element) // 2
    reached = np.zeros((masks, columns, bands), np.uint64)
    for rows in (range(-radius, 0), range(radius, -1, -1)):
        wide: Words | None = None
        low = high = 0
        for dy in rows:
            left, right = element[dy + radius]
            if left > right:
                continue
            if wide is None:
                wide = padded[:, side + left : side + left + columns].copy()
                low, high = left, left
            for dx in (*range(left, low), *range(high + 1, right + 1)):
                wide |= padded[:, side + dx : side + dx + columns]
            low, high = min(low, left), max(high, right)
            band, shift = ends + (dy >> 6), np.uint64(dy & 63)
            reached |= wide[:, :, band : band + bands] >> shift
            if shift:
                reached |= wide[:, :, band + 1 : band + 1 + bands] << (np.uint64(64) - shift)
    return reached


def _edge_rims(padded: Words, side: int, ends: int, rows: int, touches_right: bool) -> Words:
    """Pixels unlike their right, lower or lower right neighbour; beyond the image repeats its border.

    `rows` is how many image rows lie below the top of the crop.
    """
    if touches_right:
        padded[:, -side] = padded[:, -side - 1]
    band, bit = ends + ((rows - 1) >> 6), np.uint64((rows - 1) & 63)
    if band < padded.shape[2] - ends:
        below, below_bit = ends + (rows >> 6), np.uint64(rows & 63)
        padded[:, :, below] |= ((padded[:, :, band] >> bit) & _ONE) << below_bit
    here, right = padded[:, side:-side], padded[:, side + 1 : padded.shape[1] - side + 1]

    def lower(plane: Words) -> Words:
        moved: Words = plane[:, :, ends:-ends] >> _ONE
        moved |= plane[:, :, ends + 1 : plane.shape[2] - ends + 1] << np.uint64(63)
        return moved

    centre = here[:, :, ends:-ends]
    rims: Words = (centre ^ right[:, :, ends:-ends]) | (centre ^ lower(here)) | (centre ^ lower(right))
    if rows < 64 * rims.shape[2]:
        rims[:, :, rows >> 6] &= (_ONE << np.uint64(rows & 63)) - _ONE
    return rims


def _total(planes: Words) -> list[int]:
    return [int(total) for total in np.bitwise_count(planes).sum(axis=(1, 2))]
