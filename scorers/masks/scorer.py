"""J&F as a scorer: a reply's masks, or a line's, against an object's ground truth, by any definition.

What a reply may get wrong, and what then counts (Grade.rule names it, Grade.detail shows it):

    no `masks` field, or no object     0.0, as Dyn-Bench scores an answer without [SEG]
    several objects                    the first one is scored, as Dyn-Bench and Sa2VA do
    a null frame                       an empty mask
    fewer or more frames than sent,
    masks of another size              by definition (definitions.py)
    a mask that cannot be read         0.0, where Dyn-Bench's own evaluation swallows the exception

The last one and the first have status `unparsed`: no usable answer, counted apart from a bad one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from msgspec import Meta

from sightbench import rle
from sightbench.mask_text import MaskText
from sightbench.rle import MaskError, Rle
from sightbench.sample import Json, LabelTruth, MaskTruth
from sightbench.scorers.aggregate import averaged, detailed
from sightbench.scorers.fields import Fields
from sightbench.scorers.masks.definitions import DEFINITIONS, DYNBENCH_TOLERANCE
from sightbench.scorers.masks.jf import ObjectScore, score_object, score_revos
from sightbench.scorers.masks.truth import Truth, truth_of
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer
from sightbench.scorers.statistics.means import mean, mean_of

MAX_FRAMES_PER_SENT = 4
Masks = MaskText | Sequence[Any] | None
"""The wire's `message.masks`, as text or read, unvalidated: objects {"rles": [a mask or null per frame]}."""


class MaskFields(Fields, frozen=True, kw_only=True):
    num_frames: Annotated[
        int | None, Meta(description="how many frames the model was shown (absent: as many as gold has)")
    ] = None
    voids: Annotated[
        list[Any] | None, Meta(description="RLE per frame of pixels that count in neither mask (DAVIS)")
    ] = None
    foreground: Annotated[
        list[Any] | None,
        Meta(description="revos: RLE per frame of all foreground; with it `detail` has A and R"),
    ] = None


@dataclass(frozen=True, slots=True)
class LineTruth:
    """The ground truth of a line: a mask per frame, or for ReVOS the masks of a frame's instances."""

    truth: Truth
    instances: tuple[tuple[Rle, ...], ...] = ()
    voids: tuple[Rle, ...] | None = None
    foreground: tuple[Rle, ...] = ()


def read_gold(
    gold: Json | MaskTruth | LabelTruth | Truth, fields: MaskFields, profile: Profile
) -> MaskTruth | LabelTruth | LineTruth:
    """Where the true masks lie, or those a line brings. Raises ValueError that names the frame."""
    if isinstance(gold, (MaskTruth, LabelTruth)):
        return gold
    if isinstance(gold, Truth):
        return LineTruth(gold)
    if not isinstance(gold, list) or not gold:
        raise ValueError("gold: expected a list of RLEs, one per frame")
    voids = None if fields.voids is None else _rles(fields.voids, "voids", len(gold))
    if not any(isinstance(frame, list) for frame in gold):
        if fields.foreground is not None:
            gold = [[frame] for frame in gold]
        else:
            return LineTruth(Truth(_rles(gold, "gold", len(gold))), voids=voids)
    if profile is not Profile.REVOS or fields.foreground is None:
        raise ValueError(
            "gold: several masks in a frame are instances of ReVOS: profile revos, with `foreground`"
        )
    instances = tuple(
        _rles(frame if isinstance(frame, list) else [frame], f"gold[{at}]") for at, frame in enumerate(gold)
    )
    return LineTruth(Truth(()), instances, None, _rles(fields.foreground, "foreground", len(gold)))


def _rles(frames: Sequence[Any], field: str, count: int | None = None) -> tuple[Rle, ...]:
    if count is not None and len(frames) != count:
        raise ValueError(f"{field}: {len(frames)} masks for {count} frames")
    try:
        masks = tuple(rle.read(frame, at) for at, frame in enumerate(frames))
        for at, mask in enumerate(masks):
            rle.lengths(mask, at)
        return masks
    except MaskError as error:
        raise ValueError(f"{field}[{error.frame}]: {error.reason}") from None


def read_masks(prediction: Json) -> Masks:
    """A line's `prediction`: RLEs, one (or null) per frame, or objects as a mask server sends them."""
    if prediction is None:
        return None
    if not isinstance(prediction, (list, tuple)):
        raise ValueError("prediction: expected a list of RLEs, one (or null) per frame")
    if prediction and not (isinstance(prediction[0], Mapping) and "rles" in prediction[0]):
        return [{"rles": list(prediction)}]
    return prediction


def extract(masks: Masks, fields: MaskFields, context: Context) -> Extraction:
    """The frames of the first object, each an Rle or None; never raises on a reply."""
    detail: dict[str, Any] = {"definition": str(context.profile)}
    if not masks:
        rule = "no masks field" if masks is None else "no object"
        return Extraction(None, None, rule, True, {**detail, "objects_returned": 0})
    try:
        objects = _read(masks, fields.num_frames) if isinstance(masks, MaskText) else masks
        if not isinstance(objects, list) or not objects:
            raise MaskError(f"masks must be a list of objects, got {type(objects).__name__}")
        detail["objects_returned"] = len(objects)
        frames = frames_of(objects[0], fields.num_frames, detail)
    except MaskError as error:
        return Extraction(None, None, "invalid mask", True, {**detail, **_said(error)})
    return Extraction(frames, {"frames": len(frames)}, "first object", False, detail)


def _read(masks: MaskText, sent: int | None) -> Any:
    return masks.objects() if sent is None else masks.objects(sent)


def frames_of(entry: object, sent: int | None, detail: dict[str, Any]) -> list[Rle | None]:
    """The masks of an object of a reply; `detail` is told how many. MaskError for what is no object, or far
    more frames than were `sent`."""
    frames = entry.get("rles") if isinstance(entry, Mapping) else None
    if not isinstance(frames, list):
        raise MaskError('an object must be {"rles": [one mask per frame]}')
    detail["frames_returned"] = len(frames)
    if sent is not None and len(frames) > MAX_FRAMES_PER_SENT * max(sent, 1):
        raise MaskError(f"{len(frames)} masks for {sent} frames sent")
    return [None if frame is None else rle.read(frame, at) for at, frame in enumerate(frames)]


def judge(
    extraction: Extraction, gold: MaskTruth | LabelTruth | LineTruth, fields: MaskFields, context: Context
) -> Grade:
    """The J&F (0..1) of the first object of a reply, by the definition that is the context's profile.

    `detail` holds J, F, what else the definition publishes, frames_sent, frames_returned, frames_scored,
    objects_returned, `notes` on whatever the definition had to decide, and `error` where a mask could not be
    read. Raises MaskError for unreadable ground truth.
    """
    if isinstance(gold, LineTruth):
        target, shown = gold, len(gold.truth.rles or gold.instances)
    else:
        truth = context.truth(gold)
        target, shown = LineTruth(replace(truth, voids=()), voids=truth.voids or None), gold.frames
    sent = shown if fields.num_frames is None else fields.num_frames
    detail = {"frames_sent": sent, "J": 0.0, "F": 0.0, **extraction.detail}
    notes = list(target.truth.notes)
    if extraction.unparsed:
        return Grade(0.0, None, "unparsed", extraction.rule, {**detail, "notes": notes})
    try:
        score = _score(extraction.answer, target, context)
    except MaskError as error:
        if error.whose == "ground truth":
            if isinstance(gold, LineTruth) or context.truth is truth_of:
                raise
            # A cache lies where others may write: its files are asked before it is believed.
            return judge(extraction, gold, fields, replace(context, truth=truth_of))
        return Grade(0.0, None, "unparsed", "invalid mask", {**detail, **_said(error), "notes": notes})
    notes += _notes(extraction.answer, target.truth.rles, detail["objects_returned"], context.profile)
    detail |= {"J": score.j, "F": score.f, **score.detail, "notes": notes}
    if math.isnan(score.jf):
        return Grade(None, None, "ungraded", "no frame counts", {**detail, "J": None, "F": None})
    return Grade(score.jf, extraction.parsed, "scored", extraction.rule, detail)


def _score(preds: Sequence[Rle | None], target: LineTruth, context: Context) -> ObjectScore:
    if target.instances:
        return score_revos(preds, target.instances, target.foreground)
    tolerance = DYNBENCH_TOLERANCE if context.options.tolerance is None else context.options.tolerance
    definition = str(context.profile)
    return score_object(preds, target.truth.rles, definition, voids=target.voids, tolerance=tolerance)


def _said(error: MaskError) -> dict[str, Any]:
    return {"error": str(error), "frame": error.frame}


def _notes(preds: Sequence[Rle | None], gts: Sequence[Rle], objects: int, profile: Profile) -> list[str]:
    rules = DEFINITIONS[profile]
    pairs = list(zip(preds, gts, strict=False))
    empty = sum(pred is None for pred, _ in pairs)
    resized = sum(pred is not None and pred[:2] != gt[:2] for pred, gt in pairs)
    missing, extra = len(gts) - len(preds), len(preds) - len(gts)
    notes = [
        (objects > 1, f"{objects} objects returned: the first is scored"),
        (missing > 0, f"{missing} frames without a mask: {_SHORT[rules.short]}"),
        (extra > 0, f"{extra} masks beyond the last frame: ignored"),
        (empty > 0, f"{empty} null frames: scored as empty masks"),
        (resized > 0, f"{resized} masks of another size: resized to the ground truth (nearest)"),
    ]
    return [note for applies, note in notes if applies]


_SHORT = {"ignored": "left out of the mean", "empty": "scored as empty masks"}

_DAVIS = ("J_recall", "J_decay", "F_recall", "F_decay")
_PUBLISHED: Mapping[Profile, tuple[str, ...]] = {
    Profile.DAVIS: _DAVIS,
    Profile.DAVIS_UNSUPERVISED: _DAVIS,
    Profile.REVOS: ("A", "R", "A_corrected", "R_corrected"),
    Profile.MOSEV2: ("F_plain", "disappear_J", "disappear_F", "reappear_J", "reappear_F"),
}
"""What a definition publishes beside J and F."""
_MOSE_SUMS = (
    ("J&F_plain", "J", "F_plain"),
    ("disappear_J&F", "disappear_J", "disappear_F"),
    ("reappear_J&F", "reappear_J", "reappear_F"),
)
"""Its numbers of both: the name, and of what they are the mean."""


def mean_over_objects(rows: Sequence[Row], profile: str) -> Metric:
    """The mean J&F over objects in %, by category; J, F and what the definition publishes beside them."""
    headline = averaged("J&F")(rows, profile)
    names = ("J", "F", *_PUBLISHED.get(Profile(profile), ()))
    parts = [part for name in names if (part := _mean_of_detail(name, rows)).n]
    if profile == Profile.MOSEV2:
        known = {part.name: part for part in parts}
        for name, j, f in _MOSE_SUMS:
            if j in known and f in known:
                parts.append(replace(mean_of(name, [known[j], known[f]]), n=known[j].n, parts=()))
    return replace(headline, parts=(*headline.parts, *parts))


def _mean_of_detail(name: str, rows: Sequence[Row]) -> Metric:
    # Of a failed request that counts 0, J and F are 0; whether its object disappears is not known.
    known = [
        (number, row.sample.affinity)
        for row, number in detailed(rows, name)
        if not math.isnan(number) and (name in ("J", "F") or row.score.status != "error")
    ]
    return mean(name, [number for number, _ in known], [video for _, video in known])


JF = Scorer(
    name="jf",
    help="Masks: J (IoU) and F (boundary) of an object over its frames, and their mean, by definition.",
    profiles=tuple(Profile(name) for name in DEFINITIONS),
    fields=MaskFields,
    gold=read_gold,
    gold_help="the true masks: a list of RLEs {size, counts}, one per frame; revos: of lists of instances",
    extract=extract,
    judge=judge,
    aggregate=mean_over_objects,
    options=("tolerance",),
    kind="masks",
    prediction=read_masks,
    prediction_help="the masks: a list of RLEs {size, counts}, one (or null) per frame",
)
