"""UniPixel's BBox Acc: the box around a mask against the box of the annotation.

Reference: PolyU-ChenLab/UniPixel unipixel/eval/infer_seg.py, get_min_box; eval_refcoco.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sightbench import rle
from sightbench.rle import Rle

LEAST = 10
"""Parts of fewer pixels do not count; pixels belong together where they touch, at corners too."""
AT = 0.5

Box = tuple[float, float, float, float]
"""left, top, right, bottom"""


def box_around(mask: Rle) -> Box | None:
    """The box from the first to the last column and row of the mask's larger parts; None without such.

    As the reference has it, what is one pixel wide has a width of 0. Raises MaskError.
    """
    from scipy import ndimage

    labels, _ = ndimage.label(rle.decode(mask), np.ones((3, 3)))
    large = np.bincount(labels.ravel()) >= LEAST
    large[0] = False
    rows, columns = np.nonzero(large[labels])
    if not rows.size:
        return None
    return float(columns.min()), float(rows.min()), float(columns.max()), float(rows.max())


def hits_box(mask: Rle | None, annotated: Sequence[float]) -> bool:
    """Whether the mask's box and an annotation's [left, top, width, height] have an IoU of at least AT."""
    found = None if mask is None else box_around(mask)
    if found is None:
        return False
    left, top, width, height = annotated
    true = (left, top, left + width, top + height)
    across = min(found[2], true[2]) - max(found[0], true[0])
    down = min(found[3], true[3]) - max(found[1], true[1])
    inter = max(0.0, across) * max(0.0, down)
    union = (found[2] - found[0]) * (found[3] - found[1]) + width * height - inter
    return bool(union > 0 and inter / union >= AT)
