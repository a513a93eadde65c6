"""What stands behind a number, cluster by cluster: all that its error, sums and paired tests need."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A number taken apart by cluster (a video: what answers have in common). Lives in memory only.

    `shares[g]` is what cluster g adds to the value; they sum to it. `influences[g]` is how far g pulls the
    value away from what the others say, with the small-sample factor G/(G-1) in it: the variance is the
    sum of their squares, and the influences of a sum are the sums of the influences. `freedom` is the
    degrees of freedom of that variance. `values` are the single values averaged, in file order.
    `effective_n` is how many independent values would give the same error; None where no mean is.
    `draws` are the bootstrap's, for numbers that are no means; shares and influences are then empty.
    All are in the metric's unit except `values`.
    """

    clusters: tuple[Hashable, ...]
    shares: Floats
    influences: Floats
    freedom: float
    values: Floats
    effective_n: float | None = None
    draws: Floats | None = None

    @property
    def stderr(self) -> float:
        return math.sqrt(math.fsum(self.influences**2))


def of_mean(values: Floats, center: float, clusters: Sequence[Hashable] | None, scale: float) -> Evidence:
    """The evidence of `center`, the mean of `values`, times `scale`. One cluster has no influences.

    The variance is that of Miller 2024 ("Adding Error Bars to Evals", eq. 4) times G/(G-1), which makes
    it s²/n where every value is its own cluster.
    """
    n = len(values)
    # Without clusters nothing is shared, not even with another mean.
    keys, codes = coded([object() for _ in values] if clusters is None else clusters)
    count = len(keys)
    shares = _summed(codes, values, count) * (scale / n)
    if count < 2:
        return Evidence(keys, shares, np.empty(0), 0, values)
    influences = _summed(codes, values - center, count) * (math.sqrt(count / (count - 1)) * scale / n)
    variance = float(influences @ influences) / scale**2
    # Without any spread nothing tells how alike the answers to one video are: then it may be wholly.
    effective = float(np.var(values, ddof=1)) / variance if variance > 0 else float(count)
    return Evidence(keys, shares, influences, count - 1, values, effective)


def weighted(parts: Sequence[Evidence], weight: float) -> Evidence | None:
    """The evidence of `weight` times the sum of the parts; None where a part was bootstrapped.

    Parts that share clusters (questions and masks of the same videos) are not taken as independent. The
    degrees of freedom are Welch and Satterthwaite's, and at most those of all clusters together.
    """
    if any(part.draws is not None for part in parts):
        return None
    keys, codes = coded([key for part in parts for key in part.clusters])
    count = len(keys)
    shares = _summed(codes, np.concatenate([part.shares for part in parts]), count) * weight
    values = np.concatenate([part.values for part in parts])
    if any(not len(part.influences) for part in parts):
        return Evidence(keys, shares, np.empty(0), 0, values)
    influences = _summed(codes, np.concatenate([part.influences for part in parts]), count) * weight
    variances = [part.stderr**2 for part in parts]
    below = math.fsum(v * v / part.freedom for v, part in zip(variances, parts, strict=True))
    freedom = math.fsum(variances) ** 2 / below if below > 0 else count - 1
    return Evidence(keys, shares, influences, min(freedom, count - 1), values)


def coded(keys: Sequence[Hashable]) -> tuple[tuple[Hashable, ...], npt.NDArray[np.intp]]:
    """The different keys in order of appearance, and of each entry which one it is."""
    index: dict[Hashable, int] = {}
    codes = np.fromiter((index.setdefault(key, len(index)) for key in keys), np.intp, len(keys))
    return tuple(index), codes


def _summed(codes: npt.NDArray[np.intp], values: Floats, count: int) -> Floats:
    return np.bincount(codes, values, count).astype(np.float64, copy=False)
