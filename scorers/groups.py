"""Rows put together: circular sets, pairs, figures, fours. Pure functions on rows in file order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from sightbench.scorers.score import Row

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def value(row: Row, key: str) -> Any:
    """A sample's attribute by the name a reference gives it: `category`, or anything in `meta`."""
    if key == "category":
        return row.sample.category or row.sample.meta.get(key)
    return row.sample.meta.get(key)


def valued(rows: Iterable[Row]) -> list[tuple[Row, float]]:
    """The rows that have a value, with it."""
    return [(row, row.score.value) for row in rows if row.score.value is not None]


def by(rows: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Rows by key, groups in the order in which their first row appears."""
    groups: dict[K, list[T]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def chunks(rows: Sequence[T], size: int) -> list[Sequence[T]]:
    """Consecutive runs of `size`; what is left at the end is no group."""
    return [rows[start : start + size] for start in range(0, len(rows) - size + 1, size)]


def sets(rows: Sequence[Row], size: int | None = None) -> list[Sequence[Row]]:
    """The sets that are judged as one, without those that have a row without a value.

    Rows that name a `group` belong to it; where none does, `size` consecutive rows are a set. With
    `size`, a set that is not complete (a run with a limit cuts one) is left out too.
    """
    groups: Iterable[Sequence[Row]]
    if size is not None and all(row.sample.group is None for row in rows):
        groups = chunks(rows, size)
    else:
        groups = by(rows, lambda row: row.sample.group or row.sample.id).values()
    return [
        group
        for group in groups
        if all(row.score.value is not None for row in group) and (size is None or len(group) == size)
    ]


def all_right(group: Iterable[Row]) -> float:
    """1.0 if every row of the set is right: circular evaluation, MMVP's pairs, CRPE's fours."""
    return float(all(row.score.value == 1.0 for row in group))
