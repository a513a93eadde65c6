"""Sets of rows: who belongs together, what is left out, and sums that say what is missing."""

from __future__ import annotations

import pytest

from sightbench.sample import Json, Sample
from sightbench.scorers.aggregate import accuracy, breakdown, set_accuracy, total
from sightbench.scorers.groups import by, chunks, sets
from sightbench.scorers.score import Metric, Row, Score
from sightbench.scorers.statistics.means import mean


def row(id: str, value: float | None, group: str | None = None, category: str = "", **meta: Json) -> Row:
    sample = Sample(id, "benchmark", "task", category, (), group=group, meta=meta)
    return Row(sample, Score(id, value, None, "error" if value is None else "scored"))


def test_what_is_left_at_the_end_is_no_group() -> None:
    assert chunks([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4]]
    assert chunks([1], 2) == []


def test_groups_keep_the_order_of_their_first_row() -> None:
    assert by(["b1", "a1", "b2"], lambda text: text[0]) == {"b": ["b1", "b2"], "a": ["a1"]}


def test_rows_that_name_no_group_pair_up_in_file_order() -> None:
    rows = [row("1", 1), row("2", 1), row("3", 1), row("4", None), row("5", 1)]
    assert [[r.sample.id for r in group] for group in sets(rows, 2)] == [["1", "2"]]


def test_rows_that_name_a_group_are_found_wherever_they_stand() -> None:
    rows = [row("1", 1, "x"), row("2", 1, "y"), row("3", 0, "x"), row("4", 1, "z")]
    assert [[r.sample.id for r in group] for group in sets(rows)] == [["1", "3"], ["2"], ["4"]]
    assert [[r.sample.id for r in group] for group in sets(rows, 2)] == [["1", "3"]]


def test_a_set_is_right_if_all_its_rows_are() -> None:
    groups = [[row("1", 1.0, category="a"), row("2", 1.0)], [row("3", 1.0, category="b"), row("4", 0.0)]]
    metric = set_accuracy("sets", groups, "category")
    assert (metric.value, metric.n) == (50.0, 2)
    assert [(part.name, part.value) for part in metric.parts] == [("a", 100.0), ("b", 0.0)]


def test_a_row_counts_under_each_entry_of_a_list() -> None:
    rows = [row("1", 1.0, skills=["x", "y"]), row("2", 0.0, skills=["y"]), row("3", None, skills=["x"])]
    assert [(m.name, m.value, m.n) for m in breakdown(rows, ("skills",))] == [("x", 100.0, 1), ("y", 50.0, 2)]


def test_axes_are_named_only_where_there_are_several() -> None:
    rows = [row("1", 1.0, category="c", split="dev")]
    assert [part.name for part in accuracy("a", rows, ("category", "l2-category")).parts] == ["c"]
    assert [part.name for part in accuracy("a", rows, ("category", "split")).parts] == [
        "category: c",
        "split: dev",
    ]


def test_a_sum_adds_values_and_independent_errors() -> None:
    parts = [mean("a", [0, 1, 1, 1], scale=1, unit="points"), mean("b", [0, 2, 2, 0], scale=1, unit="points")]
    metric = total("sum", parts)
    assert metric.value == 1.75
    errors = [part.stderr or 0.0 for part in parts]
    assert metric.stderr == pytest.approx(sum(error**2 for error in errors) ** 0.5)
    assert metric.interval is not None and metric.interval[0] < 1.75 < metric.interval[1]


def test_a_sum_with_a_part_missing_has_no_value_and_names_it() -> None:
    metric = total("sum", [Metric("a", 1.0, 1), Metric("b", None, 0)], missing=["c"])
    assert metric.value is None
    assert metric.note == "missing: c, b"
    assert total("sum", []).value is None
