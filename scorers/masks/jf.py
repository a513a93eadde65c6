"""J, F and J&F of one video object by every published definition, from RLE.

    J   region similarity: intersection over union of two masks
    F   contour accuracy: harmonic mean of boundary precision and boundary recall
    J&F (mean J + mean F) / 2 over the frames that count

The benchmarks agree on these words and on little else. definitions.py says, line by line, where they
differ; boundary.py counts seven integers per frame, and everything here is arithmetic on them in
float64, in the order the references do it, so that the numbers are theirs to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from sightbench import rle
from sightbench.rle import MaskError, Rle
from sightbench.scorers.masks import boundary
from sightbench.scorers.masks.boundary import Counts
from sightbench.scorers.masks.definitions import (
    DYNBENCH_TOLERANCE,
    Definition,
    check_tolerance,
    definition_named,
)


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """One object's score, 0..1. `js` and `fs` are per frame that counted, in order.

    `j`, `f` are their means (numpy's pairwise mean, as the references take it), `jf` the mean of the
    two; all three are nan where no frame counts. `detail` holds what the definition publishes beside
    them; every value can be written as JSON.
    """

    definition: str
    j: float
    f: float
    jf: float
    js: tuple[float, ...]
    fs: tuple[float, ...]
    detail: Mapping[str, Any] = field(default_factory=dict)


def score_object(
    preds: Sequence[Rle | None],
    gts: Sequence[Rle],
    definition: str = "dynbench",
    *,
    voids: Sequence[Rle] | None = None,
    tolerance: int = DYNBENCH_TOLERANCE,
    core: str | None = None,
) -> ObjectScore:
    """J, F and J&F of one object's masks against its ground truth, a mask per frame.

    A prediction that is None is an empty mask. `voids` are pixels that belong to neither mask (DAVIS
    unsupervised). `tolerance` is Dyn-Bench's `boundary_threshold`, in pixels. `core` forces a core.

    Raises MaskError (with the frame) for masks that cannot be read or that the definition does not
    allow, UsageError for an unknown definition.

    References: Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object
    Segmentation, CVPR 2016 (J, F); each definition names its implementation.
    """
    rules = definition_named(definition)
    check_tolerance(tolerance)
    if rules.short == "ignored" and not (preds and gts):
        return ObjectScore(definition, 0.0, 0.0, 0.0, (), ())
    pairs = paired(preds, gts, rules)
    counts = _count(pairs, rules, tolerance, voids, core)
    kept = which_count(counts, rules)
    js = [_smoothed_jaccard(counts[i]) if rules.smoothed else jaccard(counts[i]) for i in kept]
    fs = [boundary_f(counts[i]) for i in kept]
    detail: dict[str, Any] = {"frames_scored": len(kept)}
    if rules.name.startswith("davis"):
        detail |= {f"J_{name}": value for name, value in statistics(js).items()}
        detail |= {f"F_{name}": value for name, value in statistics(fs).items()}
    if rules.smoothed and kept:
        plain, fs = _adaptive([pairs[i] for i in kept], [counts[i] for i in kept], fs, core)
        detail |= {"F_plain": _mean(plain)} | _visibility(js, fs, [counts[i].gt == 0 for i in kept])
    j, f = _mean(js), _mean(fs)
    return ObjectScore(definition, j, f, (j + f) / 2, tuple(js), tuple(fs), detail)


def score_revos(
    preds: Sequence[Rle | None],
    instances: Sequence[Sequence[Rle]],
    foregrounds: Sequence[Rle],
    core: str | None = None,
) -> ObjectScore:
    """ReVOS: J and F against the union of a frame's instances, with A and R in `detail`.

    `instances` are the ground-truth masks an expression names, per frame (none of them: an empty
    frame); `foregrounds` all foreground of the video. The reference sums instances in uint8, so
    where two overlap its ground truth is 2: such pixels never agree (A) and count 1 - 2 = 255 false
    pixels each when predicted (R). `A` and `R` are as published, `A_corrected` and `R_corrected` are
    against the union. Raises MaskError. Reference: cilinyan/VISA tools/eval_revos.py.
    """
    sizes = [(mask.h, mask.w) for mask in foregrounds]
    layers = [rle.levels(masks) if masks else [rle.empty(*sizes[i])] for i, masks in enumerate(instances)]
    unions = [layer[0] for layer in layers]
    score = score_object(preds, unions, "revos", core=core)
    rows = []
    for (pred, gt), layer, fore in zip(
        paired(preds, unions, definition_named("revos")), layers, foregrounds, strict=True
    ):
        # pixels of the prediction / of the frame covered by at least 0, 1, 2, ... instances
        hit = [rle.area(pred), *(_overlap(pred, level, core) for level in layer), 0]
        all_ = [gt.h * gt.w, *(rle.area(level) for level in layer), 0]
        hit_exactly = [a - b for a, b in pairwise(hit)]
        covered_exactly = [a - b for a, b in pairwise(all_)]
        equal = (covered_exactly[0] - hit_exactly[0]) + hit_exactly[1]
        false = sum((1 - depth) % 256 * pixels for depth, pixels in enumerate(hit_exactly))
        equal_union = (covered_exactly[0] - hit_exactly[0]) + hit[1]
        positive = rle.area(fore) + 1e-6
        rows.append(
            (
                equal / all_[0],
                max(1 - false / positive, 0.0),
                equal_union / all_[0],
                max(1 - hit_exactly[0] / positive, 0.0),
            )
        )
    names = ("A", "R", "A_corrected", "R_corrected")
    means = {name: _mean(list(column)) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    return ObjectScore("revos", score.j, score.f, score.jf, score.js, score.fs, {**score.detail, **means})


def jaccard(count: Counts) -> float:
    """Intersection over union; 1.0 where both masks are empty."""
    union = count.pred + count.gt - count.inter
    return count.inter / union if union else 1.0


def boundary_f(count: Counts) -> float:
    """Harmonic mean of boundary precision and recall; both boundaries empty 1.0, one of them 0.0."""
    _, _, _, pred, gt, hit_pred, hit_gt = count
    if not pred or not gt:
        return 1.0 if pred == gt else 0.0
    precision, recall = hit_pred / pred, hit_gt / gt
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@lru_cache(maxsize=256)
def davis_radius(h: int, w: int) -> int:
    """DAVIS's boundary tolerance in pixels: 0.8 % of the image diagonal, rounded up."""
    return int(np.ceil(0.008 * np.linalg.norm((h, w))))


def statistics(values: Sequence[float]) -> dict[str, float]:
    """DAVIS's recall (share of frames above 0.5) and decay (first quarter minus last quarter).

    The reference keeps the quarters' frame numbers in uint8, so its decay is wrong (often nan)
    beyond 256 frames; here it is right for any length.
    Reference: davis2017-evaluation, davis2017/metrics.py, db_statistics.
    """
    if not values:
        return {"recall": math.nan, "decay": math.nan}
    array = np.array(values)
    edges = (np.round(np.linspace(1, len(values), 5) + 1e-10) - 1).astype(int)
    first, last = array[edges[0] : edges[1] + 1], array[edges[3] : edges[4] + 1]
    return {"recall": float(np.mean(array > 0.5)), "decay": float(np.mean(first) - np.mean(last))}


def paired(preds: Sequence[Rle | None], gts: Sequence[Rle], rules: Definition) -> list[tuple[Rle, Rle]]:
    """(prediction, truth) of every frame that a definition looks at. Raises MaskError for what it refuses."""
    if len(preds) > len(gts) and rules.long == "error":
        raise MaskError(f"{len(preds)} masks for {len(gts)} frames")
    if rules.short == "empty":
        preds = [*preds, *[None] * (len(gts) - len(preds))]
    pairs = []
    for frame, (pred, gt) in enumerate(zip(preds, gts, strict=False)):
        if pred is None:
            pred = rle.empty(gt.h, gt.w)
        elif (pred.h != gt.h or pred.w != gt.w) and rules.other_size == "error":
            raise MaskError(f"size {[*pred[:2]]} is not the frame's {[*gt[:2]]}", frame)
        pairs.append((pred, gt))
    return pairs


def _count(
    pairs: Sequence[tuple[Rle, Rle]],
    rules: Definition,
    tolerance: int,
    voids: Sequence[Rle] | None,
    core: str | None,
) -> list[Counts]:
    """Counts of all frames; those of one size share a structuring element and one call of the core."""
    by_frame: dict[int, Counts] = {}
    sizes = by_size(pairs)
    for (h, w), frames in sizes.items():
        inner = rules.boundary == "inner"
        element = boundary.diamond(tolerance) if inner else boundary.disk(float(davis_radius(h, w)))
        try:
            counted = boundary.count(
                [pairs[i][0] for i in frames],
                [pairs[i][1] for i in frames],
                inner=inner,
                element=element,
                voids=None if voids is None else [voids[i] for i in frames],
                core_name=core,
            )
        except MaskError as error:
            raise MaskError(error.reason, frames[error.frame or 0], error.whose) from None
        if len(sizes) == 1:
            return counted
        by_frame.update(zip(frames, counted, strict=True))
    return [by_frame[i] for i in range(len(pairs))]


def by_size(pairs: Sequence[tuple[Rle, Rle]]) -> dict[tuple[int, int], list[int]]:
    """The frames of each size of the truth."""
    frames: dict[tuple[int, int], list[int]] = {}
    for i, (_, gt) in enumerate(pairs):
        frames.setdefault((gt.h, gt.w), []).append(i)
    return frames


def which_count(counts: Sequence[Counts], rules: Definition) -> list[int]:
    """The frames that count."""
    kept = list(range(1, len(counts) - 1) if rules.drop_ends else range(len(counts)))
    if rules.from_first_sight:
        seen = (n for n, i in enumerate(kept) if counts[i].pred or counts[i].gt)
        kept = kept[next(seen, len(kept)) :]
    return kept


def _adaptive(
    pairs: Sequence[tuple[Rle, Rle]], counts: Sequence[Counts], plain: list[float], core: str | None
) -> tuple[list[float], list[float]]:
    """MOSEv2's F with the usual and with the object-sized tolerance (F-dot), per frame.

    The tolerance is a tenth of the square root of the object's area where that is below 0.8 % of the
    diagonal. Where it is not, the reference forgets to round the diagonal's share up, and uses the
    lopsided disk that follows for both numbers; so does this.
    """
    plain, adapted = list(plain), []
    for n, ((pred, gt), count) in enumerate(zip(pairs, counts, strict=True)):
        widest = 0.008 * float(np.linalg.norm((gt.h, gt.w)))
        # an empty ground truth has no area: the reference falls back on its own 10 % of the diagonal
        radius = float(np.ceil(0.1 * np.sqrt(count.gt))) if count.gt else math.inf
        element = boundary.disk(min(radius, widest))
        f = boundary_f(boundary.count([pred], [gt], inner=False, element=element, core_name=core)[0])
        adapted.append(f)
        if radius >= widest:
            plain[n] = f
    return plain, adapted


def _smoothed_jaccard(count: Counts) -> float:
    return (count.inter + 1) / (count.pred + count.gt - count.inter + 1)


def _visibility(js: Sequence[float], fs: Sequence[float], hidden: Sequence[bool]) -> dict[str, float | None]:
    """MOSEv2's J and F over the stretches where the object is gone, and over those where it is back.

    A stretch of either kind counts once, whatever its length. One gone from the start is no
    disappearance, but what follows it is a reappearance. None where there is no stretch.
    """
    turns = [0, *(i for i in range(1, len(hidden)) if hidden[i] != hidden[i - 1]), len(hidden)]
    means_of: dict[str, float | None] = {}
    for name, gone in (("disappear", True), ("reappear", False)):
        spans = [(a, b) for a, b in pairwise(turns) if a > 0 and hidden[a] == gone]
        for letter, values in (("J", js), ("F", fs)):
            means = [_mean(values[a:b]) for a, b in spans]
            means_of[f"{name}_{letter}"] = _mean(means) if means else None
    return means_of


def _overlap(a: Rle, b: Rle, core: str | None) -> int:
    return boundary.count([a], [b], inner=True, element=boundary.diamond(1), core_name=core)[0].inter


def _mean(values: Sequence[float]) -> float:
    # np.mean adds pairwise from 8 items on, and so does this, in less time; sum() differs in the last bit
    return float(np.add.reduce(values)) / len(values) if values else math.nan
