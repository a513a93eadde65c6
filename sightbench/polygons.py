"""Polygons -> masks by the two rules that benchmarks' ground truth depends on, exact to the pixel.

`coco` is pycocotools' rule (COCO and all RefCOCO sets), `opencv` that of cv2.fillPoly in OpenCV 4.8.0, which
ReasonSeg's references pin: later versions set other pixels for every second polygon.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sightbench.errors import SightbenchError
from sightbench.rle import Rle, check_size, from_array, from_lengths

Integers = npt.NDArray[np.int64]

FARTHEST = 2**20
"""Coordinates beyond this many pixels are refused: no image is that large."""
LONGEST = 2**24
"""Pixels that the outline of one polygon may run over; what is longer is no outline of anything."""

_FINE = 5  # pycocotools walks along the outline in fifths of a pixel
_SHIFT = 16  # OpenCV's fixed point


class PolygonError(SightbenchError):
    """Numbers that are no polygon."""


def coco(polygon: Sequence[float], h: int, w: int) -> Rle:
    """The mask of [x0, y0, x1, y1, ...] on h x w pixels as pycocotools draws it. Raises PolygonError.

    Reference: cocodataset/cocoapi, common/maskApi.c, rleFrPoly.
    """
    check_size(h, w)
    corners = np.trunc(_FINE * _corners(polygon) + 0.5).astype(np.int64)
    u, v = _walk(corners)
    back, here = slice(None, -1), slice(1, None)
    crossing = u[here] != u[back]
    # A column is crossed where the walk steps over its middle.
    x = (np.minimum(u[here], u[back])[crossing] + 0.5) / _FINE - 0.5
    y = (np.minimum(v[here], v[back])[crossing] + 0.5) / _FINE - 0.5
    on_column = (np.floor(x) == x) & (x >= 0) & (x <= w - 1)
    row = np.ceil(np.clip(y[on_column], 0, h)).astype(np.int64)
    place, times = np.unique(x[on_column].astype(np.int64) * h + row, return_counts=True)
    turns = place[(times % 2 == 1) & (place < h * w)]
    return from_lengths(h, w, np.diff(np.concatenate(([0], turns, [h * w]))))


def opencv(points: Sequence[Sequence[float]], h: int, w: int) -> npt.NDArray[np.bool_]:
    """bool, h x w: the pixels that cv2.fillPoly (OpenCV 4.8.0) sets for [[x, y], ...]. Raises PolygonError.

    Reference: opencv/opencv 4.8.0, modules/imgproc/src/drawing.cpp, CollectPolyEdges and FillEdgeCollection.
    """
    check_size(h, w)
    start = np.trunc(_corners([number for point in points for number in _pair(point)])).astype(np.int64)
    ends = np.roll(start, -1, axis=0)
    outline = list(zip(start.tolist(), ends.tolist(), strict=True))
    clipped = [_clip((x1, y1, x2, y2), h, w) for (x1, y1), (x2, y2) in outline]
    mask = np.zeros((h, w), bool)
    lines = np.array([line for line, visible in clipped if visible], np.int64).reshape(-1, 4)
    if len(lines):
        x, y = _bresenham(lines)
        mask[y, x] = True
    edges = [
        edge
        for (first, second), (line, _) in zip(outline, clipped, strict=True)
        if (edge := _edge(first, second, line, h, w)) is not None
    ]
    if edges:
        mask |= _fill(np.array(edges, np.int64), h, w)
    return mask


def opencv_rle(points: Sequence[Sequence[float]], h: int, w: int) -> Rle:
    """The mask of `opencv` as RLE."""
    return from_array(opencv(points, h, w))


def _pair(point: Sequence[float]) -> Sequence[float]:
    if not isinstance(point, (list, tuple)) or len(point) != 2:
        raise PolygonError("a point must be two numbers [x, y]")
    return point


def _corners(polygon: Sequence[float]) -> npt.NDArray[np.float64]:
    """float64, points x 2, checked."""
    if any(type(number) not in (int, float) for number in polygon):
        raise PolygonError("a polygon must be a list of numbers")
    if len(polygon) < 2 or len(polygon) % 2:
        raise PolygonError(f"a polygon must have two numbers a point, not {len(polygon)} in all")
    try:
        corners = np.array(polygon, np.float64).reshape(-1, 2)
    except OverflowError:
        raise PolygonError("a polygon has a number that is too large") from None
    if not (np.abs(corners) <= FARTHEST).all():
        raise PolygonError(f"a polygon has a point that is no place within {FARTHEST} pixels")
    if np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1).sum() > LONGEST:
        raise PolygonError(f"the outline of a polygon is longer than {LONGEST} pixels")
    return corners


def _walk(corners: Integers) -> tuple[Integers, Integers]:
    """The points of the closed outline, one unit apart along each edge's longer axis, both ends included.

    Each is computed from the edge's smaller end, whichever way the edge runs, and cut towards zero.
    """
    start, end = corners, np.roll(corners, -1, axis=0)
    wide, high = np.abs(end - start).T
    flat = wide >= high
    backwards = np.where(flat, start[:, 0] > end[:, 0], start[:, 1] > end[:, 1])
    low, far = np.where(backwards[:, None], end, start), np.where(backwards[:, None], start, end)
    length = np.maximum(wide, high)
    rise = np.where(flat, far[:, 1] - low[:, 1], far[:, 0] - low[:, 0])
    slope = rise / np.maximum(length, 1)
    edge = np.repeat(np.arange(len(corners)), length + 1)
    step = np.arange(edge.size) - np.repeat(np.cumsum(length + 1) - length - 1, length + 1)
    step = np.where(backwards[edge], length[edge] - step, step)
    base = np.where(flat, low[:, 1], low[:, 0])[edge]
    across = np.trunc(base + slope[edge] * step + 0.5).astype(np.int64)
    along = np.where(flat, low[:, 0], low[:, 1])[edge] + step
    return np.where(flat[edge], along, across), np.where(flat[edge], across, along)


Line = tuple[int, int, int, int]


def _clip(line: Line, h: int, w: int) -> tuple[Line, bool]:
    """The line as Cohen and Sutherland's clipping leaves it, rows before columns, and whether any of it is in
    the image. A moved end is computed from the line as it is by then, cut towards zero."""

    x1, y1, x2, y2 = line

    def outside(x: int, y: int) -> int:
        return (x < 0) + 2 * (x > w - 1) + 4 * (y < 0) + 8 * (y > h - 1)

    first, second = outside(x1, y1), outside(x2, y2)
    if first & second or not first | second:
        return line, not first | second
    if first & 12:
        edge = 0 if first < 8 else h - 1
        x1, y1 = x1 + int(float(edge - y1) * (x2 - x1) / (y2 - y1)), edge
        first = outside(x1, y1)
    if second & 12:
        edge = 0 if second < 8 else h - 1
        x2, y2 = x2 + int(float(edge - y2) * (x2 - x1) / (y2 - y1)), edge
        second = outside(x2, y2)
    if not first & second and first | second:
        if first:
            edge = 0 if first == 1 else w - 1
            x1, y1 = edge, y1 + int(float(edge - x1) * (y2 - y1) / (x2 - x1))
        if second:
            edge = 0 if second == 1 else w - 1
            x2, y2 = edge, y2 + int(float(edge - x2) * (y2 - y1) / (x2 - x1))
        first = second = 0
    return (x1, y1, x2, y2), not first | second


def _bresenham(lines: Integers) -> tuple[Integers, Integers]:
    """Columns and rows of the pixels of lines (x1, y1, x2, y2), drawn from their left end."""
    lines = np.where((lines[:, 0] > lines[:, 2])[:, None], lines[:, [2, 3, 0, 1]], lines)
    wide, high = lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]
    down = np.where(high < 0, -1, 1)
    high = np.abs(high)
    long, short = np.maximum(wide, high), np.minimum(wide, high)
    line = np.repeat(np.arange(len(lines)), long + 1)
    step = np.arange(line.size) - np.repeat(np.cumsum(long + 1) - long - 1, long + 1)
    # How often the error has run below zero by then.
    aside = (2 * short[line] * step + long[line] - 1) // np.maximum(2 * long[line], 1)
    aside = np.maximum(aside, 0)
    flat = wide >= high
    x = lines[line, 0] + np.where(flat[line], step, aside)
    y = lines[line, 1] + down[line] * np.where(flat[line], aside, step)
    return x, y


def _edge(
    first: list[int], second: list[int], line: Line, h: int, w: int
) -> tuple[int, int, int, int] | None:
    """(upper row, lower row, x there, x per row) in fixed point; None for a horizontal one.

    An edge within the image runs through the middles of pixels, one that is clipped through their corners.
    """
    (x1, y1), (x2, y2) = first, second
    if y1 == y2:
        return None
    if all(0 <= x < w and 0 <= y < h for x, y in (first, second)):
        begin, end = (((x << _SHIFT) + (1 << _SHIFT - 1), y) for x, y in (first, second))
    else:
        seen = line if line[1] != line[3] else (x1, y1, x2, y2)
        begin, end = (seen[0] << _SHIFT, seen[1]), (seen[2] << _SHIFT, seen[3])
    run, rows = end[0] - begin[0], end[1] - begin[1]
    slope = abs(run) // abs(rows) * (1 if (run < 0) == (rows < 0) else -1)  # cut towards zero, as C divides
    # The rows are those of the whole edge: what was clipped off goes on with the slope of what was not.
    top, (x, y) = (y1, begin) if y1 < y2 else (y2, end)
    return top, max(y1, y2), x + (top - y) * slope, slope


def _fill(edges: Integers, h: int, w: int) -> npt.NDArray[np.bool_]:
    """bool, h x w: what lies between each row's first and second edge, third and fourth, ..."""
    top, bottom = np.maximum(edges[:, 0], 0), np.minimum(edges[:, 1], h)
    count = np.maximum(bottom - top, 0)
    edge = np.repeat(np.arange(len(edges)), count)
    row = np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count) + top[edge]
    x = edges[edge, 2] + edges[edge, 3] * (row - edges[edge, 0])
    order = np.lexsort((x, row))
    row, x = row[order], x[order]
    place = np.arange(row.size) - np.searchsorted(row, row)
    left = np.flatnonzero((place % 2 == 0) & (np.append(row[1:], -1) == row))
    rows, begin, end = row[left], x[left] >> _SHIFT, x[left + 1] >> _SHIFT
    seen = (end >= 0) & (begin < w)
    rows, begin, end = rows[seen], np.maximum(begin[seen], 0), np.minimum(end[seen], w - 1)
    steps = np.zeros((h, w + 1), np.int32)
    np.add.at(steps, (rows, begin), 1)
    np.add.at(steps, (rows, end + 1), -1)
    return np.cumsum(steps, axis=1)[:, :w] > 0
