"""Sign flips: the randomisation test of paired differences between clusters, for many numbers at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sightbench.scorers.statistics.evidence import Floats

FLIPS = 100_000
ALL_PATTERNS = 20
"""Up to this many clusters every pattern of signs is tried, which is exact."""

_AT_ONCE = 4096
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Flipped:
    """`p` of each number by itself; `adjusted` for all numbers of its family (Westfall and Young)."""

    p: Floats
    adjusted: Floats
    flips: int
    exact: bool


def sign_flips(
    differences: Floats, families: Sequence[Sequence[int]], *, flips: int = FLIPS, seed: int = 0
) -> Flipped:
    """Two-sided p of each column of `differences` (clusters x numbers): is its sum other than 0?

    If both models are equally good, the difference of a whole cluster is as likely to have the other sign.
    All columns are flipped together, so the adjustment knows how they hang together: step-down maxT over
    each family of columns (Westfall and Young 1993, "Resampling-Based Multiple Testing", algorithm 4.1; the
    test itself: Fisher 1935). A column divided by its norm, which no flip changes, compares with the others.
    Every pattern is tried up to 20 clusters that differ at all, else `flips` seeded ones, and then
    p is (hits + 1) / (flips + 1), which is never too small (Phipson and Smyth 2010).
    """
    count = differences.shape[1]
    moved = differences[np.any(differences != 0, axis=1)]
    norms = np.sqrt(np.sum(moved**2, axis=0))
    unit = moved / np.where(norms > 0, norms, 1)
    seen = np.abs(unit.sum(axis=0)) - _TIE
    orders = [np.array(sorted(family, key=lambda at: -seen[at]), dtype=np.intp) for family in families]
    hits = np.zeros(count)
    most = [np.zeros(len(order)) for order in orders]
    exact = len(moved) <= ALL_PATTERNS
    patterns = _every(len(moved)) if exact else _drawn(len(moved), flips, seed)
    tried = 0
    for signs in patterns:
        tried += len(signs)
        flipped = np.abs(signs @ unit)
        hits += np.count_nonzero(flipped >= seen, axis=0)
        for order, found in zip(orders, most, strict=True):
            # Of each number: the greatest statistic among itself and the less striking ones.
            greatest = np.maximum.accumulate(flipped[:, order[::-1]], axis=1)[:, ::-1]
            found += np.count_nonzero(greatest >= seen[order], axis=0)
    own = 0 if exact else 1
    adjusted = np.ones(count)
    for order, found in zip(orders, most, strict=True):
        adjusted[order] = np.maximum.accumulate((found + own) / (tried + own))
    return Flipped((hits + own) / (tried + own), adjusted, tried, exact)


def bootstrap_p(difference: float, draws: Floats) -> float:
    """Two-sided p of a difference that was bootstrapped: how often the draws stray from it as far as 0 is."""
    known = draws[~np.isnan(draws)]
    strays = np.count_nonzero(np.abs(known - difference) >= abs(difference) - _TIE)
    return float((strays + 1) / (len(known) + 1))


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p: for numbers that share no flips."""
    order = sorted(range(len(ps)), key=lambda at: ps[at])
    adjusted = [1.0] * len(ps)
    highest = 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, ps[at] * (len(ps) - rank)))
        adjusted[at] = highest
    return adjusted


def _every(clusters: int) -> Iterator[Floats]:
    """All patterns of signs but for their mirror images, which give the same statistic."""
    total = 1 << max(0, clusters - 1)
    powers = np.arange(clusters, dtype=np.int64)
    for start in range(0, total, _AT_ONCE):
        numbers = np.arange(start, min(start + _AT_ONCE, total), dtype=np.int64)
        yield _signs((numbers[:, None] >> powers) & 1)


def _drawn(clusters: int, flips: int, seed: int) -> Iterator[Floats]:
    rng = np.random.default_rng(seed)
    for start in range(0, flips, _AT_ONCE):
        rows = min(_AT_ONCE, flips - start)
        drawn = rng.integers(0, 256, size=(rows, (clusters + 7) // 8), dtype=np.uint8)
        yield _signs(np.unpackbits(drawn, axis=1, count=clusters))


def _signs(bits: npt.NDArray[np.integer]) -> Floats:
    return bits.astype(np.float64) * 2 - 1
