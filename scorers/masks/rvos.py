"""Referring video object segmentation: J&F of an expression, and how each benchmark sums expressions up.

J and F are MeViS's on all frames (definitions.py); the truth of an expression is the union of its objects.
An answer without an object is an empty mask in every frame, as every reference writes it. What differs:

    rvos      MeViS, Ref-DAVIS17 and others: the mean over expressions, each weighs the same
    revos     the mean of two groups, each the mean of values rounded to two decimals; A and R beside
    ref_sav   sa2va: the mean of two groups as in ReVOS; unipixel: the mean over expressions

A (accuracy, the share of pixels that agree) and R (robustness, how little of the rest was predicted) are
what comes of the reference's uint8 arithmetic: predictions are 0 and 1 under `sa2va`, 0 and 255 under `visa`
and `unipixel`, and where objects overlap the truth is 2. `A_corrected` and `R_corrected` are against the
union.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from sightbench import rle
from sightbench.rle import MaskError, Rle
from sightbench.sample import Json, StoredMasks
from sightbench.scorers.aggregate import by_category, detailed, graded
from sightbench.scorers.masks import scorer as jf
from sightbench.scorers.masks.breakdowns import breakdowns
from sightbench.scorers.masks.definitions import DEFINITIONS
from sightbench.scorers.masks.overlap import overlaps
from sightbench.scorers.masks.scorer import LineTruth, MaskFields, Masks
from sightbench.scorers.masks.truth import Truth
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Aggregate, Context, Extraction, Profile, Scorer
from sightbench.scorers.statistics.means import mean, mean_of

PROFILES = (
    Profile.SA2VA,
    Profile.SA2VA_PAPER,
    Profile.UNIPIXEL,
    Profile.VISA,
    Profile.LISA,
    Profile.OFFICIAL,
)
WRITES_255 = (Profile.UNIPIXEL, Profile.VISA)
"""Whose prediction files say 255 where the truth says 1."""
NO_TARGET = "no_target"
"""The category of expressions that no group of a benchmark takes in."""


def read_gold(gold: Json | StoredMasks | Truth, fields: MaskFields, profile: Profile) -> StoredMasks | Truth:
    """Where the true masks lie, or those of a line. Raises ValueError that names the frame."""
    if isinstance(gold, (StoredMasks, Truth)):
        return gold
    if not isinstance(gold, list) or not gold:
        raise ValueError("gold: expected a list of RLEs, or of lists of them (the objects), one per frame")
    try:
        frames = [
            [rle.validate(mask, at) for mask in (frame if isinstance(frame, list) else [frame])]
            for at, frame in enumerate(gold)
        ]
        foreground = tuple(rle.validate(mask, at) for at, mask in enumerate(fields.foreground or ()))
        sizes = [mask[:2] for masks in frames for mask in masks] + [mask[:2] for mask in foreground]
        if not sizes:
            raise ValueError(
                "gold: a frame without an object needs another one, or foreground, that tells its size"
            )
        layers = [rle.levels(masks) if masks else [rle.empty(*sizes[0])] for masks in frames]
    except MaskError as error:
        raise ValueError(f"gold: {error}") from None
    if foreground and len(foreground) != len(frames):
        raise ValueError(f"foreground: {len(foreground)} masks for {len(frames)} frames")
    deeper = tuple(tuple(layer[1:]) for layer in layers)
    return Truth(tuple(layer[0] for layer in layers), deeper=deeper, foreground=foreground)


def extract(masks: Masks, fields: MaskFields, context: Context) -> Extraction:
    """The frames of the first object; those of an answer without one are empty. Never raises on a reply."""
    found = jf.extract(masks, fields, _by_definition(context))
    if found.rule == "no object":
        return found._replace(answer=[], parsed={"frames": 0}, unparsed=False)
    return found


def _by_definition(context: Context) -> Context:
    """The context with the definition of J and F for its rule."""
    definition = context.profile if context.profile in DEFINITIONS else Profile.MEVIS
    return replace(context, profile=definition)


def judge(extraction: Extraction, gold: StoredMasks | Truth, fields: MaskFields, context: Context) -> Grade:
    """The J&F (0..1) of one expression; `detail` has J and F, and A and R where the foreground is known.

    Raises MaskError or DatasetError for true masks that cannot be read.
    """
    truth = gold if isinstance(gold, Truth) else context.truth(gold)
    plain = replace(truth, deeper=(), foreground=(), voids=())
    line = LineTruth(plain, voids=truth.voids or None)
    grade = jf.judge(extraction, line, fields, _by_definition(context))
    detail = {**grade.detail, "target_share": _share(truth.rles)}
    detail["absent_frames"] = sum(mask == rle.empty(mask.h, mask.w) for mask in truth.rles)
    if extraction.rule == "no object":
        detail["notes"] = [*detail.get("notes", ()), "no object returned: scored as empty masks"]
    if truth.foreground or truth.deeper:
        usable = grade.status == "scored"
        detail |= _agreement(extraction.answer if usable else None, truth, context.profile)
    return replace(grade, detail=detail)


def _share(masks: Sequence[Rle]) -> float:
    """How much of a frame the target takes up where it is largest, of a few frames evenly spread."""
    some = masks[:: max(1, len(masks) // 8)]
    return max((rle.area(mask) / (mask.h * mask.w) for mask in some), default=0.0)


def _agreement(preds: Sequence[Rle | None] | None, truth: Truth, profile: Profile) -> dict[str, float]:
    """A and R of one expression, by the profile and corrected; all 0 where nothing can be scored."""
    names = ("A", "R", "A_corrected", "R_corrected")
    if preds is None:
        return dict.fromkeys(names, 0.0)
    rows = []
    whites = profile in WRITES_255
    for frame, gt in enumerate(truth.rles):
        pred = preds[frame] if frame < len(preds) else None
        pred = rle.empty(gt.h, gt.w) if pred is None else pred
        layers = (gt, *(truth.deeper[frame] if truth.deeper else ()))
        counted = overlaps([(pred, layer) for layer in layers])
        # pixels of the prediction covered by at least 0, 1, 2, ... objects, and by exactly so many
        at_least = [counted[0][1] + counted[0][3], *(count[3] for count in counted), 0]
        exactly = [more - less for more, less in pairwise(at_least)]
        pixels = gt.h * gt.w
        agreed_empty = counted[0][0]
        step = -1 if whites else 1
        false = sum(step * (1 - depth) % 256 * count for depth, count in enumerate(exactly))
        positive = (rle.area(truth.foreground[frame]) if truth.foreground else 0) + 1e-6
        rows.append(
            (
                (agreed_empty + (0 if whites else exactly[1])) / pixels,
                max(1 - false / positive, 0.0),
                (agreed_empty + at_least[1]) / pixels,
                max(1 - exactly[0] / positive, 0.0),
            )
        )
    means = dict(zip(names, (float(np.mean(column)) for column in zip(*rows, strict=True)), strict=True))
    return means if truth.foreground else {name: means[name] for name in ("A", "A_corrected")}


def summed_up(rows: Sequence[Row], profile: str) -> Metric:
    """J&F in %: the mean of mean J and mean F over expressions, as MeViS, Sa2VA and UniPixel have it.

    Below it J, F, and both by category. Reference: henghuiding/MeViS tools/eval_mevis.py.
    """
    known = graded(rows)
    groups = by_category(known)
    parts = tuple(replace(mean_jf(name, group), parts=()) for name, group in groups.items())
    total = mean_jf("J&F", known)
    if rows and not known and all(row.sample.gold is None for row in rows):
        return replace(total, note="hidden gold", parts=())
    by_group = parts if len(groups) > 1 else ()
    return replace(total, parts=(*total.parts, *by_group, *breakdowns(known, mean_jf)))


def revos(rows: Sequence[Row], profile: str) -> Metric:
    """ReVOS's J&F overall in %: the mean of `referring` and `reasoning`, in each of which values are
    rounded to two decimals before they are averaged. Below it J, F, A, R of both and overall, expressions
    without a target apart, and A and R corrected.

    Reference: cilinyan/VISA tools/eval_revos.py.
    """
    return _in_groups(rows, ("J", "F", "A", "R"), ("A_corrected", "R_corrected"))


def ref_sav(rows: Sequence[Row], profile: str) -> Metric:
    """Ref-SAV's J&F overall in %: under `sa2va` the mean of `long` and `short`, values rounded before, under
    `unipixel` the mean over expressions. The other one stands below it."""
    macro = _in_groups(rows, ("J", "F", "A"), ("A_corrected",))
    micro = replace(mean_jf("J&F", graded(rows)), name="J&F, mean over expressions")
    if profile == Profile.UNIPIXEL:
        other = replace(macro, name="J&F, mean of long and short", parts=())
        return replace(micro, name="J&F", parts=(*micro.parts, *macro.parts[2:], other))
    return replace(macro, parts=(*macro.parts, replace(micro, parts=())))


def _in_groups(rows: Sequence[Row], rounded: Sequence[str], plain: Sequence[str]) -> Metric:
    known = graded(rows)
    groups = {name: group for name, group in by_category(known).items() if name != NO_TARGET}
    columns: dict[str, dict[str, Metric]] = {}
    for group, members in groups.items():
        for name in rounded:
            columns.setdefault(name, {})[group] = _rounded(f"{name} {group}", members, name)
    overall = {name: mean_of(name, list(by_group.values())) for name, by_group in columns.items()}
    overall = {name: replace(metric, parts=()) for name, metric in overall.items() if metric.n}
    parts: list[Metric] = [*overall.values()]
    both: list[Metric] = []
    for group in groups:
        jf_of_group = mean_of(f"J&F {group}", [columns["J"][group], columns["F"][group]])
        both.append(replace(jf_of_group, n=len(groups[group]), parts=()))
        parts.append(both[-1])
        parts += [columns[name][group] for name in rounded if columns[name][group].n]
    apart = [row for row in known if row.sample.category == NO_TARGET]
    if apart:
        parts.append(replace(mean_jf(f"J&F {NO_TARGET}", apart), parts=()))
    in_groups = [row for row in known if row.sample.category != NO_TARGET]
    parts += [metric for name in plain if (metric := _plain(name, in_groups)).n]
    parts += breakdowns(in_groups, mean_jf)
    if not overall:
        return Metric("J&F", None, 0, "%", note="nothing to average")
    return replace(mean_of("J&F", both), n=len(in_groups), parts=tuple(parts))


def mean_jf(name: str, rows: Sequence[Row]) -> Metric:
    """The mean of mean J and mean F; an expression counts once."""
    both = mean_of(name, [_plain("J", rows), _plain("F", rows)])
    return replace(both, n=len(rows))


def _numbers(rows: Sequence[Row], key: str) -> list[tuple[float, str]]:
    return [(number, row.sample.affinity) for row, number in detailed(rows, key)]


def _plain(name: str, rows: Sequence[Row]) -> Metric:
    known = _numbers(rows, name)
    return mean(name, [number for number, _ in known], [video for _, video in known])


def _rounded(name: str, rows: Sequence[Row], key: str) -> Metric:
    known = _numbers(rows, key)
    # numpy's rounding, as the references' numbers are numpy's: 44.575 becomes 44.58, and Python's 44.57.
    percent = np.round([100 * number for number, _ in known], 2)
    return mean(name, percent, [video for _, video in known], scale=1.0, bounds=(0.0, 100.0))


def rvos_scorer(name: str, help: str, aggregate: Aggregate) -> Scorer[Any, Any, Any]:
    return Scorer(
        name=name,
        help=help,
        profiles=PROFILES,
        fields=MaskFields,
        gold=read_gold,
        gold_help="the true masks, per frame an RLE {size, counts} or a list of them (the objects)",
        extract=extract,
        judge=judge,
        aggregate=aggregate,
        kind="masks",
        prediction=jf.read_masks,
        prediction_help="the masks: a list of RLEs {size, counts}, one (or null) per frame",
    )


RVOS = rvos_scorer("rvos", "Masks in videos: J&F of an expression, mean over expressions.", summed_up)
REVOS = rvos_scorer("revos", "Masks in videos: J&F, A and R as ReVOS sums them up.", revos)
REF_SAV = rvos_scorer("ref_sav", "Masks in videos: J&F as Ref-SAV is summed up.", ref_sav)
