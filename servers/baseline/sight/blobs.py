"""Class maps -> blobs: the connected pieces of one colour in one frame, and which of their sides are true.

A side is true where the piece really ends there; not at the picture's edge, and not where another object
that stands nearer cuts it off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sightbench.servers.baseline.sight.components import components
from sightbench.servers.baseline.sight.palette import MAT_CLASS, WHITE

SMALLEST = 40 / (320 * 240)
"""Of the picture: pieces smaller than this are noise (white ones, which the ground mimics, 3 times this)."""

MOST = 24
"""Blobs of one frame, the largest: pictures that are all specks must not take for ever."""


@dataclass(frozen=True, slots=True)
class Box:
    """Columns `left` to `right` and rows `top` to `bottom` (both ends exclusive at the far side)."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Sides:
    left: bool
    top: bool
    right: bool
    bottom: bool


@dataclass(frozen=True, slots=True)
class Blob:
    """`kind` is the class of its colour; `pieces` are its labels in the frame's component map."""

    frame: int
    kind: int
    pieces: tuple[int, ...]
    area: int
    column: float
    box: Box
    true: Sides
    touches: bool

    @property
    def whole(self) -> bool:
        """Nothing else cuts or touches it."""
        return not self.touches and all((self.true.left, self.true.top, self.true.right, self.true.bottom))


def find_blobs(frame: int, classes: NDArray[np.uint8]) -> tuple[NDArray[np.int32], list[Blob]]:
    """The component map [h, w] of one frame and its blobs, largest first."""
    solid = np.where(classes == MAT_CLASS, 0, classes)
    labels, kinds = components(solid)
    areas = np.bincount(labels.ravel(), minlength=len(kinds))
    least = SMALLEST * labels.size * np.where(kinds == WHITE, 3, 1)
    large = [int(k) for k in np.argsort(-areas, kind="stable") if kinds[k] > 0 and areas[k] >= least[k]]
    boxes = {k: _box(labels, k) for k in large[:MOST]}
    found = []
    for k, box in boxes.items():
        crop = labels[box.top : box.bottom, box.left : box.right] == k
        column = box.left + float(crop.sum(0) @ (np.arange(box.width) + 0.5)) / int(areas[k])
        true, touches = _sides(labels, k, box, crop, boxes)
        found.append(Blob(frame, int(kinds[k]), (k,), int(areas[k]), column, box, true, touches))
    return labels, _joined(sorted(found, key=lambda blob: -blob.area), labels)


def _box(labels: NDArray[np.int32], k: int) -> Box:
    rows = np.flatnonzero((labels == k).any(1))
    columns = np.flatnonzero((labels[rows[0] : rows[-1] + 1] == k).any(0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _sides(
    labels: NDArray[np.int32], k: int, box: Box, crop: NDArray[np.bool_], boxes: dict[int, Box]
) -> tuple[Sides, bool]:
    """Look two pixels outwards from the outermost pixels of each side for others that stand nearer."""
    h, w = labels.shape
    touches = False

    def clear(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> bool:
        nonlocal touches
        inside = (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
        beyond = labels[rows[inside], columns[inside]]
        others = [int(o) for o in np.unique(beyond) if o in boxes and o != k]
        touches = touches or bool(others)
        nearer = [o for o in others if boxes[o].bottom > box.bottom]
        return not any((beyond == o).sum() > 0.15 * max(len(rows), 1) for o in nearer)

    reach = 2
    along_left = np.flatnonzero(crop[:, : max(2, box.width // 12)].any(1)) + box.top
    along_right = np.flatnonzero(crop[:, -max(2, box.width // 12) :].any(1)) + box.top
    along_top = np.flatnonzero(crop[: max(2, box.height // 12)].any(0)) + box.left
    along_bottom = np.flatnonzero(crop[-max(2, box.height // 12) :].any(0)) + box.left
    sides = Sides(
        left=box.left > 0 and clear(along_left, np.full_like(along_left, box.left - reach)),
        top=box.top > 0 and clear(np.full_like(along_top, box.top - reach), along_top),
        right=box.right < w and clear(along_right, np.full_like(along_right, box.right - 1 + reach)),
        bottom=box.bottom < h and clear(np.full_like(along_bottom, box.bottom - 1 + reach), along_bottom),
    )
    return sides, touches


def _joined(blobs: list[Blob], labels: NDArray[np.int32]) -> list[Blob]:
    """Put together the pieces of one colour that something nearer has cut apart."""
    blobs = list(blobs)
    i = 0
    while i < len(blobs):
        for j in range(i + 1, len(blobs)):
            whole = _join(blobs[i], blobs[j], labels)
            if whole is not None:
                blobs[i] = whole
                del blobs[j]
                break
        else:
            i += 1
    return blobs


def _join(a: Blob, b: Blob, labels: NDArray[np.int32]) -> Blob | None:
    if a.kind != b.kind:
        return None
    if a.box.left > b.box.left:
        a, b = b, a
    beside = not a.true.right and not b.true.left and a.box.right <= b.box.left + 2
    over, under = (a, b) if a.box.top < b.box.top else (b, a)
    stacked = not over.true.bottom and not under.true.top and over.box.bottom <= under.box.top + 2
    if not (beside or stacked):
        return None
    box = Box(
        min(a.box.left, b.box.left),
        min(a.box.top, b.box.top),
        max(a.box.right, b.box.right),
        max(a.box.bottom, b.box.bottom),
    )
    if not 0.4 < box.width / box.height < 2.2:
        return None
    between = (
        labels[box.top : box.bottom, a.box.right : b.box.left]
        if beside
        else labels[over.box.bottom : under.box.top, box.left : box.right]
    )
    if between.size and (between > 0).mean() < 0.5:
        return None
    true = Sides(
        left=a.true.left,
        top=over.true.top,
        right=b.true.right,
        bottom=a.true.bottom if a.box.bottom >= b.box.bottom else b.true.bottom,
    )
    area = a.area + b.area
    column = (a.column * a.area + b.column * b.area) / area
    return replace(a, pieces=a.pieces + b.pieces, area=area, column=column, box=box, true=true, touches=True)
