"""Aggregates that several scorers share: a mean over rows, by category, and sums of means."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from sightbench.scorers.groups import by, valued
from sightbench.scorers.score import Metric, Row
from sightbench.scorers.statistics import mean


def graded(rows: Sequence[Row]) -> list[Row]:
    """The rows that have a value, in the order given."""
    return [row for row, _ in valued(rows)]


def by_category(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by their sample's category, categories in order of first appearance."""
    return by(rows, lambda row: row.sample.category)


def mean_value(name: str, rows: Sequence[Row], *, scale: float = 100.0, unit: str = "%") -> Metric:
    """The mean of the values of `rows`, its error clustered by what samples share (a video, a group)."""
    known = valued(rows)
    clusters = [row.sample.affinity for row, _ in known]
    return mean(name, [value for _, value in known], clusters, scale=scale, unit=unit)


def mean_detail(name: str, rows: Sequence[Row], key: str, *, scale: float = 100.0, unit: str = "%") -> Metric:
    """Like `mean_value`, over the number that the detail of each graded row holds under `key`."""
    known = [row for row in graded(rows) if row.score.detail.get(key) is not None]
    values = [float(row.score.detail[key]) for row in known]
    return mean(name, values, [row.sample.affinity for row in known], scale=scale, unit=unit)


def averaged(name: str, *, scale: float = 100.0, unit: str = "%") -> Callable[[Sequence[Row], str], Metric]:
    """An aggregate: the mean of all rows under `name`, one part per category where there are several."""

    def aggregate(rows: Sequence[Row], profile: str) -> Metric:
        total = mean_value(name, rows, scale=scale, unit=unit)
        groups = by_category(graded(rows))
        if len(groups) < 2:
            return total
        parts = tuple(mean_value(label, group, scale=scale, unit=unit) for label, group in groups.items())
        return replace(total, parts=parts)

    return aggregate


def sum_of(name: str, parts: Sequence[Metric], *, unit: str, note: str = "") -> Metric:
    """The sum of the parts that have a value; errors add as those of independent numbers."""
    present = [part for part in parts if part.value is not None]
    if not present:
        return Metric(name, None, 0, unit, parts=tuple(parts), note=note or "no part has a value")
    value = math.fsum(part.value for part in present if part.value is not None)
    errors = [part.stderr for part in present if part.stderr is not None]
    stderr = math.sqrt(math.fsum(e * e for e in errors)) if len(errors) == len(present) else None
    interval = None if stderr is None else (value - 1.96 * stderr, value + 1.96 * stderr)
    count = sum(part.n for part in present)
    return Metric(name, value, count, unit, stderr, interval, tuple(parts), note)
