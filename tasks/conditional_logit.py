"""A conditional logit (McFadden 1974) over features that are words: which option of a question is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STEPS, RATE, RIDGE = 200, 0.3, 2.0


@dataclass(frozen=True, slots=True)
class Options:
    """One question: the features of each option, and which is right (None: none of them is)."""

    features: Sequence[Iterable[str]]
    right: int | None


@dataclass(frozen=True, slots=True)
class Design:
    """The features of all options as (row, column) pairs; one row per option, questions in a row."""

    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    right: Floats

    @classmethod
    def of(cls, questions: Iterable[Options], index: dict[str, int], grow: bool) -> Design:
        """`index` numbers the features; with `grow` new ones join it, else they are passed over."""
        rows: list[int] = []
        columns: list[int] = []
        starts: list[int] = []
        right: list[float] = []
        for question in questions:
            starts.append(len(right))
            for position, features in enumerate(question.features):
                for feature in features:
                    column = index.setdefault(feature, len(index)) if grow else index.get(feature)
                    if column is not None:
                        rows.append(len(right))
                        columns.append(column)
                right.append(float(position == question.right))
        return cls(
            np.array(rows, np.int64), np.array(columns, np.int64), np.array(starts, np.int64), np.array(right)
        )

    def scores(self, weights: Floats) -> Floats:
        totals = np.bincount(self.rows, weights[self.columns], minlength=len(self.right)).astype(np.float64)
        return totals

    def chosen(self, weights: Floats) -> list[int]:
        """Of each question the option with the highest score."""
        scores = self.scores(weights)
        ends = (*self.starts[1:], len(scores))
        return [int(scores[start:end].argmax()) for start, end in zip(self.starts, ends, strict=True)]


def fitted(design: Design, width: int) -> Floats:
    """Weights for `width` features, with a ridge, by gradient descent with a step per weight (Adagrad)."""
    weights, squares = np.zeros(width), np.full(width, 1e-8)
    counts = np.diff(np.append(design.starts, len(design.right)))
    for _ in range(STEPS):
        scores = design.scores(weights)
        scores = np.exp(scores - np.repeat(np.maximum.reduceat(scores, design.starts), counts))
        shares = scores / np.repeat(np.add.reduceat(scores, design.starts), counts)
        error = (shares - design.right)[design.rows]
        slope = np.bincount(design.columns, error, minlength=width) + RIDGE * weights
        squares += slope**2
        weights -= RATE * slope / np.sqrt(squares)
    return weights
