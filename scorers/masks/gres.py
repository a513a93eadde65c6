"""gRefCOCO: expressions that may mean several objects, or none.

Reference: henghuiding/ReLA gres_model/evaluation/refer_evaluation.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from sightbench.rle import MaskError
from sightbench.scorers.aggregate import mean_value
from sightbench.scorers.groups import valued
from sightbench.scorers.masks.image_iou import (
    ImageFields,
    area,
    chosen,
    extract,
    image_scorer,
    pixels,
    precisions,
    with_failures,
)
from sightbench.scorers.masks.shapes import ImageTruth
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile
from sightbench.scorers.statistics.means import mean, ratio

FEW = 50
"""Pixels below which the GRES paper counts a mask as none for models that have no no-target head; no code
that could be read does so."""
PRECISIONS = (0.7, 0.8, 0.9)


def judge(extraction: Extraction, gold: ImageTruth, fields: ImageFields, context: Context) -> Grade:
    """The IoU (0..1) of one expression: 1 where none is meant and none is shown, 0 where one of the two is.

    A model says that there is no target by `no_target`, or by an empty mask. A target that it denies has no
    intersection; its mask, if there is one, still counts in the union.
    """
    masks = extraction.answer
    detail: dict[str, Any] = dict(extraction.detail)
    rule, unparsed = extraction.rule, extraction.unparsed
    try:
        if any(mask[:2] != (gold.size or masks[0][:2]) for mask in masks):
            raise MaskError("a mask of another size than the image")
        pred = chosen(masks, context.profile)
        size = area(pred)
    except MaskError as error:
        detail["error"] = str(error)
        rule, unparsed, pred, size = "invalid mask", True, None, 0
    both, union = pixels(pred, gold.union(pred), gold.ignored)
    denied = fields.no_target
    detail |= {"no_target": not gold.parts, "predicted_pixels": size}
    for suffix, least in (("", 1), (f"_{FEW}", FEW)):
        none = denied if denied is not None else size < least
        detail |= _counted(both, union, not gold.parts, none, suffix)
    if unparsed:
        # A broken answer does not say that there is no target.
        detail |= {"IoU": 0.0, f"IoU_{FEW}": 0.0, "says_none": False, f"says_none_{FEW}": False}
    status: Literal["scored", "unparsed"] = "unparsed" if unparsed else "scored"
    return Grade(detail["IoU"], extraction.parsed, status, rule, detail)


def _counted(both: int, union: int, no_target: bool, none: bool, suffix: str) -> dict[str, Any]:
    if no_target:
        iou, inter, whole = (1.0, 0, 0) if none else (0.0, 0, union)
    else:
        inter, whole = (0 if none else both), union
        iou = inter / whole if whole else 0.0
    return {f"IoU{suffix}": iou, f"I{suffix}": inter, f"U{suffix}": whole, f"says_none{suffix}": none}


def summed_up(rows: Sequence[Row], profile: str) -> Metric:
    """gIoU in % over all expressions; below it cIoU, N-acc (no-target expressions recognised as such), T-acc
    (target expressions not denied), precision over those with a target, and the same at FEW pixels."""
    judged = with_failures(rows, judge, profile)
    known = [row for row, _ in valued(judged) if "IoU" in row.score.detail]
    targets = [row for row in known if not row.score.detail["no_target"]]
    others = [row for row in known if row.score.detail["no_target"]]
    parts = [
        _ciou("cIoU", known, ""),
        _share("N-acc", others, "says_none", True),
        _share("T-acc", targets, "says_none", False),
        *precisions(targets, PRECISIONS),
    ]
    few = f"below {FEW} pixels none"
    parts += [
        _mean(f"gIoU, {few}", known, f"IoU_{FEW}"),
        _ciou(f"cIoU, {few}", known, f"_{FEW}"),
        _share(f"N-acc, {few}", others, f"says_none_{FEW}", True),
        _share(f"T-acc, {few}", targets, f"says_none_{FEW}", False),
    ]
    return replace(mean_value("gIoU", rows), parts=tuple(part for part in parts if part.n))


def _detail(row: Row) -> Mapping[str, Any]:
    return row.score.detail


def _clusters(rows: Sequence[Row]) -> list[str]:
    return [row.sample.affinity for row in rows]


def _mean(name: str, rows: Sequence[Row], key: str) -> Metric:
    return mean(name, [float(_detail(row)[key]) for row in rows], _clusters(rows))


def _share(name: str, rows: Sequence[Row], key: str, wanted: bool) -> Metric:
    return mean(name, [float(_detail(row)[key] == wanted) for row in rows], _clusters(rows))


def _ciou(name: str, rows: Sequence[Row], suffix: str) -> Metric:
    inter = [float(_detail(row)[f"I{suffix}"]) for row in rows]
    return ratio(name, inter, [float(_detail(row)[f"U{suffix}"]) for row in rows], _clusters(rows))


GRES = replace(
    image_scorer(
        "gres", "Masks in images where there may be no target: gIoU, cIoU, N-acc, T-acc.", summed_up
    ),
    profiles=(Profile.OFFICIAL, Profile.SA2VA, Profile.UNIPIXEL),
    judge=judge,
    extract=extract,
    axes=(),
)
