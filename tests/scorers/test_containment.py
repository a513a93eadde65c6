"""OCRBench and Tiny LVLM: the gold is found in the answer."""

from __future__ import annotations

import json

import pytest

from sightbench.scorers.text.containment import MATH, OCRBENCH, TINY_LVLM
from tests.scorers.rows import part, rows, shared


def ocr(prediction: str, gold: object, category: str = "Doc VQA", profile: str = "vlmevalkit") -> float:
    value = OCRBENCH.grade(prediction, gold, {"category": category}, profile).value
    assert value is not None
    return value


@pytest.mark.parametrize(
    ("prediction", "gold", "value"),
    [
        ("The total is 12.", "12", 1.0),
        ("120", "12", 1.0),
        ("CENTRE", ["center", "centre"], 1.0),
        ("new\nyork", "new york", 1.0),
        ("newyork", "new york", 0.0),
        ("anything", "", 1.0),
        ("", "x", 0.0),
        ("中文字", "文", 1.0),
    ],
)
def test_ocrbench_text(prediction: str, gold: object, value: float) -> None:
    assert ocr(prediction, gold) == value


def test_ocrbench_expressions_keep_case_and_lose_spaces() -> None:
    assert ocr(r"\frac { A } { b }", r"\frac{A}{b}", MATH) == 1.0
    assert ocr(r"\frac{a}{b}", r"\frac{A}{b}", MATH) == 0.0
    assert ocr("a\tb", "ab", MATH) == 0.0


def test_only_lmms_eval_folds_full_width_letters() -> None:
    assert ocr("ＡＢＣ　１", "abc 1", profile="lmms_eval") == 1.0
    assert ocr("ＡＢＣ　１", "abc 1", profile="vlmevalkit") == 0.0


def test_ocrbench_sums_points_on_the_real_questions() -> None:
    questions = json.loads((shared("ocrbench") / "OCRBench.json").read_text())
    items = []
    for index, question in enumerate(questions):
        answers = question["answers"] if isinstance(question["answers"], list) else [question["answers"]]
        right = f"it says {answers[0]} here" if index % 4 else "\u0000"
        items.append({"prediction": right, "gold": question["answers"], "category": question["type"]})
    score = OCRBENCH.aggregate(rows(OCRBENCH, "vlmevalkit", items), "vlmevalkit")
    assert (score.name, score.value, score.n, score.note) == ("Final Score", 750.0, 1000, "")
    assert part(score, "Text Recognition").n == 300
    assert part(score, MATH).n == 100
    assert sum(below.value or 0 for below in score.parts) == 750.0


def test_ocrbench_says_when_it_is_not_the_whole_benchmark() -> None:
    items = [{"prediction": "a", "gold": "a", "category": MATH}]
    score = OCRBENCH.aggregate(rows(OCRBENCH, "vlmevalkit", items), "vlmevalkit")
    assert score.value == 1.0
    assert "1000" in score.note


@pytest.mark.parametrize(
    ("prediction", "gold", "value"),
    [
        ("It is a cat.", "cat", 1.0),
        ("catalog", "cat", 0.0),
        ("There are two dogs", "2", 1.0),
        ("yes, it is", ["no", "yes"], 1.0),
        ("12", "120", 0.0),
        ("a b", "", 1.0),
        ("", "x", 0.0),
        ("c++ code", "c++", 1.0),
        ("red-blue", "red blue", 1.0),
    ],
)
def test_tiny_lvlm_finds_whole_words(prediction: str, gold: object, value: float) -> None:
    assert TINY_LVLM.grade(prediction, gold, {}, "internvl").value == value


def test_tiny_lvlm_adds_up_abilities() -> None:
    items = [
        {"prediction": "yes", "gold": "yes", "category": "Visual_Reasoning"},
        {"prediction": "no", "gold": "yes", "category": "Visual_Reasoning"},
        {"prediction": "yes", "gold": "yes", "category": "Object_Hallucination"},
    ]
    metric = TINY_LVLM.aggregate(rows(TINY_LVLM, "internvl", items), "internvl")
    assert metric.value == 150.0
    assert "5" in metric.note
