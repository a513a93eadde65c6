"""Exact match and GQA."""

from __future__ import annotations

import pytest

from sightbench.scorers.text.exact import AI2D, EXACT_MATCH, GQA


@pytest.mark.parametrize(
    ("prediction", "gold", "value"),
    [
        (" A\n", "a", 1.0),
        ("B", ["a", "b"], 1.0),
        ("", "", 1.0),
        ("", "x", 0.0),
        ("42", 42, 1.0),
    ],
)
def test_exact_match_strips_and_lowers(prediction: str, gold: object, value: float) -> None:
    for profile in EXACT_MATCH.profiles:
        assert EXACT_MATCH.grade(prediction, gold, {}, profile).value == value


@pytest.mark.parametrize(
    ("prediction", "gold", "internvl", "lmms_eval"),
    [
        ("B.", "B", 0.0, 1.0),
        ("(b)", "B", 0.0, 1.0),
        (" B. a dog", "B", 0.0, 1.0),
        ("b. a dog", "B", 0.0, 0.0),
        ("B: a dog", "B", 0.0, 0.0),
        ("B", " b ", 1.0, 0.0),
        ("İ", "i̇", 1.0, 0.0),
    ],
)
def test_only_lmms_evals_ai2d_takes_the_letter_before_a_full_stop(
    prediction: str, gold: str, internvl: float, lmms_eval: float
) -> None:
    for profile in ("internvl", "official", "vlmevalkit"):
        assert AI2D.grade(prediction, gold, {}, profile).value == internvl
    assert AI2D.grade(prediction, gold, {}, "lmms_eval").value == lmms_eval
    assert EXACT_MATCH.grade(prediction, gold, {}, "lmms_eval").value == internvl


@pytest.mark.parametrize(
    ("prediction", "internvl", "official", "vlmevalkit", "lmms_eval"),
    [
        ("yes", 1, 1, 1, 1),
        ("Yes.", 1, 0, 0, 1),
        ("yes...", 1, 0, 0, 1),
        (" yes", 0, 0, 1, 1),
        ("Yes", 1, 0, 1, 1),
        ("yes. ", 0, 0, 0, 1),
        ("yes, sir", 0, 0, 0, 0),
        ("", 0, 0, 0, 0),
    ],
)
def test_gqa_profiles(prediction: str, internvl: int, official: int, vlmevalkit: int, lmms_eval: int) -> None:
    values = [GQA.grade(prediction, "yes", {}, profile).value for profile in GQA.profiles]
    assert GQA.profiles == ("internvl", "official", "vlmevalkit", "lmms_eval")
    assert values == [internvl, official, vlmevalkit, lmms_eval]


def test_internvl_gqa_leaves_the_gold_alone() -> None:
    assert GQA.grade("T-Shirt", "T-shirt", {}, "internvl").value == 0.0
    assert GQA.grade("T-Shirt", "t-shirt", {}, "internvl").value == 1.0


def test_numpy_cuts_a_letter_that_grows_in_lower_case() -> None:
    assert GQA.grade("İx", "İ", {}, "lmms_eval").value == 0.0
    assert GQA.grade("İ", "i", {}, "lmms_eval").value == 1.0


def test_a_gold_that_is_none_is_named() -> None:
    for scorer in (EXACT_MATCH, GQA):
        with pytest.raises(ValueError, match="gold"):
            scorer.grade("x", [], {}, "internvl")
