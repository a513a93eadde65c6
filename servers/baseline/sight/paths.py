"""Positions of one object frame by frame, with errors -> the straight path that explains them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STILL_M = 0.45
"""An object that travels less than this stands still."""


@dataclass(frozen=True, slots=True)
class Course:
    """`points` [T, 2] metres over the ground, in every frame, seen or not; `when` is a schedule's name."""

    points: Floats
    when: str

    @property
    def travel(self) -> Floats:
        return np.asarray(self.points[-1] - self.points[0])


def fit_path(count: int, frames: list[int], places: Floats, weights: Floats) -> Course:
    """Still, or one straight line covered during the whole video or in one half of it."""
    still = Course(np.tile(_centre(places, weights), (count, 1)), "never")
    if len(frames) < 2:
        return still
    time = np.linspace(0.0, 1.0, count)
    schedules = {
        "whole": time,
        "first": np.clip(2 * time, 0, 1),
        "second": np.clip(2 * time - 1, 0, 1),
    }
    best: tuple[float, Course] | None = None
    for name, schedule in schedules.items():
        start, travel, error = _line(schedule[frames], places, weights)
        if best is None or error < best[0]:
            best = error, Course(start + schedule[:, None] * travel, name)
    assert best is not None
    return best[1] if np.hypot(*best[1].travel) >= STILL_M else still


def _centre(places: Floats, weights: Floats) -> Floats:
    order = np.argsort(places, axis=0)
    middle = []
    for axis in range(2):
        total = np.cumsum(weights[order[:, axis]])
        middle.append(places[order[:, axis], axis][int(np.searchsorted(total, total[-1] / 2))])
    return np.array(middle)


def _line(at: Floats, places: Floats, weights: Floats) -> tuple[Floats, Floats, float]:
    """Start, travel and error of the line, places far off it counting less (Huber, three rounds)."""
    design = np.stack([np.ones_like(at), at], -1)
    pull = weights.copy()
    solution = np.zeros((2, 2))
    error = 0.0
    for _ in range(3):
        root = np.sqrt(pull)[:, None]
        ridge = np.diag([0.0, 1e-3 * pull.sum()])
        solution = np.linalg.solve(
            (design * root).T @ (design * root) + ridge + 1e-9 * np.eye(2),
            (design * pull[:, None]).T @ places,
        )
        off = np.hypot(*(places - design @ solution).T)
        pull = weights * np.minimum(1.0, 0.2 / np.maximum(off, 1e-6))
        error = float((weights * np.minimum(off**2, 0.4 * off)).sum())
    return solution[0], solution[1], error
