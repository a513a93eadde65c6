"""MMScan: cleaning, exact match and its refined form, the judge's key points."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.judged.mmscan import MMSCAN, MMSCAN_JUDGE, filtered, question_class
from tests.scorers.rows import part, rows


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  The Chair ", "chair"),
        ("ASSISTANT: It is a TV.", "it is TV"),
        ("there are 2 chairs and 23 tables", "there are two chairs and twenty-three tables"),
        ("21 of them", "21 of them"),
        ("None", "zero"),
        ("letf of the chai", "left of chair"),
        ("let go", "left go"),
        ("3 oclock, 4 o' clock", "three o'clock, four o'clock"),
        ("no1 and mat2", "no and mat"),
        ("an apple", "apple"),
        ("a", "a"),
        ("look backwards!", "look backward"),
        ("line\nbreak</s>", "linebreak"),
        ("ready-made: yes, it's", "ready-made: yes, it's"),
        ("中文 café’s", " cafs"),
        ("", ""),
        ("x" * 300, "x" * 256),
    ],
)
def test_cleaning(text: str, cleaned: str) -> None:
    assert filtered(text) == cleaned


@pytest.mark.parametrize(
    ("prediction", "gold", "exact", "refined"),
    [
        ("The chair.", "chair", 1.0, 1.0),
        ("a wooden chair", "chair", 0.0, 1.0),
        ("chair", ["table", "office chair"], 0.0, 1.0),
        ("arm chair", "armchair", 0.0, 1.0),
        ("lamp", "chair", 0.0, 0.0),
        ("", "chair", 0.0, 0.0),
        ("", "e", 0.0, 1.0),
        ("2", "two", 1.0, 1.0),
        ("chair", "!", 0.0, 1.0),
    ],
)
def test_exact_and_refined(prediction: str, gold: Any, exact: float, refined: float) -> None:
    found = MMSCAN.grade(prediction, gold, {}, "official")
    assert (found.value, found.detail["refined_EM"]) == (exact, refined)


@given(st.text(max_size=40))
def test_an_answer_equal_to_a_gold_is_right(text: str) -> None:
    found = MMSCAN.grade(text, ["lamp", text], {}, "official")
    assert (found.value, found.detail["refined_EM"]) == (1.0, 1.0)


def test_aggregate_has_the_caption_metrics() -> None:
    items = [
        {"prediction": "a brown chair", "gold": ["brown chair"]},
        {"prediction": "near the window", "gold": ["by the window", "near window"]},
        {"prediction": "lamp", "gold": ["table"]},
        {"prediction": None, "gold": ["table"]},
    ]
    metric = MMSCAN.aggregate(rows(MMSCAN, "official", items), "official")
    assert (metric.name, metric.n) == ("EM", 3)
    assert metric.value == pytest.approx(200 / 3)
    assert part(metric, "refined_EM").value == pytest.approx(200 / 3)
    assert part(metric, "ROUGE_L").value == pytest.approx(200 / 3)
    assert part(metric, "CIDEr").n == 3


def verdict(points: Any, right: Any, wrong: Any) -> str:
    return json.dumps(
        {"All key points": points, "Correct Number": right, "Wrong/Missing Number": wrong, "Reasons": ""}
    )


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        (verdict(["a", "b"], 1, 1), 0.5),
        (verdict(["a", "b"], "2", 0), 1.0),
        (verdict(["a", "b"], 1, 2), None),
        (verdict([], 0, 0), None),
        (verdict(["a"], "one", 0), None),
        ("{}", None),
        ("[]", None),
        ("not json", None),
    ],
)
def test_the_judge_s_counts_must_add_up(reply: str, value: float | None) -> None:
    found = MMSCAN_JUDGE.grade(reply, None, {}, "official")
    assert (found.value, found.status) == (value or 0.0, "unparsed" if value is None else "scored")


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("QA_Attribute_OO_Lighting__scene0001__3", "OOa"),
        ("QA_Space_OO__x", "OOs"),
        ("QA_Single_EQ__x", "STa"),
        ("QA_Single_Attribute__OR", "STa"),
        ("QA_OR__x", "OR"),
        ("QA_Single_Space__x", "STs"),
        ("QA_Advanced__x", "Advanced"),
        ("other__x", None),
    ],
)
def test_question_classes(question: str, short: str | None) -> None:
    assert question_class(question) == short


def test_the_judge_s_means_leave_invalid_replies_out() -> None:
    items = [
        {"id": "QA_OR__1", "prediction": verdict(["a"], 1, 0), "gold": None},
        {"id": "QA_OR__2", "prediction": verdict(["a"], 0, 1), "gold": None},
        {"id": "QA_Advanced__1", "prediction": "broken", "gold": None},
    ]
    metric = MMSCAN_JUDGE.aggregate(rows(MMSCAN_JUDGE, "official", items), "official")
    assert (metric.value, metric.n) == (50.0, 2)
    assert [(each.name, each.n) for each in metric.parts] == [("OR", 2)]
