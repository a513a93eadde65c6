"""Ref-DAVIS17 as ReferFormer publishes it: per annotator, all objects of a video at once, matched by DAVIS.

An annotator's masks of a video become one label map: where two lie, the first object wins. The map is scored
as DAVIS's unsupervised task scores it, on all frames: predicted objects are matched to the true ones so that
the sum of J&F is largest, true objects that nothing is left for count with an empty mask, and void pixels
count for nothing. The number is the mean over the four results; a prediction may so score for another
expression's object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sightbench import rle
from sightbench.mask_file import highest_label
from sightbench.rle import MaskError, Rle
from sightbench.sample import LabelTruth
from sightbench.scorers.masks.proposals import Track, matched
from sightbench.scorers.masks.rvos import mean_jf, rvos_scorer, summed_up
from sightbench.scorers.score import Metric, Row
from sightbench.scorers.scorer import Context, Profile, Together
from sightbench.scorers.statistics.means import mean, mean_of

ANNOTATORS = 4
NAMES = (
    "annotator 1, first frame",
    "annotator 1, full video",
    "annotator 2, first frame",
    "annotator 2, full video",
)


def fused(tracks: Sequence[Track]) -> list[list[Rle]]:
    """The tracks as one label map holds them: a pixel of several belongs to the first."""
    free: list[list[Rle]] = []
    taken: list[Rle] = []
    for track in tracks:
        taken = taken or [rle.empty(mask.h, mask.w) for mask in track]
        pairs = list(zip(track, taken, strict=True))
        # Of a mask and another one twice, just one covers what the first has for itself.
        free.append([rle.exactly_one((mask, other, other)) for mask, other in pairs])
        taken = [rle.union(pair) for pair in pairs]
    return free


def together(samples: Sequence[Together], context: Context) -> list[Mapping[str, Any]]:
    """What the expressions of one video come to: for each annotator `objects`, J and F of every true object.

    They stand in the detail of the annotator's first expression. An annotator of whose requests one failed
    has none, unless failures count 0.
    """
    details: list[dict[str, Any]] = [{} for _ in samples]
    gold = samples[0].sample.gold
    if context.profile is not Profile.OFFICIAL or not isinstance(gold, LabelTruth):
        return list(details)
    truths, voids = [], None
    for label in range(1, highest_label(Path(gold.folder) / gold.files[0]) + 1):
        truth = context.truth(replace(gold, labels=(label,)))
        truths.append(truth.rles)
        voids = truth.voids
    for annotator in range(ANNOTATORS):
        told = [place for place, entry in enumerate(samples) if _position(entry) % ANNOTATORS == annotator]
        told.sort(key=lambda place: _position(samples[place]))
        failed = any(samples[place].answer is None for place in told)
        if told and not (failed and context.options.on_error != "zero"):
            tracks = [_track(samples[place].answer, gold) for place in told]
            matches = matched(fused(tracks), truths, voids)
            details[told[0]]["objects"] = [[match.score.j, match.score.f] for match in matches]
    return list(details)


def _position(entry: Together) -> int:
    position = entry.sample.meta.get("position")
    return position if isinstance(position, int) else 0


def _track(answer: Any, gold: LabelTruth) -> list[Rle]:
    """The answer's masks, one a frame; all empty where one cannot be read or does not fit."""
    given = list(answer or ())
    try:
        if len(given) > gold.frames:
            raise MaskError(f"{len(given)} masks for {gold.frames} frames")
        for mask in filter(None, given):
            rle.lengths(mask)
            if mask[:2] != gold.size:
                raise MaskError(f"size {[*mask[:2]]} is not the frame's {[*gold.size]}")
    except MaskError:
        given = []
    given += [None] * (gold.frames - len(given))
    return [rle.empty(*gold.size) if mask is None else mask for mask in given]


def ref_davis(rows: Sequence[Row], profile: str) -> Metric:
    """J&F in %: the mean over expressions, by annotator, or under `official` the mean of the annotators'
    results, in each of which true objects weigh the same; the mean over expressions then stands beside it.

    Reference: wjn922/ReferFormer eval_davis.py and its issue 30; davis2017-evaluation.
    """
    if profile != Profile.OFFICIAL:
        return summed_up(rows, profile)
    js, fs, results = [], [], []
    for annotator, name in enumerate(NAMES):
        found = [
            (j, f, row.sample.affinity)
            for row in rows
            if int(str(row.sample.meta.get("position", 0))) % ANNOTATORS == annotator
            for j, f in row.score.detail.get("objects", ())
        ]
        videos = [video for _, _, video in found]
        js.append(mean(f"J {name}", [j for j, _, _ in found], videos))
        fs.append(mean(f"F {name}", [f for _, f, _ in found], videos))
        results.append(mean_of(name, [js[-1], fs[-1]]))
    j, f = (replace(mean_of(letter, parts), parts=()) for letter, parts in (("J", js), ("F", fs)))
    expressions = replace(mean_jf("J&F, mean over expressions", rows), parts=())
    return replace(mean_of("J&F", results), parts=(j, f, *results, expressions))


REF_DAVIS = replace(
    rvos_scorer("ref_davis", "Masks in videos: J&F by annotator, as Ref-DAVIS17 is summed up.", ref_davis),
    jointly=together,
)
