"""What a person reads: tables, remarks, summary.json and Dyn-Bench's own files."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from sightbench.reports.dynbench_files import overall
from sightbench.reports.summary import BenchmarkSummary, Summary
from sightbench.reports.tables import number, text
from sightbench.sample import Sample, Text, Turn, Video
from sightbench.scorers.dynbench import CATEGORIES
from sightbench.scorers.dynbench import extras as dynbench_extras
from sightbench.scorers.dynbench import overall as dynbench
from sightbench.scorers.score import Metric, Row, Score
from sightbench.scorers.scoring import Coverage, coverage


def row(id: str, category: str, wants: Any, value: float | None, status: Any = "scored", **detail) -> Row:
    video = "/".join(id.split("/")[:2])
    turns = (Turn("user", (Video(video), Text("?"))),)
    sample = Sample(id, "dynbench", id.split("/")[2], category, turns, gold="A", wants=wants)
    return Row(sample, Score(id, value, None, status, detail))


ROWS = [
    row("d/a/cameraqa/0", "Camera-Object", "text", 1.0, robust=1.0),
    row("d/a/qa/0", "Inter-Object", "text", 0.0, robust=1.0),
    row("d/b/qa/0", "Inter-Object", "text", 1.0, robust=1.0),
    row("d/b/objmask/object_1", "Inter-Object", "masks", 0.5, J=0.6, F=0.4),
    row("d/b/sceneqa/0", "Object-Scene", "text", None, "error", error="timeout"),
]


def summary(rows: list[Row]) -> Summary:
    benchmark = BenchmarkSummary(
        *("dynbench", "Dyn-Bench", "official", "", ""),
        dynbench(rows),
        dynbench_extras(rows),
        coverage(rows),
        columns=CATEGORIES,
    )
    return Summary("some-model", (benchmark,), {}, {})


def test_overall_is_the_plain_mean_of_the_category_numbers_that_exist() -> None:
    metric = dynbench(ROWS)
    assert [part.name for part in metric.parts] == [
        "Camera-Object QA accuracy",
        "Inter-Object QA accuracy",
        "Inter-Object J&F",
    ]
    assert metric.value == pytest.approx((100 + 50 + 50) / 3)


def test_a_failed_request_is_in_no_number_and_the_table_says_so() -> None:
    printed = text(summary(ROWS))
    assert "4 of 5 answered (1 timeout)" in printed
    assert "Object-Scene" in printed
    assert summary(ROWS).complete is False


def test_a_complete_run_prints_no_remark() -> None:
    printed = text(summary(ROWS[:4]))
    assert "answered 4/4" in printed
    assert "Failed requests" not in printed


def test_a_number_of_one_video_is_said_to_have_no_error_and_no_interval_is_spoken_of() -> None:
    assert "2 independent clusters (videos) only: take the interval" in text(summary(ROWS[:4]))
    printed = text(summary(ROWS[:2]))
    assert "Dyn-Bench: one cluster (video) only: its error is not known." in printed
    assert "interval" not in printed


def test_numbers_show_value_error_and_n() -> None:
    assert number(Metric("x", 63.21, 120, stderr=1.44)) == "63.2 ±1.4 (120)"
    assert number(Metric("x", None, 0)) == "n/a"


def test_coverage_counts_each_kind_of_answer_for_itself() -> None:
    rows = [
        row("d/a/qa/0", "Inter-Object", "text", 0.0, "unparsed", truncated=True),
        row("d/a/qa/1", "Inter-Object", "text", None, "ungraded", refused=True),
        row("d/a/qa/2", "Inter-Object", "text", None, "error", error="unasked"),
    ]
    assert coverage(rows) == Coverage(3, 2, {"unasked": 1}, 1, 1, 0, 1, 1)


def test_overall_txt_is_the_references_layout() -> None:
    written = overall("org/model", "all", dynbench(ROWS), datetime(2026, 1, 2, 3, 4, 5))
    assert written == (
        "============================================================\n"
        "  Model: org/model\n"
        "  Task: all\n"
        "  Date: 2026-01-02 03:04:05\n"
        "============================================================\n"
        "\n"
        "Camera-Object:\n  QA Accuracy: 100.00%\n\n"
        "Inter-Object:\n  QA Accuracy: 50.00%\n  Mask J&F: 50.00%\n\n"
        "Object-Scene:\n\n"
        "============================================================\n"
        "  Overall Score: 66.67%\n"
        "============================================================\n"
    )


def test_twins_count_only_where_both_are_right() -> None:
    rows = [
        replace(one, sample=replace(one.sample, group=pair))
        for one, pair in (
            (row("s/a/qa/0", "Inter-Object", "text", 1.0), "p"),
            (row("s/b/qa/0", "Inter-Object", "text", 0.0), "p"),
            (row("s/a/qa/1", "Inter-Object", "text", 1.0), "q"),
            (row("s/b/qa/1", "Inter-Object", "text", 1.0), "q"),
            (row("s/a/qa/2", "Inter-Object", "text", 1.0), "r"),
            (row("s/b/qa/2", "Inter-Object", "text", None, "error"), "r"),
        )
    ]
    (twins,) = (metric for metric in dynbench_extras(rows) if "twins" in metric.name)
    assert (twins.value, twins.n) == (50.0, 2)


def test_summary_json_holds_the_whole_tree() -> None:
    told = summary(ROWS).to_json()
    headline = told["benchmarks"][0]["headline"]
    assert headline["parts"][1]["n"] == 2
    assert told["benchmarks"][0]["coverage"]["errors"] == {"timeout": 1}
