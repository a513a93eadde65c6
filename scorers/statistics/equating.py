"""From one judge's scale to another's, by items that both have judged."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.agreement import Ratings
from sightbench.scorers.statistics.evidence import Floats, coded
from sightbench.scorers.statistics.intervals import Interval, student
from sightbench.scorers.statistics.means import mean

LEAST_INFORMED = 0.1
"""A judge whose sensitivity and specificity add up to less than 1.1 says next to nothing."""


def shift(reference: Ratings, judge: Ratings, clusters: Sequence[Hashable] | None = None) -> Metric:
    """How far the reference's verdicts lie above the judge's on the same items, in their own unit."""
    apart = np.asarray(reference, dtype=np.float64) - np.asarray(judge, dtype=np.float64)
    return mean("shift", apart, clusters, scale=1.0, unit="", bounds=None)


def prediction_powered(raw: Metric, moved: Metric) -> Metric:
    """The mean the reference judge would give: the judge's mean plus the mean shift, both errors in it.

    `raw` is the judge's mean over the run, `moved` the shift over the anchors in the same unit (Angelopoulos
    et al. 2023, "Prediction-powered inference", the mean). No interval where either has none.
    """
    name = f"{raw.name}, equated"
    if raw.value is None or moved.value is None:
        return Metric(name, None, raw.n, raw.unit, note="nothing to equate")
    value = _within(raw.value + moved.value, raw.bounds)
    whole = Metric(name, value, raw.n, raw.unit, clusters=raw.clusters, bounds=raw.bounds)
    if raw.stderr is None or moved.stderr is None:
        return whole
    error = math.hypot(raw.stderr, moved.stderr)
    freedom = min(max(1, (raw.clusters or 2) - 1), max(1, (moved.clusters or 2) - 1))
    return replace(whole, stderr=error, interval=student(value, error, freedom, raw.bounds))


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How a judge's right and wrong compare with the reference's: the share of the reference's right answers
    it calls right (`sensitivity`), of the wrong ones wrong (`specificity`), each with its standard error."""

    sensitivity: Metric
    specificity: Metric

    @property
    def informed(self) -> float | None:
        """Sensitivity + specificity - 1; None where either is not known."""
        if self.sensitivity.value is None or self.specificity.value is None:
            return None
        return self.sensitivity.value + self.specificity.value - 1


def accuracy(reference: Ratings, judge: Ratings, clusters: Sequence[Hashable] | None = None) -> Accuracy:
    """The judge's accuracy over items that a reference judged right (1) or wrong (0)."""
    truth, said = np.asarray(reference) == 1, np.asarray(judge) == 1
    keys = list(range(len(truth))) if clusters is None else list(clusters)

    def share(name: str, rows: np.ndarray, hits: np.ndarray) -> Metric:
        own = [keys[row] for row in np.flatnonzero(rows)]
        return mean(name, hits[rows].astype(np.float64), own, scale=1.0, unit="")

    return Accuracy(share("sensitivity", truth, said), share("specificity", ~truth, ~said))


def rogan_gladen(raw: Metric, judged: Accuracy, share: float = 1.0, exact: float = 0.0) -> Metric:
    """The accuracy the reference judge would find (Rogan and Gladen 1978), its error by the delta method.

    `raw` is the mean in percent over the answers the judge decided, which are `share` of all; a rule found
    `exact` (a share of all answers) right among the others.
    """
    name = f"{raw.name}, equated"
    informed = judged.informed
    if raw.value is None or informed is None:
        return Metric(name, None, raw.n, raw.unit, note="the anchors are all right, or all wrong")
    if informed < LEAST_INFORMED:
        return Metric(name, None, raw.n, raw.unit, note="on the anchors the judge agrees no more than chance")
    sensitivity, specificity = judged.sensitivity, judged.specificity
    assert sensitivity.value is not None and specificity.value is not None
    observed = raw.value / 100
    right = min(1.0, max(0.0, (observed + specificity.value - 1) / informed))
    value = 100 * (share * right + exact)
    whole = Metric(name, value, raw.n, raw.unit, clusters=raw.clusters, bounds=raw.bounds)
    if None in (raw.stderr, sensitivity.stderr, specificity.stderr):
        return whole
    assert raw.stderr is not None and sensitivity.stderr is not None and specificity.stderr is not None
    spread = math.hypot(raw.stderr / 100, (1 - right) * specificity.stderr, right * sensitivity.stderr)
    error = 100 * share * spread / informed
    counts = (raw.clusters, sensitivity.clusters, specificity.clusters)
    freedom = max(1, min(count or 2 for count in counts) - 1)
    return replace(whole, stderr=error, interval=student(value, error, freedom, raw.bounds))


def ratio_of_means(
    name: str,
    run: Floats,
    run_clusters: Sequence[Hashable],
    reference: Floats,
    judge: Floats,
    clusters: Sequence[Hashable],
    *,
    rounds: int = 1000,
    seed: int = 0,
) -> Metric:
    """100 x mean of the second column over mean of the first, both moved by what the anchors tell.

    `run` are the judge's pairs of marks over the run, `reference` and `judge` the two judges' over the
    anchors (n x 2 each). Runs' and anchors' clusters are drawn anew together for the interval.
    """

    def ratio(of_run: np.ndarray, of_anchors: np.ndarray) -> float:
        moved = run[of_run].mean(axis=0) + (reference[of_anchors] - judge[of_anchors]).mean(axis=0)
        return float(100 * moved[1] / moved[0]) if moved[0] > 0 else float("nan")

    if not len(run) or not len(reference):
        return Metric(name, None, 0, "%", note="nothing to equate")
    value = ratio(np.arange(len(run)), np.arange(len(reference)))
    rng = np.random.default_rng(seed)
    drawn = [ratio(_drawn(run_clusters, rng), _drawn(clusters, rng)) for _ in range(rounds)]
    kept = np.array([each for each in drawn if each == each])
    if len(set(run_clusters)) < 2 or len(set(clusters)) < 2 or len(kept) < 2:
        return Metric(name, value, len(run), "%")
    low, high = np.quantile(kept, (0.025, 0.975))
    return Metric(
        name, value, len(run), "%", float(np.std(kept, ddof=1)), (float(low), float(high)),
        clusters=len(set(run_clusters)),
    )  # fmt: skip


def _drawn(clusters: Sequence[Hashable], rng: np.random.Generator) -> np.ndarray:
    keys, codes = coded(clusters)
    order = np.argsort(codes, kind="stable")
    ends = np.searchsorted(codes[order], np.arange(len(keys) + 1))
    picked = rng.integers(0, len(keys), len(keys))
    return np.concatenate([order[ends[k] : ends[k + 1]] for k in picked])


def _within(value: float, bounds: Interval | None) -> float:
    return value if bounds is None else min(bounds[1], max(bounds[0], value))
