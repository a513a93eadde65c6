"""COCO's compressed run lengths from a mask, in numpy: the gateway may live in an engine's environment.

Reference: cocoapi, maskApi.c (rleEncode, rleToString): column-major runs, alternating from background, each
after the second as the difference to the one two before, in groups of five bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def encode(mask: NDArray[np.bool_]) -> str:
    """The `counts` text of one [h, w] mask."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    bounds = np.concatenate([[0], edges, [flat.size]])
    runs = np.diff(bounds)
    if flat.size and flat[0]:
        runs = np.concatenate([[0], runs])
    return compress(runs)


def compress(runs: NDArray[np.int64]) -> str:
    """COCO's text of run lengths."""
    left = runs.astype(np.int64)
    left[3:] -= runs[1:-2]
    # At most seven groups hold 32 bits; a value stops when what is left is its own sign.
    groups = np.zeros((len(left), 7), np.uint8)
    used = np.zeros((len(left), 7), bool)
    going = np.ones(len(left), bool)
    for place in range(7):
        low = left & 0x1F
        left = left >> 5
        more = np.where(low & 0x10, left != -1, left != 0)
        groups[:, place] = low + 48 + 32 * more
        used[:, place] = going
        going = going & more
    return groups[used].tobytes().decode("ascii")
