"""One reply's masks judged: the wire's `message.masks` against an object's ground truth.

What a reply may get wrong, and what then counts (Grade.rule names it, Grade.detail shows it):

    no `masks` field, or no object     0.0, as Dyn-Bench scores an answer without [SEG]
    several objects                    the first one is scored, as Dyn-Bench and Sa2VA do
    a null frame                       an empty mask
    fewer or more frames than sent,
    masks of another size              by definition (scorers.masks.DEFINITIONS)
    a mask that cannot be read         0.0, where Dyn-Bench's own evaluation swallows the exception

The last one and the first have status `unparsed`: no usable answer, counted apart from a bad one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sightbench import rle
from sightbench.mask_text import MaskText
from sightbench.rle import MaskError, Rle
from sightbench.scorers.masks.definitions import DEFINITIONS, DYNBENCH_TOLERANCE
from sightbench.scorers.masks.jf import score_object
from sightbench.scorers.masks.truth import Truth
from sightbench.scorers.score import Grade

MAX_FRAMES_PER_SENT = 4


def grade_masks(
    sent: int,
    masks: MaskText | list[Any] | None,
    truth: Truth,
    definition: str = "dynbench",
    *,
    tolerance: int = DYNBENCH_TOLERANCE,
    core: str | None = None,
) -> Grade:
    """The J&F (0..1) of the first object of a reply, by one of scorers.masks.DEFINITIONS.

    `sent` is how many frames the model was shown. `masks` is the wire's list, as text or read, unvalidated;
    None where the reply had none. `detail` holds J, F, frames_sent, frames_returned, frames_scored,
    objects_returned, `notes` on whatever the definition had to decide, and `error` where a mask could not
    be read. Never raises on a reply; UsageError for an unknown definition, MaskError for unreadable
    ground truth.
    """
    detail: dict[str, Any] = {"definition": definition, "frames_sent": sent, "J": 0.0, "F": 0.0}
    notes = list(truth.notes)
    if not masks:
        rule = "no masks field" if masks is None else "no object"
        return Grade(0.0, None, "unparsed", rule, {**detail, "objects_returned": 0, "notes": notes})
    try:
        objects = masks.objects(sent) if isinstance(masks, MaskText) else masks
        if not isinstance(objects, list) or not objects:
            raise MaskError(f"masks must be a list of objects, got {type(objects).__name__}")
        detail["objects_returned"] = len(objects)
        preds = _first_object(objects[0], sent, detail)
        score = score_object(preds, truth.rles, definition, tolerance=tolerance, core=core)
    except MaskError as error:
        if error.whose == "ground truth":
            raise
        detail |= {"error": str(error), "frame": error.frame, "notes": notes}
        return Grade(0.0, None, "unparsed", "invalid mask", detail)
    notes += _notes(preds, truth.rles, len(objects), definition)
    detail |= {"J": score.j, "F": score.f, **score.detail, "notes": notes}
    if math.isnan(score.jf):
        return Grade(None, None, "ungraded", "no frame counts", {**detail, "J": None, "F": None})
    return Grade(score.jf, {"frames": len(preds)}, "scored", "first object", detail)


def _first_object(entry: object, sent: int, detail: dict[str, Any]) -> list[Rle | None]:
    frames = entry.get("rles") if isinstance(entry, Mapping) else None
    if not isinstance(frames, list):
        raise MaskError('an object must be {"rles": [one mask per frame]}')
    detail["frames_returned"] = len(frames)
    if len(frames) > MAX_FRAMES_PER_SENT * max(sent, 1):
        raise MaskError(f"{len(frames)} masks for {sent} frames sent")
    return [None if frame is None else rle.read(frame, at) for at, frame in enumerate(frames)]


def _notes(preds: Sequence[Rle | None], gts: Sequence[Rle], objects: int, definition: str) -> list[str]:
    rules = DEFINITIONS[definition]
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
