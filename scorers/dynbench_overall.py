"""From rows to a benchmark's numbers, where questions and masks are summed up together."""

from __future__ import annotations

from collections.abc import Sequence

from sightbench.scorers.score import Metric, Row
from sightbench.scorers.statistics import mean, mean_of

DYNBENCH_CATEGORIES = ("Camera-Object", "Inter-Object", "Object-Scene")


def dynbench(rows: Sequence[Row]) -> Metric:
    """Dyn-Bench's Overall: the plain mean of up to three QA accuracies and three J&F, in %.

    The order is the reference's (LilyYang0504/Bench eval.py): by category, QA before masks; rows in
    file order, because numpy's mean is pairwise and the order reaches the last bit. A category without
    scored rows is left out, as there. Standard errors are clustered by video.
    """
    parts = []
    for category in DYNBENCH_CATEGORIES:
        for name, wants in (("QA accuracy", "text"), ("J&F", "masks")):
            part = _mean(f"{category} {name}", rows, category, wants, "value")
            if part.n:
                parts.append(part)
    return mean_of("Overall", parts)


def dynbench_extras(rows: Sequence[Row]) -> tuple[Metric, ...]:
    """Numbers that stand beside Overall: QA under the robust extractor, J and F, each over all rows."""
    extras = (
        _twins(rows),
        _mean("QA accuracy, robust extractor", rows, None, "text", "robust"),
        _mean("J", rows, None, "masks", "J"),
        _mean("F", rows, None, "masks", "F"),
    )
    return tuple(extra for extra in extras if extra.n)


def _twins(rows: Sequence[Row]) -> Metric:
    """The share of questions answered right for every twin of a scene: guessing does not survive it."""
    sets: dict[str, list[float | None]] = {}
    for row in rows:
        if row.sample.wants == "text" and row.sample.group is not None:
            sets.setdefault(row.sample.group, []).append(row.score.value)
    whole = [values for values in sets.values() if len(values) > 1 and None not in values]
    return mean("QA accuracy, all twins right", [float(all(values)) for values in whole])


def dynbench_chance(rows: Sequence[Row]) -> dict[str, float]:
    """Category -> expected QA accuracy in % of guessing a letter, over the questions that have options."""
    chances: dict[str, list[float]] = {}
    for row in rows:
        choices = row.sample.choices
        if row.sample.wants == "text" and choices:
            chances.setdefault(row.sample.category, []).append(100 / len(choices))
    return {category: sum(values) / len(values) for category, values in chances.items()}


def _mean(name: str, rows: Sequence[Row], category: str | None, wants: str, key: str) -> Metric:
    chosen = [
        row
        for row in rows
        if row.score.value is not None
        and row.sample.wants == wants
        and (category is None or row.sample.category == category)
    ]
    values = [row.score.value if key == "value" else row.score.detail.get(key) for row in chosen]
    known = [
        (float(value), row.sample.affinity)
        for value, row in zip(values, chosen, strict=True)
        if value is not None
    ]
    return mean(name, [value for value, _ in known], [video for _, video in known])
