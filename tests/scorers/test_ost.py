"""OST-Bench: four kinds of questions and the tree of means above them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.choice.ost import OST, answer_text, relative_accuracy, type_name
from tests.scorers.rows import part, rows

TYPES = {
    **{f"AO_direction(option{i})": "option" for i in (1, 2, 3)},
    **{f"AO_distance(option{i})": "option" for i in (1, 2, 3)},
    **{f"A_object-existence(int{i})": "int" for i in (1, 2)},
    **{f"A_object-{what}(option)": "option" for what in ("existence", "order", "diversity")},
    "A_object-quantity(int)": "int",
    **{f"A_{what}(option)": "option" for what in ("orientation", "position")},
    **{f"A_{what}(float)": "float" for what in ("orientation", "position")},
    **{f"AO_{what}(float)": "float" for what in ("direction", "distance")},
    **{f"AO_{what}(int)": "int" for what in ("direction", "distance")},
}


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("AO_direction(option2)", "Agent_object_spatial-direction(Judgement2)"),
        ("A_object-existence(int1)", "Agent_visible_info-existence(Temporal-loc1)"),
        ("A_object-quantity(int)", "Agent_visible_info-quantity(Counting)"),
        ("A_orientation(float)", "Agent_state-orientation(Estimation)"),
        ("A_room-size(float)", None),
    ],
)
def test_type_names(raw: str, name: str | None) -> None:
    assert type_name(raw) == name
    if name is not None:
        assert type_name(name) == name


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("left", "left"),
        ('{"answer": "left", "reason": "it is"}', "left"),
        ("{'answer': 'left', 'reason': 'it is'}", "left"),
        ('{"answer": 3,\n"reason": "so"}', "3"),
        ("answer: left reason: so", "left"),
        ("answer: left, reason", "left"),
        ('{"reason": "so", "answer": "left"}', 'left"}'),
        ("the answer has a reason", ""),
        ("the answer", "the answer"),
        ("it's", 'it"s'),
        ("", ""),
    ],
)
def test_the_answer_inside_a_reply(reply: str, answer: str) -> None:
    assert answer_text(reply) == answer


@pytest.mark.parametrize(
    ("answer", "gold", "value"),
    [
        (10, 10, 1.0),
        (9.5, 10, 1.0),
        (9, 10, 0.8),
        (5, 10, 0.0),
        (6, 10, 0.2),
        (-10, 10, 0.0),
        (5.001, 10, 0.1),
    ],
)
def test_relative_accuracy_is_strict_and_in_floats(answer: float, gold: float, value: float) -> None:
    assert relative_accuracy(answer, gold) == pytest.approx(value)


@pytest.mark.parametrize(
    ("kind", "reply", "gold", "value", "parsed"),
    [
        ("A_object-quantity(int)", "three", 3, 1.0, 3),
        ("A_object-quantity(int)", "3", "3", 1.0, 3),
        ("A_object-quantity(int)", "3.0", 3, 0.0, None),
        ("A_object-quantity(int)", "someone", 1, 1.0, 1),
        ("A_object-quantity(int)", "weight", 8, 1.0, 8),
        ("A_object-quantity(int)", "two or one", 1, 1.0, 1),
        ("A_object-quantity(int)", "many", 1, 0.0, None),
        ("A_position(float)", "9.5", 10, 1.0, 9.5),
        ("A_position(float)", "9.5 m", 10, 0.0, None),
        ("A_position(float)", "nan", 10, 0.0, None),
        ("A_position(option)", "LEFT", "left", 1.0, "left"),
        ("A_position(option)", "right", "left", 0.0, "right"),
        ("A_position(option)", "", "left", 1.0, "left"),
        ("A_position(option)", "xyz", "right", 0.0, "left"),
        ("A_position(option)", '"right"', '"right"', 1.0, "right"),
    ],
)
def test_the_kinds_of_questions(kind: str, reply: str, gold: Any, value: float, parsed: Any) -> None:
    found = OST.grade(reply, gold, {"type": kind, "option": ["left", "right"]}, "official")
    assert found.value == pytest.approx(value)
    if reply != "nan":
        assert found.parsed == parsed
        assert found.status == ("unparsed" if parsed is None else "scored")


def test_malformed_fields_are_named() -> None:
    with pytest.raises(ValueError, match=r"^type: "):
        OST.grade("1", 1, {}, "official")
    with pytest.raises(ValueError, match=r"^gold: "):
        OST.grade("1", 0, {"type": "A_position(float)"}, "official")
    with pytest.raises(ValueError, match=r"^gold: "):
        OST.grade("left", "up", {"type": "A_position(option)", "option": ["left"]}, "official")
    with pytest.raises(ValueError, match=r"^choices: "):
        OST.grade("left", "left", {"type": "A_position(option)"}, "official")


def test_room_sizes_enter_no_number() -> None:
    found = OST.grade("3", 3, {"type": "A_room-size(float)"}, "official")
    assert (found.value, found.status) == (None, "ungraded")


@given(st.text(max_size=120))
def test_no_answer_makes_it_fail(text: str) -> None:
    for kind, gold in (("A_position(float)", 2), ("A_position(option)", "left"), ("AO_distance(int)", 2)):
        found = OST.grade(text, gold, {"type": kind, "option": ["left", "right"]}, "official")
        assert 0.0 <= (found.value or 0.0) <= 1.0


def question(kind: str, right: bool) -> dict[str, Any]:
    answers = {"option": ("left", "right"), "float": ("2", "9"), "int": ("2", "9")}
    return {
        "prediction": answers[TYPES[kind]][not right],
        "gold": answers[TYPES[kind]][0],
        "type": kind,
        "option": ["left", "right"],
    }


def test_overall_is_a_tree_of_plain_means() -> None:
    items = [question(kind, True) for kind in TYPES]
    items += [question("AO_direction(option1)", False)] * 2
    items += [question("A_object-quantity(int)", False)]
    metric = OST.aggregate(rows(OST, "official", items), "official")
    direction = (100 / 3 + 100 + 100) / 3
    judge = (direction + 100) / 2
    assert part(metric, "AO(Judge)").value == pytest.approx(judge)
    assert part(metric, "A_info(Count)").value == pytest.approx(50.0)
    assert part(metric, "Judgement").value == pytest.approx((direction + 600) / 7)
    assert part(metric, "Counting").value == pytest.approx(50.0)
    assert metric.value == pytest.approx((judge + 50 + 600) / 8)


def test_a_missing_type_leaves_only_what_depends_on_it_without_a_value() -> None:
    items = [question(kind, True) for kind in TYPES if kind != "AO_distance(int)"]
    metric = OST.aggregate(rows(OST, "official", items), "official")
    assert metric.value is None and "AO(Temp)" in metric.note
    assert part(metric, "AO(Temp)").value is None
    assert part(metric, "AO(Judge)").value == 100.0
    assert OST.aggregate([], "official").value is None


@pytest.mark.parametrize(
    ("profile", "reply", "n"),
    [("official", "", 1), ("official", "Failed", 2), ("vlmevalkit", "", 2), ("vlmevalkit", "Failed to", 1)],
)
def test_what_the_references_drop_leaves_the_means(profile: str, reply: str, n: int) -> None:
    items = [
        question("A_position(option)", True),
        {**question("A_position(option)", True), "prediction": reply},
    ]
    metric = OST.aggregate(rows(OST, profile, items), profile)
    assert part(metric, "Agent_state-position(Judgement)").n == n
