"""J&F of masks that a program holds: COCO RLEs in, one object's score out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sightbench import rle
from sightbench.scorers.masks.definitions import DYNBENCH_TOLERANCE
from sightbench.scorers.masks.jf import ObjectScore, score_object

WireRle = Mapping[str, Any]
"""`{"size": [h, w], "counts": "..."}` as pycocotools writes it, counts as text, bytes or numbers."""


def score_masks(
    pred_rles: Sequence[WireRle | None],
    gt_rles: Sequence[WireRle],
    definition: str = "davis",
    *,
    tolerance: int = DYNBENCH_TOLERANCE,
) -> ObjectScore:
    """J, F and J&F (0 to 1) of one object's masks against its ground truth, one RLE per frame in order.

    A prediction that is None is an empty mask. `definition` says whose rules: dynbench, davis,
    davis-unsupervised, mevis, revos, vos-benchmark, sa-v or mosev2; davis leaves out the first and the last
    frame. `tolerance` is Dyn-Bench's boundary threshold in pixels. Raises UsageError for an unknown
    definition, MaskError (a SightbenchError) with the frame for a mask that cannot be read.

    Reference: Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation,
    CVPR 2016; each definition follows its own implementation (scorers/masks/).
    """
    preds = [None if mask is None else rle.read(mask, frame) for frame, mask in enumerate(pred_rles)]
    gts = [rle.read(mask, frame) for frame, mask in enumerate(gt_rles)]
    return score_object(preds, gts, definition, tolerance=tolerance)
