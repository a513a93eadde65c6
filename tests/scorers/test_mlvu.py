"""MLVU's rule (JUNJIE99/MLVU choice_bench.py check_ans) and its mean over tasks."""

from __future__ import annotations

from typing import Any

import pytest

from sightbench.sample import Sample
from sightbench.scorers.choice.mlvu import MLVU, mlvu_average
from sightbench.scorers.score import Row, Score

FIELDS: dict[str, Any] = {"choices": ["Yellow", "Red", "Green", "Blue"]}


@pytest.mark.parametrize(
    ("answer", "profile", "value", "status"),
    [
        ("(C) Green", "official", 1.0, "scored"),
        ("C)", "official", 1.0, "scored"),
        ("C", "official", 1.0, "scored"),
        ("C. Green", "official", 0.0, "unparsed"),
        ("Green", "official", 0.0, "unparsed"),
        (") C", "official", 0.0, "unparsed"),
        ("I see (two cats). (C)", "official", 0.0, "unparsed"),
        ("(A) or (C)", "official", 0.0, "scored"),
        ("C. Green", "vlmevalkit", 1.0, "scored"),
        ("Green", "vlmevalkit", 1.0, "scored"),
        ("(A) or (C)", "vlmevalkit", 0.0, "unparsed"),
        ("(A) is wrong. The answer is C", "official", 0.0, "scored"),
        ("(A) is wrong. The answer is C", "vlmevalkit", 1.0, "scored"),
        ("It is C (type I)", "vlmevalkit", 1.0, "scored"),
        ("(C) as in the letter A", "vlmevalkit", 1.0, "scored"),
        ("nothing of it", "vlmevalkit", 0.0, "unparsed"),
    ],
)
def test_the_letter_before_the_first_bracket_counts(
    answer: str, profile: str, value: float, status: str
) -> None:
    grade = MLVU.grade(answer, "C", FIELDS, profile)
    assert (grade.value, grade.status) == (value, status)


def row(number: int, task: str, value: float) -> Row:
    sample = Sample(id=str(number), benchmark="mlvu", task="", category=task, turns=())
    return Row(sample, Score(str(number), value, None, "scored"))


def test_tasks_weigh_the_same_but_in_vlmevalkit() -> None:
    rows = [row(0, "ego", 1.0), *(row(number, "count", 0.0) for number in (1, 2, 3))]
    assert mlvu_average(rows, "official").value == 50.0
    assert mlvu_average(rows, "vlmevalkit").value == 25.0
    assert [(part.name, part.value) for part in mlvu_average(rows, "official").parts] == [
        ("ego", 100.0),
        ("count", 0.0),
    ]
