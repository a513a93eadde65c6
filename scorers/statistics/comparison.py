"""Two runs beside each other, number by number: differences, how sure they are, and a verdict on each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.evidence import Evidence, Floats, coded
from sightbench.scorers.statistics.intervals import ROUNDING, Interval, student, wilson
from sightbench.scorers.statistics.paired import FLIPS, bootstrap_p, holm, sign_flips
from sightbench.scorers.statistics.power import clusters_for, clusters_to_fit

Verdict = Literal["better", "worse", "equivalent", "undecided"]
Method = Literal["every sign pattern", "sign flips", "bootstrap", "clustered t"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of the baseline and of the candidate, over the samples that both answered.

    `value` is candidate minus baseline, in `unit`; `interval` holds it with 95 % confidence. `p` is for
    this number alone, `adjusted_p` for its whole family: the headlines of all candidates are one family,
    all numbers below them another. `wins` and `losses` count the samples on which the candidate did better
    and worse (the discordant pairs); None where the number is no mean of samples. `needed` says for an
    undecided number how many clusters like these would settle it, were the difference seen the true one.
    `depth` is 0 for the headline, 1 for its parts, and so on.
    """

    name: str
    depth: int
    unit: str
    baseline: float
    candidate: float
    value: float
    stderr: float | None
    interval: Interval | None
    p: float
    adjusted_p: float
    verdict: Verdict
    needed: int | None
    n: int
    clusters: int
    wins: int | None
    losses: int | None
    method: Method


@dataclass(frozen=True, slots=True)
class Comparison:
    """A candidate against the baseline on one benchmark; `differences[0]` is the headline.

    `margin` is what counts as no difference, in the headline's unit. `shared` samples were answered by
    both; `only_baseline` and `only_candidate` by one, and are in no number here. `warnings` say where the
    runs differ in more than the model. `control` is the control condition of the baseline where it is the
    candidate's own: the difference is then the gain over it.
    """

    benchmark: str
    title: str
    baseline: str
    candidate: str
    differences: tuple[Difference, ...]
    margin: float
    flips: int
    shared: int
    only_baseline: int
    only_candidate: int
    warnings: tuple[str, ...] = ()
    control: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """The same number of two runs over the same samples."""

    depth: int
    baseline: Metric
    candidate: Metric


def pairs(baseline: Metric, candidate: Metric, depth: int = 0) -> Iterator[Pair]:
    """The numbers that stand at the same place in both trees and have a value in both, headline first."""
    if baseline.value is not None and candidate.value is not None:
        yield Pair(depth, baseline, candidate)
    others: dict[str, list[Metric]] = {}
    for part in candidate.parts:
        others.setdefault(part.name, []).append(part)
    for part in baseline.parts:
        if others.get(part.name):
            yield from pairs(part, others[part.name].pop(0), depth + 1)


def compared(
    trees: Sequence[tuple[Metric, Metric]], *, margin: float = 0.0, flips: int = FLIPS, seed: int = 0
) -> list[tuple[Difference, ...]]:
    """The differences of each (baseline, candidate), judged together.

    All trees share one set of flips, cluster by cluster, and two families of tests: headlines, and the rest.
    Numbers without any error (one video) are left out.
    """
    found = [[pair for pair in pairs(*tree) if _testable(pair)] for tree in trees]
    flat = [pair for group in found for pair in group]
    tested = [at for at, pair in enumerate(flat) if _same_answers(pair)]
    ps = [math.nan] * len(flat)
    adjusted = [math.nan] * len(flat)
    methods: list[Method] = ["clustered t"] * len(flat)
    if tested:
        matrix = _matrix([_moved(flat[at]) for at in tested])
        heads = [at for at, index in enumerate(tested) if flat[index].depth == 0]
        rest = [at for at, index in enumerate(tested) if flat[index].depth > 0]
        outcome = sign_flips(matrix, (heads, rest), flips=flips, seed=seed)
        for at, index in enumerate(tested):
            ps[index], adjusted[index] = float(outcome.p[at]), float(outcome.adjusted[at])
            methods[index] = "every sign pattern" if outcome.exact else "sign flips"
    for family in (True, False):
        others = [at for at, pair in enumerate(flat) if (pair.depth == 0) == family and at not in set(tested)]
        for at in others:
            ps[at], methods[at] = _without_flips(flat[at])
        for at, corrected in zip(others, holm([ps[at] for at in others]), strict=True):
            adjusted[at] = corrected
    made = iter(_difference(*entry, margin) for entry in zip(flat, ps, adjusted, methods, strict=True))
    return [tuple(next(made) for _ in group) for group in found]


def _testable(pair: Pair) -> bool:
    kinds = [metric.evidence for metric in (pair.baseline, pair.candidate)]
    return all(one is not None and (one.draws is not None or len(one.influences)) for one in kinds)


def _same_answers(pair: Pair) -> bool:
    """Whether both numbers are means over the same clusters, so that shares can be exchanged."""
    a, b = _evidence(pair)
    alike = len(a.clusters) == len(b.clusters) and len(a.values) == len(b.values)
    return alike and _same_clusters(a, b) and len(a.influences) > 0 and len(b.influences) > 0


def _same_clusters(a: Evidence, b: Evidence) -> bool:
    """Answers that share nothing have keys of their own in each run, and stand in the same order in both."""
    return a.clusters == b.clusters or all(type(key) is object for key in (*a.clusters, *b.clusters))


def _evidence(pair: Pair) -> tuple[Evidence, Evidence]:
    assert pair.baseline.evidence is not None and pair.candidate.evidence is not None
    return pair.baseline.evidence, pair.candidate.evidence


def _moved(pair: Pair) -> tuple[Sequence[object], Floats]:
    a, b = _evidence(pair)
    return a.clusters, b.shares - a.shares


def _matrix(columns: Sequence[tuple[Sequence[object], Floats]]) -> Floats:
    """Clusters x numbers: 0 where a number has nothing from a cluster."""
    keys, codes = coded([key for clusters, _ in columns for key in clusters])
    matrix = np.zeros((len(keys), len(columns)))
    start = 0
    for at, (clusters, moved) in enumerate(columns):
        matrix[codes[start : start + len(clusters)], at] = moved
        start += len(clusters)
    return matrix


def _without_flips(pair: Pair) -> tuple[float, Method]:
    a, b = _evidence(pair)
    value = _value(pair)
    if a.draws is not None and b.draws is not None and len(a.draws) == len(b.draws):
        return bootstrap_p(value, b.draws - a.draws), "bootstrap"
    from scipy.special import stdtr

    stderr, freedom = _error(pair)
    return (float(2 * stdtr(freedom, -abs(value) / stderr)) if stderr else 1.0), "clustered t"


def _value(pair: Pair) -> float:
    assert pair.baseline.value is not None and pair.candidate.value is not None
    return pair.candidate.value - pair.baseline.value


def _error(pair: Pair) -> tuple[float, float]:
    """Standard error and degrees of freedom of the difference; clusters that both have are paired."""
    a, b = _evidence(pair)
    keys, codes = coded([*a.clusters, *b.clusters] if not _same_answers(pair) else [*a.clusters, *a.clusters])
    both = np.concatenate([-a.influences, b.influences])
    stderr = math.sqrt(math.fsum(np.bincount(codes, both, len(keys)) ** 2))
    known = pair.baseline.bounds
    if known is not None and stderr <= ROUNDING * (known[1] - known[0]):
        stderr = 0.0
    return stderr, min(a.freedom, b.freedom)


def _difference(pair: Pair, p: float, adjusted: float, method: Method, margin: float) -> Difference:
    a, b = _evidence(pair)
    value = _value(pair)
    known = pair.baseline.bounds
    span = None if known is None else (known[0] - known[1], known[1] - known[0])
    wins = losses = None
    if method == "bootstrap":
        assert a.draws is not None and b.draws is not None
        draws = (b.draws - a.draws)[~np.isnan(b.draws - a.draws)]
        stderr, freedom = float(np.std(draws, ddof=1)), a.freedom
        low, high = np.quantile(draws, (0.025, 0.975))
        interval = (float(low), float(high))
    else:
        stderr, freedom = _error(pair)
        if span is not None and not stderr:
            # All clusters moved alike; the share of those that would not is only known within bounds.
            others = wilson(0.0, len(a.clusters), len(a.clusters) - 1)[1]
            interval = (value - others * (value - span[0]), value + others * (span[1] - value))
        else:
            interval = student(value, stderr, freedom, span)
        if _same_answers(pair):
            wins, losses = int(np.sum(b.values > a.values)), int(np.sum(b.values < a.values))
    verdict = _verdict(value, interval, adjusted, margin)
    clusters = len(a.clusters)
    return Difference(
        pair.baseline.name,
        pair.depth,
        pair.baseline.unit,
        float(pair.baseline.value or 0.0),
        float(pair.candidate.value or 0.0),
        value,
        stderr,
        interval,
        p,
        adjusted,
        verdict,
        _needed(value, stderr, clusters, margin) if verdict == "undecided" else None,
        pair.baseline.n,
        clusters,
        wins,
        losses,
        method,
    )


def _verdict(value: float, interval: Interval, adjusted: float, margin: float) -> Verdict:
    if adjusted < 0.05:
        return "better" if value > 0 else "worse"
    return "equivalent" if -margin <= interval[0] and interval[1] <= margin else "undecided"


def _needed(value: float, stderr: float, clusters: int, margin: float) -> int | None:
    """The clusters that would show either the difference seen, or that it is within the margin."""
    ways = (clusters_for(value, stderr, clusters), clusters_to_fit(margin - abs(value), stderr, clusters))
    known = [way for way in ways if way is not None]
    return max(clusters + 1, min(known)) if known else None
