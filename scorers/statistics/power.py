"""How much data a difference needs: smallest difference shown, clusters wanted, questions against repeats."""

from __future__ import annotations

import math

from sightbench.scorers.statistics.intervals import ROUNDING, t_quantile

POWER = 0.8
"""The chance to find a difference that is there, as such plans are usually made."""


def smallest_difference(stderr: float, freedom: float, power: float = POWER) -> float:
    """The true difference that a 5 % test with this standard error finds with the chance `power`."""
    return (t_quantile(0.975, freedom) + t_quantile(power, freedom)) * stderr


def clusters_for(difference: float, stderr: float, clusters: int, power: float = POWER) -> int | None:
    """How many clusters like these find `difference` with the chance `power`; None for no difference, or one
    that is nothing beside the error.

    `stderr` is that of `clusters` clusters; its square falls as their number grows.
    """
    if stderr == 0 or abs(difference) <= ROUNDING * stderr:
        return None
    needed = float(clusters)
    for _ in range(20):
        freedom = max(1.0, needed - 1)
        needed = clusters * (smallest_difference(stderr, freedom, power) / difference) ** 2
    return max(2, math.ceil(needed))


def clusters_to_fit(room: float, stderr: float, clusters: int) -> int | None:
    """How many clusters like these bring half the 95 % interval down to `room`; None for no room."""
    if room <= 0 or stderr == 0:
        return None
    needed = float(clusters)
    for _ in range(20):
        needed = clusters * (t_quantile(0.975, max(1.0, needed - 1)) * stderr / room) ** 2
    return max(2, math.ceil(needed))
