"""The forms in which files hold options and golds."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sightbench.scorers.choice.extractors import ChoiceFields
from sightbench.scorers.fields import decode
from sightbench.scorers.gold import letter as gold_letter


def options_of(columns: dict[str, Any]) -> dict[str, str]:
    return decode(columns, ChoiceFields).choices


@pytest.mark.parametrize(
    "fields",
    [
        {"choices": {"A": "x", "B": "y"}},
        {"choices": ["x", "y"]},
        {"choices": ("x", "y")},
        {"choices": "['x', 'y']"},
        {"options": ["x", "y"]},
        {"index2ans": {"A": "x", "B": "y"}},
        {"A": "x", "B": "y", "C": None, "D": math.nan, "question": "?"},
    ],
)
def test_every_natural_form_is_understood(fields: dict[str, Any]) -> None:
    assert options_of(fields) == {"A": "x", "B": "y"}


def test_numbers_become_texts_and_absent_options_leave_no_gap_in_the_letters() -> None:
    assert options_of({"choices": [3, 4.5]}) == {"A": "3", "B": "4.5"}
    assert options_of({"choices": {"A": "x", "B": None, "C": "z"}}) == {"A": "x", "C": "z"}


@pytest.mark.parametrize("fields", [{}, {"choices": []}, {"choices": "x, y"}, {"choices": 3}])
def test_missing_or_broken_options_name_the_field(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^choices: "):
        options_of(fields)


@pytest.mark.parametrize(
    ("gold", "letter"), [("B", "B"), (" B\n", "B"), (1, "B"), ("light blue", "B"), ("blue", "A"), ("b", "b")]
)
def test_a_gold_is_a_letter_an_index_or_an_options_text(gold: Any, letter: str) -> None:
    assert gold_letter(gold, {"A": "blue", "B": "light blue"}) == letter


@pytest.mark.parametrize("gold", [None, "", " ", True, 40, -1, ["A"]])
def test_a_malformed_gold_is_named(gold: Any) -> None:
    with pytest.raises(ValueError, match=r"^gold: "):
        gold_letter(gold)
