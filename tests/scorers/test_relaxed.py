"""Relaxed accuracy: five percent of the gold, or of the answer where the reference swapped them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.text.relaxed import RELAXED_ACCURACY, number


def right(prediction: str, gold: object, profile: str) -> bool:
    return RELAXED_ACCURACY.grade(prediction, gold, {}, profile).value == 1.0


@pytest.mark.parametrize(
    ("prediction", "gold", "swapped", "straight"),
    [
        ("95", "100", False, True),
        ("105.1", "100", True, False),
        ("105", "100", True, True),
        ("2008", "2100", True, True),
        ("50%", "0.5", True, True),
        ("50%%", "0.5", True, True),
        ("50", "50%", False, False),
        ("1,000", "1000", False, False),
        ("1_000", "1000", True, True),
        ("$5", "5", False, False),
        ("１０", "10", True, True),
        ("1e2", "100", True, True),
        ("0", "0", True, True),
        ("0.0", "0", False, False),
        ("Yes", "yes", True, True),
        ("-5", "5", False, False),
        ("nan", "nan", False, False),
        ("inf", "inf", False, False),
        ("", "", True, True),
        ("", "5", False, False),
        ("5", 5, True, True),
        ("blue", ["red", "blue"], True, True),
    ],
)
def test_values(prediction: str, gold: object, swapped: bool, straight: bool) -> None:
    assert right(prediction, gold, "internvl") is swapped
    for profile in ("official", "vlmevalkit", "lmms_eval"):
        assert right(prediction, gold, profile) is straight


def test_who_strips() -> None:
    for profile in RELAXED_ACCURACY.profiles:
        strips = profile != "official"
        assert right("yes ", "yes", profile) is strips
        assert right("50% ", "0.5", profile) is strips


def test_a_zero_answer_is_compared_as_text_where_it_is_the_target() -> None:
    assert right("0", "0.0", "internvl") is False
    assert right("0.04", "0", "official") is False


@given(st.text(max_size=20))
def test_number_reads_what_float_reads(text: str) -> None:
    try:
        expected = float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        assert number(text) is None
    else:
        assert number(text) == pytest.approx(expected, nan_ok=True)


@given(st.text(max_size=20), st.sampled_from(RELAXED_ACCURACY.profiles))
def test_any_answer_gets_a_score(text: str, profile: str) -> None:
    assert RELAXED_ACCURACY.grade(text, ["12", "blue"], {}, profile).value in (0.0, 1.0)
