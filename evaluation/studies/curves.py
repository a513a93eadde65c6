"""A run's masks frame by frame, and the curves behind its J and F. Nothing is asked, nothing written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any

from sightbench import rle
from sightbench.errors import UsageError
from sightbench.evaluation.run import Run
from sightbench.evaluation.score import true_masks
from sightbench.reports.entry import Masks
from sightbench.reports.overview import add_curve
from sightbench.rle import MaskError, Rle
from sightbench.sample import Reply, Sample, StoredMasks
from sightbench.scorers.masks.curves import CurveSum, MaskCurves, f_by_tolerance
from sightbench.scorers.masks.definitions import DEFINITIONS, DYNBENCH_TOLERANCE
from sightbench.scorers.masks.jf import score_object
from sightbench.scorers.masks.truth import Cache, Truth
from sightbench.scorers.score import Score

Shown = Callable[[StoredMasks, Sample, Reply | None, Score], Masks]


def shown_masks(run: Run) -> Shown:
    """Gives a function: (true masks of a video, its sample, reply, score) -> both masks, frame by frame."""
    datasets = {dataset.selection.benchmark.name: dataset for dataset in run.datasets}
    tolerance = run.record.scoring.tolerance or DYNBENCH_TOLERANCE
    truths: dict[str, Cache] = {}

    def shown(gold: StoredMasks, sample: Sample, reply: Reply | None, score: Score) -> Masks:
        dataset = datasets.get(sample.benchmark, run.datasets[0])
        if sample.benchmark not in truths:
            truths[sample.benchmark] = true_masks(dataset)
        truth = truths[sample.benchmark].truth(gold)
        # Where proposals are matched to objects, J and F are theirs and no frame's.
        if "davis_unsupervised" in dataset.selection.benchmark.scorers.values():
            return _all_objects(gold, reply, truth)
        return _object_masks(gold, reply, score, truth, tolerance)

    return shown


def mask_curves(run: Run) -> dict[str, MaskCurves]:
    """The curves of each benchmark of the run that asks for masks in videos. UsageError if none does."""
    shown, sums = shown_masks(run), dict[str, CurveSum]()
    for sample, reply, score in run:
        if isinstance(sample.gold, StoredMasks):
            add_curve(sums, sample.benchmark, shown(sample.gold, sample, reply, score), score)
    found = {name: curves for name, total in sums.items() if (curves := total.curves()) is not None}
    if not found:
        raise UsageError(f"{run.folder} holds no masks of videos that were scored")
    return found


def _first_object(reply: Reply | None, frames: int) -> Mapping[str, Any] | None:
    try:
        objects = reply.masks.objects(frames) if reply is not None and reply.masks else None
    except MaskError:
        return None
    return objects[0] if isinstance(objects, list) and objects and isinstance(objects[0], Mapping) else None


def _all_objects(gold: StoredMasks, reply: Reply | None, known: Truth) -> Masks:
    """Whatever was proposed beside whatever is true."""
    try:
        objects: Any = reply.masks.objects(gold.frames) if reply is not None and reply.masks else []
        tracks = [[None if mask is None else rle.read(mask) for mask in each["rles"]] for each in objects]
        layers = ([mask for mask in frame if mask is not None] for frame in zip_longest(*tracks))
        return Masks(tuple(rle.union(masks) if masks else None for masks in layers), known.rles)
    except (MaskError, TypeError, KeyError):
        return Masks((), known.rles)


def _object_masks(
    gold: StoredMasks, reply: Reply | None, score: Score, known: Truth, tolerance: int
) -> Masks:
    """The first object of the reply, which is the one that is scored, beside the ground truth."""
    truth, voids = known.rles, known.voids or None
    predicted: list[Rle | None] = []
    first = _first_object(reply, gold.frames)
    if first is not None:
        frames = first.get("rles")
        for frame in frames if isinstance(frames, list) else ():
            try:
                predicted.append(None if frame is None else rle.read(frame))
            except MaskError:
                predicted.append(None)
    definition = str(score.detail.get("definition", ""))
    if score.status == "unparsed":
        # No mask that counts: 0 at every J and tolerance.
        return Masks(tuple(predicted), truth, definition=definition)
    if score.status != "scored":
        return Masks(tuple(predicted), truth)
    definition = definition or "dynbench"
    # An answer without an object that is scored is an empty mask in every frame.
    predicted = predicted or [None] * len(truth)
    try:
        per_frame = score_object(predicted, truth, definition, voids=voids, tolerance=tolerance)
        f_within = f_by_tolerance(predicted, truth, definition, voids=voids)
    except MaskError:
        return Masks(tuple(predicted), truth)
    # Definitions that leave out the last frame end one before it, wherever they begin.
    start = len(truth) - 1 - len(per_frame.js) if DEFINITIONS[definition].drop_ends else 0
    return Masks(tuple(predicted), truth, per_frame.js, per_frame.fs, start, definition, f_within)
