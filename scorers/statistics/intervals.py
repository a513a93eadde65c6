"""95 % intervals that stay on their scale."""

from __future__ import annotations

import math
from functools import lru_cache

Interval = tuple[float, float]

ROUNDING = 1e-9
"""An error below this share of the scale is the rounding of values that are all alike."""

FEW_CLUSTERS = 10
"""With fewer clusters than these an interval is a rough guess, and reports say so."""


@lru_cache(maxsize=4096)
def t_quantile(p: float, freedom: float) -> float:
    """The quantile of Student's t; the degrees of freedom need not be whole."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, p))


def wilson(share: float, n: float, freedom: float) -> Interval:
    """Wilson's (1927) score interval of a share of `n` effective answers, t in place of the normal quantile.

    `n` is the effective number (Dean and Pagano 2015, "Evaluating confidence interval methods for binomial
    proportions in clustered surveys"), not whole as a rule.
    """
    t = t_quantile(0.975, freedom)
    shrunk = 1 + t * t / n
    center = (share + t * t / (2 * n)) / shrunk
    half = t / shrunk * math.sqrt(share * (1 - share) / n + t * t / (4 * n * n))
    return max(0.0, center - half), min(1.0, center + half)


def student(value: float, stderr: float, freedom: float, bounds: Interval | None = None) -> Interval:
    """value ± t times the standard error, cut at the ends of the scale."""
    half = t_quantile(0.975, freedom) * stderr
    low, high = bounds or (-math.inf, math.inf)
    return max(low, value - half), min(high, value + half)
