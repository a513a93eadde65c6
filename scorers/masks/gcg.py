"""Grounded conversation generation (GranD-f): a caption whose phrases come with masks.

    AP50   COCO's average precision of the masks at IoU 0.5, all of one class and of one confidence
    mIoU   of each image the mean IoU of pairs taken greedily, the best first; the mean over images

An unmatched mask and a missed object cost nothing in mIoU: it means little without AP50. Recall compares
phrases by BERT's states, METEOR and CIDEr are of the captions: they need more than masks, and are n/a.
Reference: mbzuai-oryx/groundingLMM eval/gcg; cocodataset/cocoapi COCOeval (101 points of recall, 100 masks an
image).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sightbench.rle import MaskError, Rle
from sightbench.scorers.aggregate import mean_value
from sightbench.scorers.groups import valued
from sightbench.scorers.masks.image_iou import ImageFields, extract, image_scorer, with_failures
from sightbench.scorers.masks.overlap import intersection_over_union
from sightbench.scorers.masks.shapes import ImageTruth
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile
from sightbench.scorers.statistics.means import bootstrap

AT = 0.5
MOST = 100
"""As many masks of an image COCO looks at."""
RECALLS = np.linspace(0.0, 1.0, 101)
WITHOUT = {
    "Recall": "compares phrases by a text model (BERT)",
    "METEOR": "of the caption, which is not judged beside masks",
    "CIDEr": "of the caption, which is not judged beside masks",
}


def judge(extraction: Extraction, gold: ImageTruth, fields: ImageFields, context: Context) -> Grade:
    """The mIoU (0..1) of one image.

    `detail` has the number of true masks (`objects`) and for each predicted one, in order, whether it matches
    one of them (`hits`), which is what AP50 is made of. Raises MaskError for true masks that cannot be read.
    """
    masks: tuple[Rle, ...] = extraction.answer
    detail: dict[str, Any] = dict(extraction.detail)
    rule, unparsed = extraction.rule, extraction.unparsed
    try:
        if any(mask[:2] != (gold.size or mask[:2]) for mask in masks):
            raise MaskError("a mask of another size than the image")
        ious = [[_iou(*intersection_over_union(mask, true)) for true in gold.parts] for mask in masks]
    except MaskError as error:
        if error.whose == "ground truth":
            raise
        detail["error"] = str(error)
        rule, unparsed, ious = "invalid mask", True, []
    detail |= {"objects": len(gold.parts), "hits": hits(ious)}
    return Grade(greedy(ious), extraction.parsed, "unparsed" if unparsed else "scored", rule, detail)


def _iou(inter: int, union: int) -> float:
    return inter / union if union else 0.0


def hits(ious: Sequence[Sequence[float]]) -> list[bool]:
    """Whether each predicted mask, in order, finds a true one that is free, with an IoU of at least AT.

    It takes the best of them, of equal ones the last. ious[p][t] is of prediction p and truth t.
    """
    taken: set[int] = set()
    found = []
    for row in ious[:MOST]:
        free = [(iou, place) for place, iou in enumerate(row) if iou >= AT and place not in taken]
        found.append(bool(free))
        taken |= {max(free)[1]} if free else set()
    return found


def greedy(ious: Sequence[Sequence[float]]) -> float:
    """The mean IoU of the pairs that are taken, the largest above 0 first; 0 without any."""
    left = np.array(ious, float)
    taken = []
    while left.size and left.max() > 0:
        pred, true = np.unravel_index(left.argmax(), left.shape)
        taken.append(float(left[pred, true]))
        left[pred, :] = left[:, true] = 0
    return float(np.mean(taken)) if taken else 0.0


def average_precision(found: np.ndarray, objects: int) -> float:
    """COCO's AP (0..1) of detections in this order, 1 for a right one, else 0; nan without objects."""
    if not objects:
        return float("nan")
    right = np.cumsum(found)
    recall = right / objects
    precision = right / (np.arange(1, len(found) + 1) + np.spacing(1))
    best = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS, side="left")
    return float(np.mean(np.append(best, 0.0)[np.minimum(at, len(found))]))


def summed_up(rows: Sequence[Row], profile: str) -> Metric:
    """AP50 in % over all images, in the order of their ids as text; below it mIoU, and what is not judged."""
    known = [row for row, _ in valued(with_failures(rows, judge, profile))]
    known.sort(key=lambda row: row.sample.id)
    found = [np.array(row.score.detail.get("hits", ()), float) for row in known]
    objects = np.array([row.score.detail.get("objects", 0) for row in known])

    def statistic(images: np.ndarray) -> float:
        return 100 * average_precision(np.concatenate([found[i] for i in images]), objects[images].sum())

    total = bootstrap("AP50", statistic, [row.sample.affinity for row in known])
    unjudged = (Metric(name, None, 0, "", note=why) for name, why in WITHOUT.items())
    return replace(total, parts=(mean_value("mIoU", rows), *unjudged))


GCG = replace(
    image_scorer(
        "gcg", "Masks of a described image: AP50 over a set, and mIoU, as GranD-f is scored.", summed_up
    ),
    profiles=(Profile.OFFICIAL, Profile.SA2VA),
    extract=extract,
    judge=judge,
    axes=(),
)
