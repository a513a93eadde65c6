"""cIoU and gIoU: an expression's mask in one image, as RefCOCO, gRefCOCO and ReasonSeg are scored.

    cIoU   all intersections over all unions, expressions of a set added up
    gIoU   the mean of the expressions' intersections over unions

Pixels that a benchmark ignores count for nothing; nothing to find and nothing predicted is 1. The references
agree on that and differ in what they take for the prediction and for the truth:

    sa2va         all masks of an answer together; none is an empty mask. The parts of a target are added up
                  and encoded, which turns the mask inside out from where they overlap (rle.summed)
    sa2va-paper   the first mask only; an answer without one adds nothing to cIoU and 0 to gIoU
    lisa          the first mask; where parts overlap nothing is right, and nothing is missed
    unipixel      the first mask; "ignore" regions are background
    official      all masks together, the union of the parts: what stands beside the others as corrected
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from msgspec import Meta

from sightbench import rle
from sightbench.mask_text import MaskText
from sightbench.rle import MaskError, Rle
from sightbench.sample import Json, StoredMasks
from sightbench.scorers.aggregate import by_category, mean_detail, mean_value
from sightbench.scorers.fields import Fields, decode
from sightbench.scorers.groups import valued
from sightbench.scorers.masks.mask_box import hits_box
from sightbench.scorers.masks.overlap import overlaps
from sightbench.scorers.masks.scorer import Masks
from sightbench.scorers.masks.shapes import FORMS, ImageTruth, image_truth
from sightbench.scorers.score import Grade, Metric, Row, Score
from sightbench.scorers.scorer import Context, Extraction, Member, Profile, Scorer
from sightbench.scorers.statistics.means import mean, ratio

PROFILES = (Profile.SA2VA, Profile.SA2VA_PAPER, Profile.UNIPIXEL, Profile.LISA, Profile.OFFICIAL)
FIRST_ONLY = (Profile.SA2VA_PAPER, Profile.UNIPIXEL, Profile.LISA)
PRECISIONS = (0.5, 0.6, 0.7, 0.8, 0.9)
ABSENT = ("no masks field", "no object")
"""The rules that say there was no mask in an answer."""


class ImageFields(Fields, frozen=True, kw_only=True):
    ignore: Annotated[Any, Meta(description="RLE of pixels that count for nothing (ReasonSeg)")] = None
    bbox: Annotated[
        list[float] | None, Meta(description="the target's [left, top, width, height] (UniPixel's BBox Acc)")
    ] = None
    no_target: Annotated[
        bool | None, Meta(description="the model says itself whether there is no target (a [REJ] token)")
    ] = None


def read_masks(prediction: Json) -> Masks:
    """A line's `prediction`: an RLE, a list of them (one per object), or a mask server's objects."""
    if prediction is None:
        return None
    if isinstance(prediction, Mapping):
        prediction = [prediction]
    if not isinstance(prediction, (list, tuple)):
        raise ValueError("prediction: expected a list of RLEs, one per object")
    return [
        entry if isinstance(entry, Mapping) and "rles" in entry else {"rles": [entry]} for entry in prediction
    ]


def extract(masks: Masks, fields: ImageFields, context: Context) -> Extraction:
    """The masks of all objects, whose runs are checked when they are counted; never raises on a reply."""
    if not masks:
        rule = ABSENT[masks is not None]
        return Extraction((), None, rule, masks is None, {"objects_returned": 0})
    try:
        objects = masks.objects(1) if isinstance(masks, MaskText) else masks
        if not isinstance(objects, list):
            raise MaskError(f"masks must be a list of objects, got {type(objects).__name__}")
        found = tuple(_mask_of(entry) for entry in objects)
    except MaskError as error:
        return Extraction((), None, "invalid mask", True, {"error": str(error)})
    detail = {"objects_returned": len(found)}
    return Extraction(tuple(filter(None, found)), {"objects": len(found)}, "objects", False, detail)


def _mask_of(entry: object) -> Rle | None:
    frames = entry.get("rles") if isinstance(entry, Mapping) else None
    if not isinstance(frames, list) or len(frames) != 1:
        raise MaskError('an object of an image must be {"rles": [one mask]}')
    return None if frames[0] is None else rle.read(frames[0])


def judge(extraction: Extraction, gold: ImageTruth, fields: ImageFields, context: Context) -> Grade:
    """The IoU (0..1) of one expression; `detail` has the pixels of intersection (I) and union (U), both also
    as corrected, which is what cIoU is made of."""
    grade = _judge(extraction, gold, context.profile)
    if context.profile is Profile.UNIPIXEL and fields.bbox is not None:
        mask = chosen(extraction.answer, context.profile) if grade.status == "scored" else None
        grade = replace(grade, detail={**grade.detail, "box_hit": hits_box(mask, fields.bbox)})
    if context.profile is Profile.SA2VA_PAPER and extraction.rule in ABSENT:
        return replace(grade, value=0.0, detail={**grade.detail, "left_out": True})
    return grade


def _judge(extraction: Extraction, gold: ImageTruth, profile: Profile) -> Grade:
    masks: tuple[Rle, ...] = extraction.answer
    detail = dict(extraction.detail)
    size = gold.size or (masks[0][:2] if masks else None)
    rule, unparsed = extraction.rule, extraction.unparsed
    try:
        if size is not None and (odd := next((mask for mask in masks if mask[:2] != size), None)) is not None:
            raise MaskError(f"size {[*odd[:2]]} is not the image's {[*size]}")
        inter, union, right, whole = _counted(masks, gold, profile)
    except MaskError as error:
        if error.whose == "ground truth":
            raise
        detail["error"] = str(error)
        rule, unparsed = "invalid mask", True
        inter, union, right, whole = _counted((), gold, profile)
    detail |= {"I": inter, "U": union, "I_corrected": right, "U_corrected": whole}
    detail |= {"IoU_corrected": _iou(right, whole)}
    if len(masks) > 1 and profile in FIRST_ONLY and not unparsed:
        detail["notes"] = [f"{len(masks)} objects returned: the first is scored"]
    return Grade(_iou(inter, union), extraction.parsed, "unparsed" if unparsed else "scored", rule, detail)


def _counted(masks: tuple[Rle, ...], gold: ImageTruth, profile: Profile) -> tuple[int, int, int, int]:
    """Intersection and union by the profile, and both corrected."""
    ignored = None if profile is Profile.UNIPIXEL else gold.ignored
    by_profile = chosen(masks, profile), _target(gold, profile, masks), ignored
    corrected = chosen(masks, Profile.OFFICIAL), gold.union(*masks[:1]), gold.ignored
    counted = pixels(*by_profile)
    # Nearly always the two are the same masks.
    return *counted, *(counted if by_profile == corrected else pixels(*corrected))


def _iou(inter: int, union: int) -> float:
    return inter / union if union else 1.0


def area(mask: Rle | None) -> int:
    return 0 if mask is None else rle.area(mask)


def chosen(masks: Sequence[Rle], profile: Profile) -> Rle | None:
    if not masks:
        return None
    return masks[0] if profile in FIRST_ONLY else rle.union(masks)


def _target(gold: ImageTruth, profile: Profile, masks: Sequence[Rle]) -> Rle | None:
    like = masks[0] if masks else None
    if profile in (Profile.SA2VA, Profile.SA2VA_PAPER):
        return gold.summed(like)
    return gold.exactly_one(like) if profile is Profile.LISA else gold.union(like)


def pixels(pred: Rle | None, gt: Rle | None, ignored: Rle | None) -> tuple[int, int]:
    """Pixels of intersection and union that are not ignored."""
    if pred is None and gt is None:
        return 0, 0
    some = pred if pred is not None else gt
    assert some is not None
    nothing = rle.empty(some.h, some.w)
    masks = (pred or nothing, gt or nothing)
    # Combinations with the third bit are ignored pixels.
    counted = overlaps([masks if ignored is None else (*masks, ignored)])[0]
    return counted[3], counted[1] + counted[2] + counted[3]


def ciou(rows: Sequence[Row], profile: str) -> Metric:
    """cIoU over all rows in %, by category; below it gIoU, precision at IoU 0.5 to 0.9, both corrected.

    Reference: dvlab-research/LISA train_ds.py, validate; ByteDance/Sa2VA projects/sa2va/evaluation.
    """
    return _summed_up(with_failures(rows, judge, profile), "cIoU", _ciou, "gIoU", _giou)


def giou(rows: Sequence[Row], profile: str) -> Metric:
    """gIoU over all rows in %, by category; below it cIoU, precision at IoU 0.5 to 0.9, both corrected."""
    return _summed_up(with_failures(rows, judge, profile), "gIoU", _giou, "cIoU", _ciou)


def with_failures(rows: Sequence[Row], judge: Callable[..., Grade], profile: str) -> list[Row]:
    """The rows; failed requests that count 0 (--on-error zero) as answers without a mask, in their detail."""
    nothing, context = Extraction((), None, "request failed", unparsed=True), Context(Profile(profile))

    def filled(row: Row) -> Row:
        gold = row.sample.gold
        counts = row.score.status == "error" and row.score.value is not None
        if not counts or gold is None or isinstance(gold, StoredMasks):
            return row
        fields = decode(row.sample.meta, ImageFields)
        grade = judge(nothing, image_truth(gold, fields.ignore), fields, context)
        detail = {**grade.detail, **row.score.detail, "IoU_corrected": 0.0}
        return replace(row, score=replace(row.score, detail=detail))

    return [filled(row) for row in rows]


Number = Callable[[str, Sequence[Row], str], Metric]
"""(name, rows, "" or "_corrected") -> a number."""


def _summed_up(rows: Sequence[Row], name: str, first: Number, other_name: str, other: Number) -> Metric:
    parts = [other(other_name, rows, "")]
    groups = by_category([row for row, _ in valued(rows)])
    if len(groups) > 1:
        for label, group in groups.items():
            parts += [first(f"{name} {label}", group, ""), other(f"{other_name} {label}", group, "")]
    parts += [
        first(f"{name} corrected", rows, "_corrected"),
        other(f"{other_name} corrected", rows, "_corrected"),
        *precisions(rows),
        mean_detail("BBox Acc", rows, "box_hit"),
    ]
    return replace(first(name, rows, ""), parts=tuple(part for part in parts if part.n))


def _ciou(name: str, rows: Sequence[Row], which: str) -> Metric:
    known = [row for row, _ in valued(rows) if f"I{which}" in row.score.detail]
    counted = [row for row in known if which or not row.score.detail.get("left_out")]
    inter = [float(row.score.detail[f"I{which}"]) for row in counted]
    union = [float(row.score.detail[f"U{which}"]) for row in counted]
    return ratio(name, inter, union, [row.sample.affinity for row in counted])


def _giou(name: str, rows: Sequence[Row], which: str) -> Metric:
    if not which:
        return mean_value(name, rows)
    known = [row for row, _ in valued(rows) if "IoU_corrected" in row.score.detail]
    values = [float(row.score.detail["IoU_corrected"]) for row in known]
    return mean(name, values, [row.sample.affinity for row in known])


def precisions(rows: Sequence[Row], at: Sequence[float] = PRECISIONS) -> list[Metric]:
    """The share of rows whose IoU is at least so much, in %."""
    known = valued(rows)
    clusters = [row.sample.affinity for row, _ in known]
    return [mean(f"Pr@{limit}", [float(iou >= limit) for _, iou in known], clusters) for limit in at]


def set_of(aggregate: Callable[[Sequence[Row], str], Metric]) -> Callable[..., Grade]:
    """The judge of a set on one line: the dataset's numbers (0..1) under their names in `detail`."""

    def judge_set(members: Sequence[Member[Any, Any, Any]], profile: Profile) -> Grade:
        metric = aggregate([_row(member, place) for place, member in enumerate(members)], profile)
        numbers = {part.name: _share(part.value) for part in (metric, *metric.parts)}
        values = [member.grade.value for member in members]
        return Grade(_share(metric.value), None, "scored", "set", {**numbers, "rows": values})

    return judge_set


def _share(value: float | None) -> float | None:
    return None if value is None else value / 100


def _row(member: Member[Any, Any, Any], place: int) -> Row:
    from sightbench.sample import Sample

    grade = member.grade
    score = Score(str(place), grade.value, grade.parsed, grade.status, grade.detail)
    category = str(getattr(member.fields, "category", "") or "")
    return Row(Sample(str(place), "", "", category, (), order=place), score)


def image_scorer(
    name: str, help: str, aggregate: Callable[[Sequence[Row], str], Metric]
) -> Scorer[Any, Any, Any]:
    return Scorer(
        name=name,
        help=help,
        profiles=PROFILES,
        fields=ImageFields,
        gold=lambda gold, fields, profile: image_truth(gold, fields.ignore),
        gold_help=FORMS,
        extract=extract,
        judge=judge,
        judge_set=set_of(aggregate),
        aggregate=aggregate,
        kind="masks",
        prediction=read_masks,
        prediction_help="the masks: a list of RLEs {size, counts}, one per object",
    )


CIOU = image_scorer("ciou", "Masks in images: cIoU over a set, and gIoU, as RefCOCO is scored.", ciou)
GIOU = image_scorer("giou", "Masks in images: gIoU over a set, and cIoU, as ReasonSeg is scored.", giou)
