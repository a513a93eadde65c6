"""Rows for the aggregators: answers graded by a scorer, in file order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from sightbench.sample import Sample
from sightbench.scorers.score import Metric, Row, Score
from sightbench.scorers.scorer import Scorer
from tests import paths

SHARED = paths.SHARED / "data"


def shared(name: str) -> Path:
    """A file or folder of the shared data; the test is skipped, with its name, where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the shared data folder beside the checkout has no {name}")
    return path


def row(
    scorer: Scorer[Any, Any, Any],
    profile: str,
    prediction: str | None,
    gold: Any,
    *,
    id: str = "",
    category: str = "",
    group: str | None = None,
    **meta: Any,
) -> Row:
    """One graded answer; a prediction of None is a request that failed."""
    sample = Sample(id, "benchmark", "task", category, (), gold=gold, group=group, meta=meta)
    if prediction is None:
        return Row(sample, Score(id, None, None, "error", {"error": "timeout"}))
    grade = scorer.grade(prediction, gold, {"category": category, **meta, "id": id}, profile)
    return Row(
        sample, Score(id, grade.value, grade.parsed, grade.status, {"rule": grade.rule, **grade.detail})
    )


def rows(scorer: Scorer[Any, Any, Any], profile: str, items: Iterable[Any]) -> list[Row]:
    """Graded answers, numbered in order where they have no id."""
    return [row(scorer, profile, **{"id": str(index), **item}) for index, item in enumerate(items)]


def part(metric: Metric, name: str) -> Metric:
    """The number of that name anywhere below a metric."""
    found = [metric] if metric.name == name else []
    below = [part for part in metric.parts if _has(part, name)]
    return found[0] if found else part_of(below, name)


def part_of(metrics: list[Metric], name: str) -> Metric:
    assert metrics, f"no metric is named {name!r}"
    return part(metrics[0], name)


def _has(metric: Metric, name: str) -> bool:
    return metric.name == name or any(_has(below, name) for below in metric.parts)
