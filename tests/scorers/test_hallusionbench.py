"""HallusionBench: rows, figures and questions."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from sightbench.scorers.choice.hallusionbench import HALLUSIONBENCH, identity
from tests.scorers.rows import part, rows, shared

KEYS = ("category", "subcategory", "visual_input", "set_id", "figure_id", "question_id")


def test_an_index_names_set_figure_and_question() -> None:
    found = identity({"index": "VD_ocr_1_2_3_4", "l2-category": "ocr"})
    assert found["kind"] == "VD ocr"
    assert [found[key] for key in ("set_id", "figure_id", "question_id")] == ["2", "3", "4"]
    assert found["kind"] != identity({"index": "VS_ocr_1_2_3_4", "l2-category": "ocr"})["kind"]


def test_without_ids_the_missing_one_is_named() -> None:
    with pytest.raises(ValueError, match=r"^set_id: "):
        identity({"index": "7"})


def test_a_figure_or_question_is_right_if_all_its_rows_are() -> None:
    answers = [("1_1_1", "Yes"), ("1_1_2", "Yes"), ("1_2_1", "Yes"), ("1_2_2", "No"), ("1_3_1", None)]
    items = [
        {
            "prediction": text,
            "gold": "Yes",
            "category": "VD",
            "index": f"VD_map_1_{ids}",
            "l2-category": "map",
        }
        for ids, text in answers
    ]
    metric = HALLUSIONBENCH.aggregate(rows(HALLUSIONBENCH, "vlmevalkit", items), "vlmevalkit")
    values = {name: part(metric, name).value for name in ("aAcc", "fAcc", "qAcc")}
    # Question 1 has a row without an answer: it is left out whole, figure 3 too.
    assert values == {"aAcc": 75.0, "fAcc": 50.0, "qAcc": 0.0}
    assert metric.value == pytest.approx(sum(v or 0 for v in values.values()) / 3)
    assert part(metric, "VD").n == part(metric, "map").n == 4


def test_rows_of_one_figure_on_one_line() -> None:
    right, wrong = {"prediction": "No", "gold": "0"}, {"prediction": "Yes", "gold": "0"}
    assert HALLUSIONBENCH.grade("", None, {"rows": [right, right]}, "vlmevalkit").value == 1.0
    assert HALLUSIONBENCH.grade("", None, {"rows": [right, wrong]}, "vlmevalkit").value == 0.0
    unclear = {"prediction": "Perhaps", "gold": "0"}
    assert HALLUSIONBENCH.grade("", None, {"rows": [right, unclear]}, "vlmevalkit").status == "unparsed"


def questions() -> list[dict[str, Any]]:
    return list(orjson.loads(shared("hallusionbench/HallusionBench.json").read_bytes()))


def test_the_real_questions_make_346_figures_and_455_pairs() -> None:
    items = [
        {**{key: q[key] for key in KEYS}, "prediction": "Yes", "gold": q["gt_answer"]}
        for q in questions()
        if q["filename"]
    ]
    metric = HALLUSIONBENCH.aggregate(rows(HALLUSIONBENCH, "vlmevalkit", items), "vlmevalkit")
    assert [part(metric, name).n for name in ("aAcc", "fAcc", "qAcc")] == [951, 346, 455]


def test_the_real_sample_answers() -> None:
    gold = {tuple(q[key] for key in KEYS): q["gt_answer"] for q in questions()}
    sample = orjson.loads(shared("hallusionbench/HallusionBench_result_sample.json").read_bytes())
    known = [(q["model_prediction"], gold.get(tuple(q[name] for name in KEYS))) for q in sample]
    grades = [HALLUSIONBENCH.grade(text, want, {}, "vlmevalkit") for text, want in known if want is not None]
    unknown = [HALLUSIONBENCH.grade(q["model_prediction"], "1", {}, "vlmevalkit").status for q in sample]
    assert (len(grades), sum(grade.value or 0 for grade in grades)) == (152, 93)
    assert unknown.count("unparsed") == 49
