"""All objects of a video at once, found without being told which: DAVIS 2017 unsupervised.

An answer holds up to MAX_PROPOSALS objects. They are matched to the true ones so that the sum of J&F is
largest; true objects that nothing is left for count with an empty mask, and proposals beyond cost nothing.
Void pixels count for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from sightbench import rle
from sightbench.mask_text import MaskText
from sightbench.rle import MaskError, Rle
from sightbench.sample import Json, LabelTruth
from sightbench.scorers.groups import valued
from sightbench.scorers.masks import scorer as jf
from sightbench.scorers.masks.definitions import DEFINITIONS
from sightbench.scorers.masks.jf import ObjectScore, score_object
from sightbench.scorers.masks.scorer import MaskFields, Masks
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer
from sightbench.scorers.statistics.means import mean, mean_of

MAX_PROPOSALS = 20

Track = Sequence[Rle]
"""A mask per frame."""


class Match(NamedTuple):
    """A true object beside the prediction it was matched to (None: an empty one), and their score."""

    truth: int
    prediction: int | None
    score: ObjectScore


def matched(
    tracks: Sequence[Track],
    truths: Sequence[Track],
    voids: Track | None = None,
    definition: str = "davis-unsupervised",
) -> list[Match]:
    """Predictions matched to true objects as DAVIS's unsupervised task does, one Match per true object.

    Raises MaskError for more than MAX_PROPOSALS predictions, where the reference stops.
    Reference: davis2017-evaluation, davis2017/evaluation.py, _evaluate_unsupervised.
    """
    from scipy.optimize import linear_sum_assignment

    if not truths:
        return []
    proposals = list(tracks)
    # A label map's highest label says how many objects there are: an empty last one is none.
    while proposals and not any(rle.area(mask) for mask in proposals[-1]):
        proposals.pop()
    if len(proposals) > MAX_PROPOSALS:
        raise MaskError(f"{len(proposals)} objects in a video, more than {MAX_PROPOSALS}")
    told = len(proposals)
    nothing = [rle.empty(mask.h, mask.w) for mask in truths[0]]
    proposals += [nothing] * (len(truths) - told)
    scores = [
        [score_object(track, truth, definition, voids=voids) for truth in truths] for track in proposals
    ]
    gain = np.array([[(score.j + score.f) / 2 for score in row] for row in scores])
    # Where no frame counts there is nothing to choose by.
    rows, columns = linear_sum_assignment(-np.nan_to_num(gain))
    return [
        Match(int(column), int(row) if row < told else None, scores[row][column])
        for row, column in zip(rows, columns, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Objects:
    """The true objects of a line, and what counts in none of them."""

    tracks: tuple[Track, ...]
    voids: Track | None = None


def read_gold(gold: Json | LabelTruth, fields: MaskFields, profile: Profile) -> LabelTruth | Objects:
    """Where the label maps lie, or the objects of a line. Raises ValueError that names what is wrong."""
    if isinstance(gold, LabelTruth):
        return gold
    if not isinstance(gold, list) or not gold or not all(isinstance(track, list) for track in gold):
        raise ValueError("gold: expected a list of objects, each a list of RLEs, one per frame")
    try:
        tracks = tuple(
            tuple(rle.validate(mask, at) for at, mask in enumerate(track))
            for track in gold
            if isinstance(track, list)
        )
        voids = None
        if fields.voids is not None:
            voids = tuple(rle.validate(mask, at) for at, mask in enumerate(fields.voids))
    except MaskError as error:
        raise ValueError(f"gold: {error}") from None
    sizes = [[mask[:2] for mask in track] for track in (*tracks, *([voids] if voids is not None else []))]
    if not sizes[0] or any(each != sizes[0] for each in sizes):
        raise ValueError("gold: its objects and voids differ in the number or the size of their frames")
    return Objects(tracks, voids)


def extract(masks: Masks, fields: MaskFields, context: Context) -> Extraction:
    """All objects of an answer, a list of frames each (an Rle or None); never raises on a reply."""
    detail: dict[str, Any] = {"definition": _definition(context)}
    if masks is None:
        return Extraction(None, None, "no masks field", True, {**detail, "objects_returned": 0})
    try:
        found = masks
        if isinstance(masks, MaskText):
            found = masks.objects() if fields.num_frames is None else masks.objects(fields.num_frames)
        if not isinstance(found, list):
            raise MaskError(f"masks must be a list of objects, got {type(found).__name__}")
        detail["objects_returned"] = len(found)
        tracks = [jf.frames_of(entry, fields.num_frames, {}) for entry in found]
    except MaskError as error:
        said = {"error": str(error), "frame": error.frame}
        return Extraction(None, None, "invalid mask", True, {**detail, **said})
    return Extraction(tracks, {"objects": len(tracks)}, "all objects", False, detail)


def judge(extraction: Extraction, gold: LabelTruth | Objects, fields: MaskFields, context: Context) -> Grade:
    """The mean J&F (0..1) of a video's true objects; `detail` has J, F and what DAVIS publishes of each in
    `objects`. Raises MaskError or DatasetError for true masks that cannot be read."""
    truth = _true_objects(gold, context) if isinstance(gold, LabelTruth) else gold
    detail = {"frames_sent": len(truth.tracks[0]), "J": 0.0, "F": 0.0, **extraction.detail}
    nothing: dict[str, Any] = {"J": 0.0, "F": 0.0, "J_recall": 0.0, "F_recall": 0.0}
    failed = {"objects": [nothing] * len(truth.tracks)}
    if extraction.unparsed:
        return Grade(0.0, None, "unparsed", extraction.rule, {**detail, **failed})
    notes = []
    try:
        tracks = [_fitted(track, truth.tracks[0]) for track in extraction.answer]
        matches = matched(tracks, truth.tracks, truth.voids, _definition(context))
    except MaskError as error:
        if error.whose == "ground truth":
            raise
        said = {"error": str(error), "frame": error.frame}
        return Grade(0.0, None, "unparsed", "invalid mask", {**detail, **failed, **said})
    lacking = sum(match.prediction is None for match in matches)
    if lacking:
        notes.append(f"{lacking} true objects without a proposal: scored as empty masks")
    objects = [
        {
            "object": match.truth + 1,
            "proposal": None if match.prediction is None else match.prediction + 1,
            **{"J": match.score.j, "F": match.score.f, **match.score.detail},
        }
        for match in matches
    ]
    means = {name: float(np.mean([each[name] for each in objects])) for name in ("J", "F")}
    value = (means["J"] + means["F"]) / 2
    if np.isnan(value):
        return Grade(None, None, "ungraded", "no frame counts", {**detail, "J": None, "F": None})
    more = {"objects": objects, "notes": notes}
    return Grade(value, extraction.parsed, "scored", extraction.rule, {**detail, **means, **more})


def _definition(context: Context) -> str:
    return str(context.profile) if context.profile in DEFINITIONS else "davis-unsupervised"


def _true_objects(gold: LabelTruth, context: Context) -> Objects:
    truths = [context.truth(replace(gold, labels=(label,))) for label in gold.labels]
    return Objects(tuple(truth.rles for truth in truths), truths[0].voids or None)


def _fitted(track: Sequence[Rle | None], like: Track) -> Track:
    """The track with an empty mask where it has none. MaskError for what is no mask of these frames."""
    if len(track) > len(like):
        raise MaskError(f"{len(track)} masks for {len(like)} frames")
    for frame, (mask, truth) in enumerate(zip(track, like, strict=False)):
        if mask is not None:
            rle.lengths(mask, frame)
            if mask[:2] != truth[:2]:
                raise MaskError(f"size {[*mask[:2]]} is not the frame's {[*truth[:2]]}", frame)
    found = [*track, *[None] * (len(like) - len(track))]
    return [
        rle.empty(truth.h, truth.w) if mask is None else mask for mask, truth in zip(found, like, strict=True)
    ]


def summed_up(rows: Sequence[Row], profile: str) -> Metric:
    """J&F in %: the mean of mean J and mean F over true objects, which weigh the same in whatever video they
    are; below it J, F, and DAVIS's recall and decay of both.

    Reference: davis2017-evaluation, evaluation_method.py.
    """
    found = [
        (entry, row.sample.affinity)
        for row, _ in valued(rows)
        for entry in row.score.detail.get("objects", ())
    ]

    def over_objects(name: str) -> Metric:
        known = [
            (float(number), video)
            for entry, video in found
            if isinstance(number := entry.get(name), float) and not np.isnan(number)
        ]
        return mean(name, [number for number, _ in known], [video for _, video in known])

    names = ("J", "J_recall", "J_decay", "F", "F_recall", "F_decay")
    parts = [metric for name in names if (metric := over_objects(name)).n]
    both = mean_of("J&F", [over_objects("J"), over_objects("F")])
    return replace(both, n=len(found), parts=tuple(parts))


DAVIS_UNSUPERVISED = Scorer(
    name="davis_unsupervised",
    help="Masks: J&F of all objects of a video, proposals matched to them as in DAVIS 2017 unsupervised.",
    profiles=(Profile.DAVIS_UNSUPERVISED, *(Profile(name) for name in DEFINITIONS if "unsup" not in name)),
    fields=MaskFields,
    gold=read_gold,
    gold_help="the true objects: a list of lists of RLEs {size, counts}, one per frame",
    extract=extract,
    judge=judge,
    aggregate=summed_up,
    axes=(),
    kind="masks",
    prediction=jf.read_masks,
    prediction_help="the proposals: a list of objects {rles: [an RLE or null per frame]}",
)
