"""ANLS as DocVQA's and InfoVQA's script computes it, quirks included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.text.anls import ANLS


def score(prediction: str, gold: object) -> float | None:
    return ANLS.grade(prediction, gold, {}, "internvl").value


@pytest.mark.parametrize(
    ("prediction", "gold", "value"),
    [
        ("Coca Cola", "coca  cola", 1.0),
        ("abcd", "abxy", 0.5),
        ("abcd", "axyz", 0.0),
        ("Cola", "Coca Cola", 0.0),
        ("    Cola    ", "Coca Cola", 1 - 5 / 12),
        ("", "", 1.0),
        ("", "x", 0.0),
        ("STRASSE", "straße", 1 - 2 / 7),
        ("日本", "日本語", 1 - 1 / 3),
        ("12", "120", 1 - 1 / 3),
        ("1999", ["2000", "1999"], 1.0),
        (" ", "", 1.0),
    ],
)
def test_values(prediction: str, gold: object, value: float) -> None:
    assert score(prediction, gold) == pytest.approx(value, abs=1e-12)


def test_sharp_s_counts_two_in_the_length() -> None:
    assert ANLS.grade("ßß", "ab", {}, "internvl").detail["similarity"] == pytest.approx(0.5)


@given(st.text(max_size=20), st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_a_value_is_zero_or_at_least_half(prediction: str, golds: list[str]) -> None:
    value = score(prediction, golds)
    assert value is not None
    assert value == 0.0 or 0.5 <= value <= 1.0
    assert score(golds[0], golds) == 1.0


def test_a_gold_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="gold"):
        score("x", {})


def test_lmms_eval_strips_a_reply_before_the_scorer() -> None:
    """Spaces around an answer lengthen the text the distance is divided by, everywhere else."""
    assert ANLS.grade("  ab  ", "abcd", {}, "lmms_eval").value == 0.5
    assert ANLS.grade("  ab  ", "abcd", {}, "official").value == pytest.approx(1 - 2 / 6)
