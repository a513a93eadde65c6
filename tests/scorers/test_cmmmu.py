"""CMMMU: letters, true or false and blanks in Chinese answers."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.choice.cmmmu import CMMMU
from tests.scorers.rows import part, rows, shared

OPTIONS = {"A": "第一种方案", "B": "第二种方案", "C": "第三种方案", "D": "第四种方案"}


@pytest.mark.parametrize(
    ("answer", "letters"),
    [
        ("D", "D"),
        ("(A) 一\n(C) 三\n(D) 四", "ACD"),
        ("A, C", "AC"),
        ("(A) (A) (B)", "A"),
        ("DNA", "AD"),
        ("AAB", "A"),
        ("（A）", "A"),
        ("应选择第二种方案", "B"),
        ("第一种方案和第三种方案", "AC"),
        ("没有", None),
        ("  ", None),
        ("", None),
    ],
)
def test_the_letters_named_most_often(answer: str, letters: str | None) -> None:
    found = CMMMU.grade(answer, "AC", {"type": "选择", "choices": OPTIONS}, "official")
    assert (found.parsed, found.value) == (letters, float(letters == "AC"))
    assert found.status == ("unparsed" if letters is None else "scored")


def test_options_as_columns() -> None:
    columns = {f"option{index}": text for index, text in enumerate(OPTIONS.values(), 1)}
    assert CMMMU.grade("第四种方案", "D", {"type": "选择", **columns}, "official").value == 1.0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("对", "对"),
        ("错", "错"),
        ("正确", "对"),
        ("错误。", "错"),
        ("不正确", "对"),
        ("不对", "对"),
        ("这个说法是错误的", "错"),
        ("是的。所以答案是对", "对"),
        ("是否正确", None),
        ("对。错", "对"),
        ("因此不准确\n结果否定", "错"),
        ("yes", None),
        ("", None),
    ],
)
def test_true_or_false(answer: str, said: str | None) -> None:
    found = CMMMU.grade(answer, "对", {"type": "判断"}, "official")
    assert (found.parsed, found.value, found.status == "unparsed") == (
        said,
        float(said == "对"),
        said is None,
    )


@pytest.mark.parametrize(
    ("answer", "gold", "right", "points"),
    [
        ("26", "26", 1, 1),
        ("保本量为26", "26", 1, 1),
        ("答案是26.004", "26", 1, 1),
        ("1，000", "1000", 0, 0),
        ("x=0.333", "0.33", 1, 1),
        ("甲品种", "甲", 1, 1),
        ("所以是乙。答案为乙", "乙", 1, 1),
        ("结果是乙\n答案为乙单位", "乙", 1, 2),
        ("乙" + "丙" * 30, "乙", 0, 0),
        ("abcde乙", "乙", 0, 0),
        ("没有", "乙", 0, 0),
        ("", "乙", 0, 0),
    ],
)
def test_blanks(answer: str, gold: str, right: int, points: int) -> None:
    assert CMMMU.grade(answer, gold, {"type": "填空"}, "official").value == right
    assert CMMMU.grade(answer, gold, {"type": "填空"}, "vlmevalkit").value == points


@given(st.text(max_size=120))
def test_no_answer_makes_it_fail(text: str) -> None:
    for kind, gold in (("选择", "A"), ("判断", "对"), ("填空", "乙")):
        found = CMMMU.grade(text, gold, {"type": kind, "choices": OPTIONS}, "official")
        assert found.value in (0.0, 1.0)


def test_malformed_fields_are_named() -> None:
    with pytest.raises(ValueError, match=r"^type: "):
        CMMMU.grade("A", "A", {"choices": OPTIONS}, "official")
    with pytest.raises(ValueError, match=r"^choices: "):
        CMMMU.grade("A", "A", {"type": "选择"}, "official")
    with pytest.raises(ValueError, match=r"^gold: "):
        CMMMU.grade("A", "", {"type": "填空"}, "official")
    assert CMMMU.grade("对", None, {"type": "判断"}, "official").status == "ungraded"


def test_the_real_samples_score_full_marks_with_their_own_answers() -> None:
    lines = shared("cmmmu/dev_sample.jsonl").read_bytes().splitlines()
    records = [orjson.loads(line) for line in lines]
    items = [
        {**record, "id": str(record["id"]), "prediction": record["answer"], "gold": record["answer"]}
        for record in records
    ]
    keep = ("id", "prediction", "gold", "category", "type", "option1", "option2", "option3", "option4")
    metric = CMMMU.aggregate(
        rows(CMMMU, "official", [{key: item[key] for key in keep if key in item} for item in items]),
        "official",
    )
    assert (metric.value, metric.n) == (100.0, 4)
    assert part(metric, "type: 填空").n == 2
