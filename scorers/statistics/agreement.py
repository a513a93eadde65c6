"""How far raters agree, beyond what chance would have them agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sightbench.scorers.statistics.evidence import Floats

Ratings = Sequence[float] | npt.NDArray[Any]
Level = Literal["nominal", "ordinal", "interval"]
"""What a difference of two ratings means: none, one of ranks, one of numbers."""


def agreement(one: Ratings, other: Ratings) -> float | None:
    """The share of items that two raters give the same value; None without items."""
    return float(np.mean(np.asarray(one) == np.asarray(other))) if len(one) else None


def cohens_kappa(
    one: Ratings, other: Ratings, *, weights: Literal["none", "quadratic"] = "none"
) -> float | None:
    """Cohen's kappa of two raters over the same items (Cohen 1960; with quadratic weights Cohen 1968).

    None where it has no value: no items, or both raters give all items one and the same value.
    """
    if not len(one):
        return None
    values, codes = np.unique(np.concatenate([one, other]), return_inverse=True)
    first, second = codes[: len(one)], codes[len(one) :]
    observed = np.zeros((len(values), len(values)))
    np.add.at(observed, (first, second), 1 / len(one))
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0))
    apart = values[:, None] - values[None, :]
    cost = apart**2 if weights == "quadratic" else (apart != 0).astype(float)
    chance = float((cost * expected).sum())
    return None if chance == 0 else 1 - float((cost * observed).sum()) / chance


def krippendorffs_alpha(ratings: npt.ArrayLike, level: Level = "interval") -> float | None:
    """Krippendorff's alpha of `ratings` (raters x items, nan where there is none).

    1 is perfect agreement, 0 what chance gives, below 0 systematic disagreement; any number of raters, items
    that not all of them rated (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"). None where
    no item has two ratings, or all ratings are one value.
    """
    matrix = np.asarray(ratings, dtype=np.float64)
    values = np.unique(matrix[~np.isnan(matrix)])
    # How often each value was given to each item.
    counts = (
        np.stack([np.sum(matrix == value, axis=0) for value in values]) if len(values) else np.empty((0, 0))
    )
    paired = counts[:, counts.sum(axis=0) >= 2].astype(np.float64)
    if paired.size == 0:
        return None
    within = paired.sum(axis=0) - 1
    coincidences = (paired / within) @ paired.T - np.diag((paired / within).sum(axis=1))
    totals = coincidences.sum(axis=1)
    apart = _apart(values, totals, level)
    expected = float((apart * np.outer(totals, totals)).sum())
    if expected == 0:
        return None
    return 1 - float(totals.sum() - 1) * float((apart * coincidences).sum()) / expected


def _apart(values: Floats, totals: Floats, level: Level) -> Floats:
    """The squared difference of each two values."""
    if level == "nominal":
        return np.asarray(values[:, None] != values[None, :], dtype=np.float64)
    if level == "interval":
        return np.asarray((values[:, None] - values[None, :]) ** 2)
    # A rank's distance is the number of ratings between, each end counted half.
    ranks = np.cumsum(totals) - totals / 2
    return np.asarray((ranks[:, None] - ranks[None, :]) ** 2)
