"""J&F by what makes an expression hard: how large its target is, how many objects, how long the video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sightbench.scorers.aggregate import detailed, graded
from sightbench.scorers.score import Metric, Row
from sightbench.scorers.statistics.means import mean

Mean = Callable[[str, Sequence[Row]], Metric]
"""(name, rows) -> the benchmark's number over them."""

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)


def _number(row: Row, key: str) -> float | None:
    value = row.score.detail.get(key, row.sample.meta.get(key))
    return float(value) if isinstance(value, (int, float)) else None


def _between(key: str, low: float, high: float) -> Callable[[Row], bool]:
    return lambda row: (value := _number(row, key)) is not None and low <= value < high


MANY = float("inf")
AXES: tuple[tuple[tuple[str, Callable[[Row], bool]], ...], ...] = (
    (
        ("target below 1 % of the frame", _between("target_share", 0, 0.01)),
        ("target of 1 to 10 %", _between("target_share", 0.01, 0.1)),
        ("target above 10 %", _between("target_share", 0.1, MANY)),
    ),
    (("one object", _between("objects", 0, 2)), ("several objects", _between("objects", 2, MANY))),
    (
        ("target in every frame", _between("absent_frames", 0, 1)),
        ("target absent in some", _between("absent_frames", 1, MANY)),
    ),
    (
        ("up to 32 frames", _between("num_frames", 0, 33)),
        ("33 to 96 frames", _between("num_frames", 33, 97)),
        ("above 96 frames", _between("num_frames", 97, MANY)),
    ),
)
"""What the rows are parted by; an axis along which all are alike says nothing and is left out."""


def breakdowns(rows: Sequence[Row], number: Mean) -> tuple[Metric, ...]:
    """J&F of the rows parted along each axis, and the share of expressions whose J is at least 0.5 to 0.9."""
    known = graded(rows)
    parts: list[Metric] = []
    for axis in AXES:
        groups = [(name, [row for row in known if belongs(row)]) for name, belongs in axis]
        groups = [(name, members) for name, members in groups if members]
        if len(groups) > 1:
            parts += [replace(number(f"J&F, {name}", members), parts=()) for name, members in groups]
    js = [(j, row.sample.affinity) for row, j in detailed(known, "J")]
    clusters = [video for _, video in js]
    parts += [mean(f"J at least {level}", [float(j >= level) for j, _ in js], clusters) for level in LEVELS]
    return tuple(part for part in parts if part.n)
