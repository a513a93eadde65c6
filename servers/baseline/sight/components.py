"""Connected components of a class map, without a compiled image library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def components(classes: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Label the 4-connected regions of equal non-zero class in one map [h, w].

    Returns labels [h, w] (0 background, 1..n) and the class of each label [n + 1] (0 first), labels in
    the order of their first pixel.
    """
    height, width = classes.shape
    flat = np.zeros((height, width + 1), np.uint8)
    flat[:, :width] = classes
    line = flat.ravel()
    change = np.flatnonzero(np.diff(line, prepend=0))
    starts = change[line[change] > 0]
    if not len(starts):
        return np.zeros((height, width), np.int32), np.zeros(1, np.uint8)
    ends = change[np.searchsorted(change, starts, side="right")]
    rows, first, last = starts // (width + 1), starts % (width + 1), ends - starts + starts % (width + 1)
    kinds = line[starts]

    roots = np.arange(len(starts))
    top, bottom = _touching(rows, first, last, kinds)
    while True:
        low = np.minimum(roots[top], roots[bottom])
        before = roots.copy()
        np.minimum.at(roots, roots[top], low)
        np.minimum.at(roots, roots[bottom], low)
        roots = roots[roots]
        if np.array_equal(before, roots):
            break
    unique, numbers = np.unique(roots, return_inverse=True)
    steps = np.zeros(line.size + 1, np.int32)
    np.add.at(steps, starts, numbers + 1)
    np.add.at(steps, ends, -(numbers + 1))
    labels = np.cumsum(steps[:-1], dtype=np.int32).reshape(height, width + 1)[:, :width]
    return labels, np.concatenate([np.zeros(1, np.uint8), kinds[unique]])


def _touching(
    rows: NDArray[np.intp], first: NDArray[np.intp], last: NDArray[np.intp], kinds: NDArray[np.uint8]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of runs in neighbouring rows that share a column and a class."""
    stride = int(last.max()) + 2
    begin = np.searchsorted(rows * stride + last, (rows - 1) * stride + first, side="right")
    end = np.searchsorted(rows * stride + first, (rows - 1) * stride + last, side="left")
    counts = np.maximum(end - begin, 0)
    below = np.repeat(np.arange(len(rows)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    above = np.repeat(begin, counts) + offset
    same = kinds[above] == kinds[below]
    return above[same], below[same]
