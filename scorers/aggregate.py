"""From rows to metrics: means over rows, by category or axis, over sets, and sums of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sightbench.scorers.groups import all_right, by, value, valued
from sightbench.scorers.score import Metric, Row
from sightbench.scorers.statistics.intervals import Interval
from sightbench.scorers.statistics.means import mean, sum_of


def graded(rows: Sequence[Row]) -> list[Row]:
    """The rows that have a value, in the order given."""
    return [row for row, _ in valued(rows)]


def by_category(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by their sample's category, categories in order of first appearance."""
    return by(rows, lambda row: row.sample.category)


def mean_value(
    name: str,
    rows: Sequence[Row],
    *,
    scale: float = 100.0,
    unit: str = "%",
    bounds: Interval | None = (0.0, 1.0),
) -> Metric:
    """The mean of the values of `rows`, its error clustered by what samples share (a video, a group)."""
    known = valued(rows)
    clusters = [row.sample.affinity for row, _ in known]
    return mean(name, [number for _, number in known], clusters, scale=scale, unit=unit, bounds=bounds)


def mean_detail(
    name: str,
    rows: Sequence[Row],
    key: str,
    *,
    scale: float = 100.0,
    unit: str = "%",
    bounds: Interval | None = (0.0, 1.0),
) -> Metric:
    """Like `mean_value`, over the number that the detail of each graded row holds under `key`."""
    known = detailed(rows, key)
    clusters = [row.sample.affinity for row, _ in known]
    return mean(name, [number for _, number in known], clusters, scale=scale, unit=unit, bounds=bounds)


def detailed(rows: Sequence[Row], key: str) -> list[tuple[Row, float]]:
    """The graded rows whose detail holds a number under `key`, with it.

    It is 0 of failed requests that count 0 (--on-error zero), unless no answer has such a number.
    """
    known = graded(rows)
    failed = [row.score.status == "error" for row in known]
    numbers = [row.score.detail.get(key) for row in known]
    if not all(failed) and all(number is None for number in numbers):
        return []
    return [
        (row, 0.0 if number is None else float(number))
        for row, number, zero in zip(known, numbers, failed, strict=True)
        if zero or number is not None
    ]


def averaged(
    name: str, *, scale: float = 100.0, unit: str = "%", bounds: Interval | None = (0.0, 1.0)
) -> Callable[[Sequence[Row], str], Metric]:
    """An aggregate: the mean of all rows under `name`, one part per category where there are several."""

    def aggregate(rows: Sequence[Row], profile: str) -> Metric:
        total = mean_value(name, rows, scale=scale, unit=unit, bounds=bounds)
        groups = by_category(graded(rows))
        if len(groups) < 2:
            return total
        parts = (
            mean_value(label, group, scale=scale, unit=unit, bounds=bounds) for label, group in groups.items()
        )
        return replace(total, parts=tuple(parts))

    return aggregate


def accuracy(name: str, rows: Sequence[Row], axes: Sequence[str] = ()) -> Metric:
    """The mean over rows in %, with one part for each value of each axis, in order of appearance."""
    return replace(mean_value(name, rows), parts=breakdown(rows, axes))


def breakdown(rows: Sequence[Row], axes: Sequence[str]) -> tuple[Metric, ...]:
    """One mean for each value of each axis the rows have, in order of appearance.

    A row whose attribute is a list counts under each entry. With several axes names read "axis: value".
    """
    found: dict[str, dict[str, list[Row]]] = {}
    for axis in axes:
        for row in rows:
            entries = value(row, axis)
            for entry in entries if isinstance(entries, (list, tuple)) else (entries,):
                if entry is not None and entry != "":
                    found.setdefault(axis, {}).setdefault(str(entry), []).append(row)
    return tuple(
        mean_value(f"{axis}: {entry}" if len(found) > 1 else entry, members)
        for axis, entries in found.items()
        for entry, members in entries.items()
    )


def set_accuracy(
    name: str,
    groups: Sequence[Sequence[Row]],
    axis: str | None = None,
    right: Callable[[Sequence[Row]], float] = all_right,
) -> Metric:
    """The share of sets that are right, in %, with one part for each value of `axis` (of its first row)."""

    def rate(label: str, members: Sequence[Sequence[Row]]) -> Metric:
        return mean(
            label, [right(group) for group in members], [group[0].sample.affinity for group in members]
        )

    parts: tuple[Metric, ...] = ()
    if axis is not None:
        kinds = by(groups, lambda group: value(group[0], axis))
        parts = tuple(rate(str(kind), members) for kind, members in kinds.items() if kind)
    return replace(rate(name, groups), parts=parts)


def total(name: str, parts: Sequence[Metric], missing: Sequence[str] = ()) -> Metric:
    """The sum of the parts in points; None, with a note, while any is `missing` or has no value."""
    absent = [*missing, *(part.name for part in parts if part.value is None)]
    if not absent and parts:
        return sum_of(name, parts)
    note = "missing: " + ", ".join(absent) if absent else "nothing to add"
    return Metric(name, None, sum(part.n for part in parts), "points", parts=tuple(parts), note=note)
