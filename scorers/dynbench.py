"""Dyn-Bench's numbers, where questions and masks are summed up together."""

from __future__ import annotations

from collections.abc import Sequence

from sightbench.scorers.aggregate import mean_detail, mean_value, set_accuracy
from sightbench.scorers.groups import sets
from sightbench.scorers.score import Metric, Row, Totals
from sightbench.scorers.statistics.means import mean_of

CATEGORIES = ("Camera-Object", "Inter-Object", "Object-Scene")


def totals(rows: Sequence[Row]) -> Totals:
    """Overall, the numbers beside it, and what guessing a letter gives."""
    return Totals(overall(rows), extras(rows), {"QA by chance": chance(rows)}, CATEGORIES)


def overall(rows: Sequence[Row]) -> Metric:
    """Dyn-Bench's Overall: the plain mean of up to three QA accuracies and three J&F, in %.

    The order is the reference's (LilyYang0504/Bench eval.py): by category, QA before masks; rows in
    file order, because numpy's mean is pairwise and the order reaches the last bit. A category without
    scored rows is left out, as there. Standard errors are clustered by video.
    """
    parts = []
    for category in CATEGORIES:
        for name, wants in (("QA accuracy", "text"), ("J&F", "masks")):
            chosen = [row for row in _wanting(rows, wants) if row.sample.category == category]
            part = mean_value(f"{category} {name}", chosen)
            if part.n:
                parts.append(part)
    return mean_of("Overall", parts)


def extras(rows: Sequence[Row]) -> tuple[Metric, ...]:
    """Numbers that stand beside Overall: QA under the robust extractor, J and F, each over all rows."""
    masks = _wanting(rows, "masks")
    numbers = (
        _twins(rows),
        mean_detail("QA accuracy, robust extractor", _wanting(rows, "text"), "robust"),
        mean_detail("J", masks, "J"),
        mean_detail("F", masks, "F"),
    )
    return tuple(extra for extra in numbers if extra.n)


def _twins(rows: Sequence[Row]) -> Metric:
    """The share of questions answered right for every twin of a scene: guessing does not survive it."""
    twins = [row for row in _wanting(rows, "text") if row.sample.group is not None]
    return set_accuracy("QA accuracy, all twins right", [group for group in sets(twins) if len(group) > 1])


def _wanting(rows: Sequence[Row], wants: str) -> list[Row]:
    return [row for row in rows if row.sample.wants == wants]


def chance(rows: Sequence[Row]) -> dict[str, float]:
    """Category -> expected QA accuracy in % of guessing a letter, over the questions that have options."""
    chances: dict[str, list[float]] = {}
    for row in rows:
        choices = row.sample.choices
        if row.sample.wants == "text" and choices:
            chances.setdefault(row.sample.category, []).append(100 / len(choices))
    return {category: sum(values) / len(values) for category, values in chances.items()}
