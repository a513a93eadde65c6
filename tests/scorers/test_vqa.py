"""VQA soft accuracy: what the four references make of the same answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.text.vqa import VIZWIZ_ACCURACY, VQA_ACCURACY
from tests.scorers.rows import rows

PROFILES = VQA_ACCURACY.profiles


def score(prediction: str, golds: list[str], profile: str = "internvl") -> float | None:
    return VQA_ACCURACY.grade(prediction, golds, {}, profile).value


def parsed(prediction: str, profile: str = "internvl") -> object:
    return VQA_ACCURACY.grade(prediction, ["x"] * 9 + ["y"], {}, profile).parsed


@pytest.mark.parametrize(("matches", "value"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)])
@pytest.mark.parametrize("profile", PROFILES)
def test_each_gold_is_left_out_in_turn(matches: int, value: float, profile: str) -> None:
    golds = ["red"] * matches + ["blue"] * (10 - matches)
    assert score("red", golds, profile) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("answer", "normal"),
    [
        ("Yes.", "yes"),
        ("  The Two dogs\n", "2 dogs"),
        ("none", "0"),
        ("an apple", "apple"),
        ("dont know", "don't know"),
        ("somebody'd", "somebodyd"),
        ("yall'll", "y'all'll"),
        ("john's", "john 's"),
        ("1,000", "1000"),
        ("1,000.", "1000"),
        ("3.", "3"),
        ("3.5", "3.5"),
        (".5", ".5"),
        ("black/white", "black white"),
        ("black / white", "black white"),
        ("t-shirt", "t shirt"),
        ("t- shirt", "t shirt"),
        ("10,000-x", "10000 x"),
        ("wait: what?", "wait: what"),
        ("a", ""),
        ("", ""),
        ("是", "是"),
        ("." * 40 + "x", "." * 8 + "x"),
    ],
)
def test_m4c_normalisation(answer: str, normal: str) -> None:
    assert parsed(answer) == normal


@pytest.mark.parametrize(
    ("answer", "profile", "normal"),
    [
        ("2.", "official", "2"),
        ("2.", "lmms_eval", "2"),
        ("2.", "vlmevalkit", "2."),
        ("ok.", "vlmevalkit", "ok"),
        ("1,000.", "vlmevalkit", "1000."),
        ("black,white", "official", "black white"),
        ("black,white", "internvl", "blackwhite"),
        ("john's", "official", "john's"),
        ("1,,2", "official", "1 2"),
        ("1,,2", "lmms_eval", "12"),
    ],
)
def test_profiles_normalise_differently(answer: str, profile: str, normal: str) -> None:
    assert parsed(answer, profile) == normal


def test_official_compares_raw_text_when_all_golds_are_the_same() -> None:
    assert score("yes", ["Yes"] * 10, "official") == 0.0
    assert score("Yes", ["Yes"] * 10, "official") == 1.0
    assert score(" Yes\n", ["Yes"] * 10, "official") == 1.0
    assert score("yes", ["Yes"] * 9 + ["no"], "official") == 1.0
    for other in ("internvl", "vlmevalkit", "lmms_eval"):
        assert score("yes", ["Yes"] * 10, other) == 1.0


@pytest.mark.parametrize(
    ("answer", "golds", "value"),
    [
        ("Unanswerable.", ["unanswerable"] * 10, 1.0),
        ("two", ["2"] * 3 + ["two"] * 7, 0.9),
        ("The dog", ["dog"] * 10, 1.0),
        ("the dog", ["the dog"] * 10, 0.0),
    ],
)
def test_vizwiz_normalises_the_answer_and_never_the_golds(
    answer: str, golds: list[str], value: float
) -> None:
    assert VIZWIZ_ACCURACY.grade(answer, golds, {}, "official").value == pytest.approx(value)
    for profile in ("internvl", "vlmevalkit", "lmms_eval"):
        same = VQA_ACCURACY.grade(answer, golds, {}, profile)
        assert VIZWIZ_ACCURACY.grade(answer, golds, {}, profile) == same


def test_gold_may_be_coco_objects_or_a_spelled_list() -> None:
    objects = [{"answer": "cat", "answer_id": i} for i in range(10)]
    assert VQA_ACCURACY.grade("cat", objects, {}, "official").value == 1.0
    assert VQA_ACCURACY.grade("cat", repr(["cat"] * 10), {}, "vlmevalkit").value == 1.0


@pytest.mark.parametrize("gold", [{}, [], [None] * 10, {"label": "x"}, ["x"] * 9])
def test_bad_gold_is_named(gold: object) -> None:
    with pytest.raises(ValueError, match="gold"):
        VQA_ACCURACY.grade("x", gold, {}, "internvl")


@given(st.text(max_size=40), st.sampled_from(PROFILES))
def test_any_answer_gets_a_score_and_an_answer_agreed_by_all_is_right(text: str, profile: str) -> None:
    assert 0.0 <= (score(text, ["yes"] * 9 + [text], profile) or 0.0) <= 1.0
    assert score(text, [text] * 10, profile) == 1.0


def test_aggregate_is_the_mean_without_failed_requests() -> None:
    answers = [
        {"prediction": "red", "gold": ["red"] * 10, "category": "other"},
        {"prediction": "red", "gold": ["red"] + ["blue"] * 9, "category": "other"},
        {"prediction": "no", "gold": ["yes"] * 10, "category": "yes/no"},
        {"prediction": None, "gold": ["yes"] * 10, "category": "yes/no"},
    ]
    metric = VQA_ACCURACY.aggregate(rows(VQA_ACCURACY, "internvl", answers), "internvl")
    assert (metric.n, metric.unit) == (3, "%")
    assert metric.value == pytest.approx(130 / 3)
    assert [(part.name, part.n) for part in metric.parts] == [("other", 2), ("yes/no", 1)]
    assert metric.stderr is not None
