"""Error bars: means with clustered standard errors, Student-t intervals, bootstrap for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from statistics import NormalDist

import numpy as np

from sightbench.scorers.score import Metric


def mean(
    name: str,
    values: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    scale: float = 100.0,
    unit: str = "%",
) -> Metric:
    """The mean of `values` times `scale`, with its standard error and 95 % interval in the same unit.

    The value is `np.mean(values) * scale`, in that order, so that it equals the references' float.
    Values of one cluster (the questions of one video) are not independent: their deviations are
    summed before squaring (Miller 2024, "Adding Error Bars to Evals", eq. 4) with the small-sample
    factor G/(G-1), which makes it the usual s/sqrt(n) when every value is its own cluster.
    One value or one cluster has no standard error: `stderr` and `interval` are None.
    """
    n = len(values)
    if n == 0:
        return Metric(name, None, 0, unit, note="nothing to average")
    value = float(np.mean(values)) * scale
    groups: dict[Hashable, float] = {}
    center = value / scale
    for index, x in enumerate(values):
        key = index if clusters is None else clusters[index]
        groups[key] = groups.get(key, 0.0) + (x - center)
    g = len(groups)
    if g < 2:
        return Metric(name, value, n, unit)
    stderr = math.sqrt(g / (g - 1) * math.fsum(d * d for d in groups.values())) / n * scale
    half = t_quantile(0.975, g - 1) * stderr
    return Metric(name, value, n, unit, stderr, (value - half, value + half))


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
    give the same interval. Rounds in which the statistic is nan are left out.
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
    draws = rng.integers(0, len(groups), size=(rounds, len(groups)))
    drawn = np.array([statistic(np.concatenate([groups[k] for k in draw])) for draw in draws])
    drawn = drawn[~np.isnan(drawn)]
    if len(drawn) < 2:
        return Metric(name, value, n, unit)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Metric(name, value, n, unit, float(np.std(drawn, ddof=1)), (float(low), float(high)))


def mean_of(name: str, parts: Sequence[Metric], *, unit: str = "%", note: str = "") -> Metric:
    """The plain mean of the parts that have a value: macro averages such as Dyn-Bench's Overall.

    `n` is the sum of the parts' n; the standard error takes the parts as independent, and is None when
    a part has none. The parts stay below the result.
    """
    present = [part for part in parts if part.value is not None]
    if not present:
        return Metric(name, None, 0, unit, parts=tuple(parts), note=note or "no part has a value")
    value = float(np.mean([part.value for part in present]))
    errors = [part.stderr for part in present]
    stderr = None
    interval = None
    if all(error is not None for error in errors):
        stderr = math.sqrt(math.fsum(error * error for error in errors if error is not None)) / len(present)
        half = NormalDist().inv_cdf(0.975) * stderr
        interval = (value - half, value + half)
    return Metric(name, value, sum(part.n for part in present), unit, stderr, interval, tuple(parts), note)


def t_quantile(p: float, df: int) -> float:
    """The Student-t quantile: exact for 1 and 2 degrees of freedom, else the Cornish-Fisher expansion.

    Four terms (Abramowitz & Stegun 26.7.5): within 0.2 % of the true quantile from 3 degrees on.
    """
    if df == 1:
        return math.tan(math.pi * (p - 0.5))
    if df == 2:
        return (2 * p - 1) / math.sqrt(2 * p * (1 - p))
    z = NormalDist().inv_cdf(p)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(z + sum(term / df ** (k + 1) for k, term in enumerate(terms)))
