"""Boxes: how three references read them, and the modes that say what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.errors import UsageError
from sightbench.scorers.scorer import Context, Profile
from sightbench.scorers.scoring_options import ScoringOptions
from sightbench.scorers.text.box_modes import BOX_MODES, box_mode
from sightbench.scorers.text.boxes import BOX_IOU, find_box, iou, smart_resize, to_pixels
from tests.scorers.rows import part, rows

GOLD = [100, 50, 300, 250]
HW = [500, 400]
"""In fractions: 0.25 0.1 0.75 0.5."""


def grade(prediction: str, profile: str = "internvl", **fields: object) -> tuple[float | None, str, float]:
    options = ScoringOptions(box_mode=None if (mode := fields.pop("box_mode", None)) is None else str(mode))
    context = Context(Profile(profile), options)
    found = BOX_IOU.grade(prediction, GOLD, {"hw": HW, **fields}, context)
    return found.value, found.status, found.detail["iou"]


@pytest.mark.parametrize(
    ("prediction", "internvl", "vlmevalkit", "lmms_eval"),
    [
        ("[0.25, 0.1, 0.75, 0.5]", 1, 1, 1),
        ("<box>[[250, 100, 750, 500]]</box>", 1, 1, 0),
        ("[250,100,750,500]", 1, 1, 0),
        ("[100, 50, 300, 250]", 0, 0, 0),
        ("(250,100),(750,500)", 0, 1, 0),
        ("[250 100 750 500]", 0, 1, 0),
        ("x 250 y 100 x 750 y 500", 0, 1, 0),
        ("[the cat] is at [250, 100, 750, 500]", 0, 1, 0),
        ("[a, b] then [250, 100, 750, 500]", 0, 1, 0),
        ("[750, 500, 250, 100]", 0, 1, 0),
        ("[0.25, 0.1,\n0.75, 0.5]", 0, 1, 1),
        ("[250, 100, 750, 500, 9]", 0, 1, 0),
        ("", 0, 0, 0),
        ("no box", 0, 0, 0),
        ("[nan, nan, nan, nan]", 0, 0, 0),
        ("[1e999, 1, 2, 3]", 0, 0, 0),
    ],
)
def test_profiles(prediction: str, internvl: int, vlmevalkit: int, lmms_eval: int) -> None:
    assert [grade(prediction, profile)[0] for profile in BOX_IOU.profiles] == [
        internvl,
        vlmevalkit,
        lmms_eval,
    ]


@pytest.mark.parametrize(
    ("prediction", "profile", "mode"),
    [
        ("[250, 100, 750, 500]", "internvl", None),
        ("(250,100),(750,500)", "vlmevalkit", None),
        ("[0.25, 0.1, 0.75, 0.5]", "lmms_eval", None),
        ("[250, 100, 750, 500]", "internvl", "0-1000"),
        ("[100, 50, 300, 250]", "internvl", "pixels"),
    ],
)
def test_detail_says_where_the_box_lies_in_the_image(prediction: str, profile: str, mode: str | None) -> None:
    context = Context(Profile(profile), ScoringOptions(box_mode=mode))
    found = BOX_IOU.grade(prediction, GOLD, {"hw": HW}, context)
    assert found.detail["box"] == pytest.approx(GOLD, abs=0.01)


def test_an_answer_without_a_box_is_unparsed() -> None:
    for profile in BOX_IOU.profiles:
        assert grade("I see no such thing", profile)[:2] == (0.0, "unparsed")
    assert grade("[1, 2, 3]", box_mode="auto")[:2] == (0.0, "unparsed")


def test_exactly_half_is_a_hit() -> None:
    gold = [0, 0, 100, 100]
    found = BOX_IOU.grade("[0, 0, 100, 50]", gold, {"hw": [1000, 1000]}, "internvl")
    assert (found.value, found.detail["iou"]) == (1.0, 0.5)


@pytest.mark.parametrize(
    ("mode", "prediction"),
    [
        ("0-1", "[0.25, 0.1, 0.75, 0.5]"),
        ("0-999", "<|det|>[[250, 100, 749, 500]]<|/det|>"),
        ("0-1000", "<box>(250,100),(750,500)</box>"),
        ("pixels", '{"bbox_2d": [100, 50, 300, 250], "label": "cat"}'),
        ("xywh", "[100, 50, 200, 200]"),
        ("0-1:xywh", "[0.25, 0.1, 0.5, 0.4]"),
        ("y-first", "[100, 250, 500, 750]"),
        ("0-999:yxyx", "[100, 250, 500, 749]"),
        ("paligemma", "<loc0102><loc0256><loc0512><loc0768> cat"),
        ("auto", "[0.25, 0.1, 0.75, 0.5]"),
        ("auto", "[250, 100, 750, 500]"),
    ],
)
def test_box_modes(mode: str, prediction: str) -> None:
    for profile in BOX_IOU.profiles:
        value, status, overlap = grade(prediction, profile, box_mode=mode)
        assert (value, status) == (1.0, "scored")
        assert overlap > 0.98


def test_resized_pixels_are_undone() -> None:
    seen = smart_resize(500, 400)
    assert seen == (504, 392)
    prediction = f"[{0.25 * seen[1]}, {0.1 * seen[0]}, {0.75 * seen[1]}, {0.5 * seen[0]}]"
    assert grade(prediction, box_mode="resized")[2] == pytest.approx(1.0)
    assert grade("[25, 10, 75, 50]", box_mode="resized", resized_hw=[100, 100])[2] == pytest.approx(1.0)


@given(st.integers(30, 6000), st.integers(30, 6000))
def test_smart_resize_keeps_its_bounds(height: int, width: int) -> None:
    rows_, columns = smart_resize(height, width, max_pixels=1280 * 28 * 28)
    assert rows_ % 28 == columns % 28 == 0
    assert rows_ * columns >= 4 * 28 * 28
    assert rows_ * columns <= 1280 * 28 * 28 or min(rows_, columns) == 28


def test_known_resizes() -> None:
    # sizes Qwen2-VL's own processor gives
    assert smart_resize(1080, 1920) == (1092, 1932)
    assert smart_resize(20, 20) == (56, 56)
    assert smart_resize(3000, 4000, max_pixels=1280 * 28 * 28) == (840, 1148)


def test_unknown_modes_list_the_known_ones() -> None:
    with pytest.raises(ValueError, match="paligemma"):
        box_mode("0-2")
    with pytest.raises(UsageError, match="--box-mode"):
        grade("[1,2,3,4]", box_mode="0-1:yx")


@pytest.mark.parametrize(
    ("gold", "fields", "name"),
    [
        ("1 2 3 4", {"hw": HW}, "gold"),
        ([1, 2, 3], {"hw": HW}, "gold"),
        (["a", 1, 2, 3], {"hw": HW}, "gold"),
        (GOLD, {}, "hw"),
        (GOLD, {"hw": [0, 5]}, "hw"),
        (GOLD, {"hw": HW, "resized_hw": 5}, "resized_hw"),
    ],
)
def test_bad_fields_are_named(gold: object, fields: dict[str, object], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        BOX_IOU.grade("[1,2,3,4]", gold, fields, "internvl")


@given(st.text(alphabet="[]()<>,. 0123456789-eEnaif\n", max_size=60))
def test_any_answer_gets_a_score(text: str) -> None:
    for profile in BOX_IOU.profiles:
        assert grade(text, profile)[0] in (0.0, 1.0)
    for mode in (*BOX_MODES, "auto"):
        assert grade(text, box_mode=mode)[0] in (0.0, 1.0)


_SIDES = st.floats(0, 1000, allow_nan=False)


@given(_SIDES, _SIDES, _SIDES, _SIDES)
def test_iou_is_symmetric_and_a_box_is_itself(a: float, b: float, c: float, d: float) -> None:
    box = (min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1)
    other = (10.0, 20.0, 500.0, 600.0)
    assert iou(box, other) == iou(other, box)
    assert iou(box, box) == pytest.approx(1.0)


def test_find_box_says_which_form_it_was() -> None:
    assert find_box("[[1, 2, 3, 4]]") == ((1.0, 2.0, 3.0, 4.0), "brackets")
    assert find_box("(1,2) , (3,4)") == ((1.0, 2.0, 3.0, 4.0), "corners")
    assert find_box("<loc0001><loc0002><loc0003><loc0004>") == ((1.0, 2.0, 3.0, 4.0), "loc tokens")
    assert find_box("x=1 y=2 w=3 h=-4.5") == ((1.0, 2.0, 3.0, -4.5), "numbers")
    assert find_box("1 2 3") == (None, "")
    assert to_pixels((1, 2, 3, 4), box_mode("pixels:yxyx"), HW) == (2, 1, 4, 3)


def test_height_and_width_may_come_apart() -> None:
    apart = BOX_IOU.grade("[250,100,750,500]", GOLD, {"height": 500, "width": 400}, "internvl")
    assert apart.value == 1.0


def test_a_run_of_brackets_is_one_opening() -> None:
    assert grade("[[[[0.25,0.1,0.75,0.5]")[0] == 1.0
    assert grade("[" * 20_000)[1] == "unparsed"


def test_aggregate_is_precision_at_one() -> None:
    items = [
        {"prediction": "[0.25, 0.1, 0.75, 0.5]", "gold": GOLD, "hw": HW},
        {"prediction": "nothing", "gold": GOLD, "hw": HW},
        {"prediction": None, "gold": GOLD, "hw": HW},
    ]
    metric = BOX_IOU.aggregate(rows(BOX_IOU, "internvl", items), "internvl")
    assert (metric.name, metric.value, metric.n) == ("Precision@1", 50.0, 2)
    assert part(metric, "mean IoU").value == pytest.approx(50.0, abs=1e-4)
