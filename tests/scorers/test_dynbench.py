"""Dyn-Bench's questions: the strict letter, and the robust one beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.choice.dynbench import DYNBENCH_QA
from tests.scorers.rows import rows

OPTIONS = ["A. to the left", "B. to the right", "C. not at all", "D. upwards"]


@pytest.mark.parametrize(
    ("answer", "value", "parsed", "status", "robust"),
    [
        ("B", 1.0, "B", "scored", 1.0),
        ("b", 1.0, "B", "scored", 1.0),
        ("B.", 1.0, "B", "scored", 1.0),
        ("\n B, because", 1.0, "B", "scored", 1.0),
        ("B!?", 1.0, "B", "scored", 1.0),
        ("B. to the right", 1.0, "B", "scored", 1.0),
        ("A", 0.0, "A", "scored", 0.0),
        ("A car turns, so B", 0.0, "A", "scored", 1.0),
        ("(B)", 0.0, "(B)", "unparsed", 1.0),
        ("B)", 0.0, "B)", "unparsed", 1.0),
        ("**B**", 0.0, "**B**", "unparsed", 1.0),
        ("Answer: B", 0.0, "ANSWER", "unparsed", 1.0),
        ("B.right", 0.0, "B.RIGHT", "unparsed", 1.0),
        ("to the right", 0.0, "TO", "unparsed", 1.0),
        ("Ｂ", 0.0, "Ｂ", "unparsed", 1.0),
        ("...", 0.0, "", "unparsed", 0.0),
        ("", 0.0, "", "unparsed", 0.0),
    ],
)
def test_first_token(answer: str, value: float, parsed: str, status: str, robust: float) -> None:
    found = DYNBENCH_QA.grade(answer, "B", {"choices": OPTIONS}, "official")
    assert (found.value, found.parsed, found.status) == (value, parsed, status)
    assert found.detail["robust"] == robust


def test_a_refusal_names_no_option_even_where_it_uses_ones_words() -> None:
    answer = "I can't tell: this is not a question I know how to read."
    choices = ["A. left", "B. question", "C. right"]
    found = DYNBENCH_QA.grade(answer, "B", {"choices": choices}, "official")
    assert (found.value, found.status) == (0.0, "unparsed")
    assert (found.detail["robust"], found.detail["robust_parsed"]) == (0.0, None)
    assert DYNBENCH_QA.grade(answer, "I", {}, "official").detail["robust"] == 0.0


def test_the_gold_may_be_padded_and_in_lower_case() -> None:
    assert DYNBENCH_QA.grade("B", " b\n", {}, "official").value == 1.0
    with pytest.raises(ValueError, match=r"^gold: "):
        DYNBENCH_QA.grade("B", " ", {}, "official")


@given(st.text(max_size=120))
def test_no_answer_makes_it_fail(text: str) -> None:
    assert DYNBENCH_QA.grade(text, "B", {"choices": OPTIONS}, "official").value in (0.0, 1.0)


def test_overall_is_the_plain_mean_of_the_categories() -> None:
    items = [("Camera-Object", "B"), ("Camera-Object", "A"), ("Inter-Object", "B")]
    graded = rows(
        DYNBENCH_QA,
        "official",
        [{"prediction": text, "gold": "B", "category": kind, "choices": OPTIONS} for kind, text in items],
    )
    assert DYNBENCH_QA.aggregate(graded, "official").value == 75.0
