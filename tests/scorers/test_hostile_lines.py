"""Any answer gets a grade, and any line of `grade --metric` a grade or a reason, from every scorer."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from sightbench import rle
from sightbench.errors import FieldError
from sightbench.rle import MaskError
from sightbench.scorers.table import SCORERS
from tests.hostile import generator, mutated

MASK = rle.to_wire(rle.from_lengths(4, 4, [3, 5, 8]))
CHOICES = {"A": "light blue", "B": "blue", "C": "none"}
LETTER = {"gold": "B", "choices": CHOICES}
PLAN = [{"name": "pick", "params": {"target_entity_name": "1"}}, {"name": "lift", "params": {}}]
TYPES = {"type": "AO_distance(option)", "option": ["near", "far"]}
LINES: dict[str, dict[str, Any]] = {
    "vqa_accuracy": {"gold": ["red", {"answer": "blue"}] * 5},
    "vizwiz_accuracy": {"gold": ["red", {"answer": "blue"}] * 5},
    "caption": {"gold": ["a cat", {"caption": "a dog"}]},
    "ocrbench": {"gold": ["x+1"], "category": "Handwritten Mathematical Expression Recognition"},
    **{
        name: LETTER
        for name in ("choice", "seed", "scienceqa", "mmstar", "dynbench_qa", "mmsi", "egoexo", "mlvu")
    },
    "circular": {"rows": [{"prediction": "A", **LETTER}]},
    "mmvp": {"rows": [{"prediction": "A", **LETTER}, {"prediction": "B", **LETTER}]},
    "crpe": {"gold": "B. light blue"},
    **{name: {"gold": "yes"} for name in ("yes_no", "pope", "hallusionbench")},
    "mme": {"gold": "No", "category": "OCR"},
    "mmmu": {"gold": ["B", "1/2"], "choices": CHOICES, "question_type": "open"},
    "cmmmu": {"gold": "对", "type": "判断", "option1": "甲"},
    "mathvista": {"gold": "2.5", "question_type": "free_form", "answer_type": "float", "precision": 1},
    "ost": {"gold": "far", **TYPES, "choices": {"A": "near", "B": "far"}},
    "box_iou": {"gold": [1, 2, 30, 40], "hw": [48, 64], "height": 48, "width": 64, "resized_hw": [56, 56]},
    "vlabench": {"gold": {"skill_sequence": PLAN}, "task": "select_toy", "dependency": "Sequential"},
    "jf": {"gold": [MASK, MASK], "num_frames": 2, "voids": [MASK, MASK]},
    "davis_unsupervised": {"gold": [[MASK, MASK]], "num_frames": 2, "voids": [MASK, MASK]},
}
"""A line of each metric beside its prediction; a metric that is not here takes one text as its gold."""

PIECES = (
    *("A", "B.", "(C)", "D:", "yes", "No", "对", "Answer:", "The answer is ", "\\boxed{", "}", "$"),
    *("[", "]", "<box>", "</box>", "(1,2)", "1e+", "-", ".5", "1,000", "%", "<answer>", "</answer>", "{"),
    *("<think>", "</think>", "```json\n", "```", '{"name": "pick"', "'", "\n", "\t", " ", "\u200b", "\ufeff"),
    *("\ud800", "\0", "\x1b[2J", "９", "²", "١", "½", "İ", "inf", "nan", "9" * 400, "Score: ", "x1", "&amp;"),
    *('"', "=", "``a", "\\frac{1}{2}"),
)  # fmt: skip
"""What extractors look for, and what they trip over."""

answers = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12).map("".join)


def line(metric: str) -> dict[str, Any]:
    masks = SCORERS[metric].kind == "masks"
    known = LINES.get(metric, LINES["jf"] if masks else {})
    return {"prediction": [MASK, None] if masks else "A", "gold": "red", "id": "x", **known}


def graded(metric: str, record: Any, profile: str) -> None:
    scorer = SCORERS[metric]
    if not isinstance(record, dict) or "prediction" not in record:
        return
    columns = {key: value for key, value in record.items() if key not in ("prediction", "gold")}
    try:
        prediction = scorer.prediction(record["prediction"])
        grade = scorer.grade(prediction, record.get("gold"), columns, profile)
    except (FieldError, MaskError, ValueError) as error:
        assert str(error)
        return
    assert grade.value is None or isinstance(grade.value, float)
    json.dumps([grade.value, grade.parsed, grade.status, grade.rule, dict(grade.detail)], default=str)


def test_the_lines_that_are_damaged_are_sound() -> None:
    for metric, scorer in SCORERS.items():
        record = line(metric)
        columns = {key: value for key, value in record.items() if key not in ("prediction", "gold")}
        for profile in scorer.profiles:
            if profile != "revos":
                assert scorer.grade(scorer.prediction(record["prediction"]), record["gold"], columns, profile)


metrics = st.sampled_from(sorted(SCORERS))


@given(metrics.flatmap(lambda metric: st.tuples(st.just(metric), mutated(orjson.dumps(line(metric))))))
@generator(300)
def test_a_damaged_line_is_graded_or_refused_with_a_reason(damaged: tuple[str, bytes]) -> None:
    metric, raw = damaged
    try:
        record = json.loads(raw)
    except (ValueError, RecursionError):
        return
    for profile in SCORERS[metric].profiles:
        graded(metric, record, profile)


@given(metrics.filter(lambda metric: SCORERS[metric].kind == "text"), answers)
@generator(300)
def test_any_answer_gets_a_grade(metric: str, answer: str) -> None:
    scorer = SCORERS[metric]
    record = line(metric)
    columns = {key: value for key, value in record.items() if key not in ("prediction", "gold")}
    if "rows" in columns:
        columns["rows"] = [{**row, "prediction": answer} for row in columns["rows"]]
    for profile in scorer.profiles:
        grade = scorer.grade(answer, record["gold"], columns, profile)
        assert grade.value is not None and grade.status in ("scored", "unparsed")
