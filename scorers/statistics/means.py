"""Metrics with error bars: clustered means, means and sums of metrics, and the bootstrap for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import numpy as np

from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.evidence import Evidence, Floats, coded, of_mean, weighted
from sightbench.scorers.statistics.intervals import Interval, student, wilson


def mean(
    name: str,
    values: Sequence[float] | Floats,
    clusters: Sequence[Hashable] | None = None,
    *,
    scale: float = 100.0,
    unit: str = "%",
    bounds: Interval | None = (0.0, 1.0),
) -> Metric:
    """The mean of `values` times `scale`, with its standard error and 95 % interval in the same unit.

    The value is `np.mean(values) * scale`, in that order, so that it equals the references' float.
    Values of one cluster (the questions of one video) are not independent; without `clusters` each value
    is its own. The interval is Wilson's on the effective n where all values are 0 or 1, else Student's,
    cut at `bounds` (the least and the greatest value there can be; None: no bounds). One value or one
    cluster has no standard error: `stderr` and `interval` are None.
    """
    n = len(values)
    if n == 0:
        return Metric(name, None, 0, unit, note="nothing to average")
    given = np.asarray(values, dtype=np.float64)
    value = float(np.mean(values)) * scale
    ends = None if bounds is None else (bounds[0] * scale, bounds[1] * scale)
    evidence = of_mean(given, value / scale, clusters, scale)
    whole = Metric(
        name,
        value,
        n,
        unit,
        clusters=len(evidence.clusters),
        effective_n=evidence.effective_n,
        bounds=ends,
        evidence=evidence,
    )
    if not len(evidence.influences):
        return whole
    stderr = evidence.stderr
    if bounds == (0.0, 1.0) and evidence.effective_n and bool(np.all((given == 0) | (given == 1))):
        # Fewer than n, even where clusters happen to balance: that they do is not known from a few.
        low, high = wilson(value / scale, min(n, evidence.effective_n), evidence.freedom)
        interval = (low * scale, high * scale)
    else:
        interval = student(value, stderr, evidence.freedom, ends)
    return replace(whole, stderr=stderr, interval=interval)


def ratio(
    name: str,
    parts: Sequence[float],
    wholes: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    scale: float = 100.0,
    unit: str = "%",
) -> Metric:
    """The sum of `parts` over the sum of `wholes` (both at least 0, no part above its whole) times `scale`.

    The error is the linearised one: what each cluster's parts are beyond the ratio's share of its wholes.
    None where the wholes sum to nothing.
    """
    n = len(parts)
    above, below = np.asarray(parts, np.float64), np.asarray(wholes, np.float64)
    whole = float(below.sum())
    if not whole:
        return Metric(name, None, n, unit, note="nothing to divide by" if n else "nothing to average")
    value = float(above.sum()) / whole
    keys, codes = coded(clusters)
    count = len(keys)
    shares: Floats = np.bincount(codes, above, count) * np.float64(scale / whole)
    metric = Metric(name, value * scale, n, unit, clusters=count, bounds=(0.0, scale))
    if count < 2:
        return replace(metric, evidence=Evidence(keys, shares, np.empty(0), 0, above))
    beyond = np.bincount(codes, above - value * below, count)
    influences: Floats = beyond * np.float64(math.sqrt(count / (count - 1)) * scale / whole)
    evidence = Evidence(keys, shares, influences, count - 1, above)
    interval = student(value * scale, evidence.stderr, count - 1, (0.0, scale))
    return replace(metric, stderr=evidence.stderr, interval=interval, evidence=evidence)


def mean_of(name: str, parts: Sequence[Metric], *, unit: str = "%", note: str = "") -> Metric:
    """The plain mean of the parts that have a value: macro averages such as Dyn-Bench's Overall.

    `n` is the sum of the parts' n. The error adds up what each cluster does to all parts, so parts over
    the same videos are not taken as independent; it is None when a part has none. The parts stay below.
    """
    present = [part for part in parts if part.value is not None]
    value = float(np.mean([part.value for part in present])) if present else None
    return _combined(name, value, parts, present, 1 / max(1, len(present)), unit, note)


def sum_of(name: str, parts: Sequence[Metric], *, unit: str = "points", note: str = "") -> Metric:
    """The sum of the parts that have a value, with its error as in `mean_of`."""
    present = [part for part in parts if part.value is not None]
    # Plainly from left to right, as the references add: the order reaches the last bit.
    value = float(sum(part.value for part in present if part.value is not None)) if present else None
    return _combined(name, value, parts, present, 1.0, unit, note)


def _combined(
    name: str,
    value: float | None,
    parts: Sequence[Metric],
    present: Sequence[Metric],
    weight: float,
    unit: str,
    note: str,
) -> Metric:
    if value is None:
        return Metric(name, None, 0, unit, parts=tuple(parts), note=note or "no part has a value")
    known = [part.evidence for part in present if part.evidence is not None]
    evidence = weighted(known, weight) if len(known) == len(present) else None
    limits = [part.bounds for part in present if part.bounds is not None]
    bounds = (
        (weight * math.fsum(low for low, _ in limits), weight * math.fsum(high for _, high in limits))
        if len(limits) == len(present)
        else None
    )
    stderr = interval = None
    if evidence is not None and len(evidence.influences):
        stderr = evidence.stderr
        interval = student(value, stderr, evidence.freedom, bounds)
    return Metric(
        name,
        value,
        sum(part.n for part in present),
        unit,
        stderr,
        interval,
        tuple(parts),
        note,
        clusters=None if evidence is None else len(evidence.clusters),
        bounds=bounds,
        evidence=evidence,
    )


def bootstrap(
    name: str,
    statistic: Callable[[np.ndarray], float],
    clusters: Sequence[Hashable],
    *,
    unit: str = "%",
    rounds: int = 1000,
    seed: int = 0,
) -> Metric:
    """`statistic(indices)` over all rows, with the cluster bootstrap's standard error and 95 % interval.

    `statistic` gets row indices (int64, with repeats); `clusters[i]` is the cluster of row i. Clusters
    are drawn with replacement, `rounds` times, from a generator seeded by `seed`: the same rows always
    give the same interval, and two runs over the same rows the same draws. Rounds in which the statistic
    is nan are left out.
    """
    n = len(clusters)
    if n == 0:
        return Metric(name, None, 0, unit, note="nothing to average")
    value = float(statistic(np.arange(n)))
    members: dict[Hashable, list[int]] = {}
    for index, key in enumerate(clusters):
        members.setdefault(key, []).append(index)
    groups = [np.asarray(rows, dtype=np.int64) for rows in members.values()]
    if len(groups) < 2:
        return Metric(name, value, n, unit)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(groups), size=(rounds, len(groups)))
    draws = np.array([statistic(np.concatenate([groups[k] for k in draw])) for draw in drawn])
    none = np.empty(0)
    evidence = Evidence(tuple(members), none, none, len(groups) - 1, none, draws=draws)
    kept = draws[~np.isnan(draws)]
    if len(kept) < 2:
        return Metric(name, value, n, unit, clusters=len(groups), evidence=evidence)
    low, high = np.quantile(kept, (0.025, 0.975))
    error = float(np.std(kept, ddof=1))
    interval = (float(low), float(high))
    return Metric(name, value, n, unit, error, interval, clusters=len(groups), evidence=evidence)
