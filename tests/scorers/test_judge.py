"""Judges' replies: LLaVA-Bench pairs, MM-Vet numbers, plan verdicts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.judged.judge import (
    LLAVA_BENCH_JUDGE,
    MMVET_JUDGE,
    PLAN_JUDGE,
    PLAN_SCORES,
    json_object,
)
from sightbench.scorers.table import SCORERS
from tests.scorers.rows import part, rows, shared


def test_only_judges_replies_need_no_gold() -> None:
    free = {name for name, scorer in SCORERS.items() if not scorer.needs_gold}
    assert free == {"llava_bench_judge", "mmvet_judge", "plan_judge", "mmscan_judge"}
    for name in free:
        for profile in SCORERS[name].profiles:
            assert SCORERS[name].grade("0.5", None, {"category": "ocr"}, profile).status != "ungraded"


@pytest.mark.parametrize(
    ("reply", "pair"),
    [
        ("8 9\nBoth are fine.", [8.0, 9.0]),
        ("8,9", [8.0, 9.0]),
        ("7.5 10", [7.5, 10.0]),
        ("8, 9", [-1, -1]),
        ("8 9 ", [-1, -1]),
        (" 8 9", [-1, -1]),
        ("8  9", [-1, -1]),
        ("8/10 9/10", [-1, -1]),
        ("\n8 9", [-1, -1]),
        ("8 9\r\nfine", [8.0, 9.0]),
        ("", [-1, -1]),
        ("Sorry, I cannot", [-1, -1]),
        ("nan 9", [-1, -1]),
        ("-1 1e1", [-1.0, 10.0]),
    ],
)
def test_llava_bench_reads_two_scores_from_the_first_line(reply: str, pair: list[float]) -> None:
    found = LLAVA_BENCH_JUDGE.grade(reply, None, {}, "internvl")
    assert found.parsed == pair
    assert found.value == pair[1]
    assert (found.status == "unparsed") == (pair == [-1, -1])


def test_all_but_twelve_of_the_real_reviews_are_as_stored() -> None:
    reviews = [
        json.loads(line)
        for file in sorted(shared("llava_bench").glob("review_*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    assert len(reviews) == 320
    parsed = [LLAVA_BENCH_JUDGE.grade(review["text"], None, {}, "internvl").parsed for review in reviews]
    stored = [review["score"] for review in reviews]
    assert sum(a != b for a, b in zip(parsed, stored, strict=True)) == 12


def test_llava_bench_divides_means_and_keeps_failed_replies_in() -> None:
    items: list[dict[str, Any]] = [
        {"prediction": "8 4", "gold": None, "category": "conv"},
        {"prediction": "10 9", "gold": None, "category": "detail"},
        {"prediction": "no idea", "gold": None, "category": "detail"},
        {"prediction": None, "gold": None, "category": "detail"},
    ]
    metric = LLAVA_BENCH_JUDGE.aggregate(rows(LLAVA_BENCH_JUDGE, "internvl", items), "internvl")
    assert metric.n == 3
    assert metric.value == pytest.approx(100 * (4 + 9 - 1) / (8 + 10 - 1))
    assert part(metric, "conv").value == pytest.approx(50.0)
    assert part(metric, "detail").value == pytest.approx(100 * 8 / 9)
    assert part(metric, "model's answers x10").value == pytest.approx(40.0)


@pytest.mark.parametrize(
    ("reply", "official", "vlmevalkit"),
    [
        ("0.5", 0.5, 0.5),
        ("1", 1.0, 1.0),
        (" 0.7\n", None, 0.7),
        ("0.7\n", 0.7, 0.7),
        ("0.8 because", 0.8, None),
        ("1.1", None, None),
        ("-0.1", None, None),
        ("Correctness: 0.5", None, None),
        ("", None, None),
        ("nan", None, None),
        ("1/2", None, None),
    ],
)
def test_mmvet_reads_a_number(reply: str, official: float | None, vlmevalkit: float | None) -> None:
    for profile, value in (("official", official), ("lmms_eval", official), ("vlmevalkit", vlmevalkit)):
        found = MMVET_JUDGE.grade(reply, None, {}, profile)
        assert found.value == (value or 0.0)
        assert found.status == ("unparsed" if value is None else "scored")


def test_mmvet_sums_up_by_capability_and_by_exact_set() -> None:
    items = [
        {"prediction": "1.0", "gold": None, "category": "ocr,math"},
        {"prediction": "0.0", "gold": None, "category": "ocr"},
        {"prediction": "nothing", "gold": None, "category": "rec"},
    ]
    metric = MMVET_JUDGE.aggregate(rows(MMVET_JUDGE, "official", items), "official")
    assert metric.value == pytest.approx(100 / 3)
    numbers = [(each.name, each.value, each.n) for each in metric.parts]
    assert numbers == [
        ("rec", 0.0, 1),
        ("ocr", 50.0, 2),
        ("math", 100.0, 1),
        ("ocr_math", 100.0, 1),
        ("ocr alone", 0.0, 1),
        ("rec alone", 0.0, 1),
    ]


@pytest.mark.parametrize(
    ("profile", "sets"),
    [
        ("official", {"ocr_math": 50.0}),
        ("lmms_eval", {"ocr_math": 50.0}),
        ("vlmevalkit", {"ocr_math": 100.0, "math_ocr": 0.0}),
    ],
)
def test_mmvet_knows_a_set_in_any_order_but_under_vlmevalkit(profile: str, sets: dict[str, float]) -> None:
    items = [
        {"prediction": "1.0", "gold": None, "category": "ocr,math"},
        {"prediction": "0.0", "gold": None, "category": "math,ocr"},
    ]
    metric = MMVET_JUDGE.aggregate(rows(MMVET_JUDGE, profile, items), profile)
    assert {each.name: each.value for each in metric.parts if "_" in each.name} == sets


def test_mmvet_counts_a_single_capability_twice_under_vlmevalkit() -> None:
    """MMVet_acc adds a capability and the set of that one capability into one entry."""
    items = [
        {"prediction": "1.0", "gold": None, "category": "ocr,math"},
        {"prediction": "0.4", "gold": None, "category": "ocr"},
        {"prediction": "0.1", "gold": None, "category": "ocr"},
    ]
    metric = MMVET_JUDGE.aggregate(rows(MMVET_JUDGE, "vlmevalkit", items), "vlmevalkit")
    numbers = {each.name: each.value for each in metric.parts}
    assert numbers == {
        "ocr": pytest.approx(100 * (1.0 + 0.4 + 0.1 + 0.4 + 0.1) / 5),
        "math": 100.0,
        "ocr_math": 100.0,
    }
    assert metric.value == pytest.approx(50.0)


VERDICT = {"reasoning": "ok", "scores": dict(zip(PLAN_SCORES, (5, 4, 3, 3), strict=True))}


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        (json.dumps(VERDICT), 3.75),
        (f"```json\n{json.dumps(VERDICT, indent=1)}\n```", 3.75),
        (f"Sure. {json.dumps(VERDICT)} Anything {{else}}?", 3.75),
        (json.dumps({**VERDICT, "final_score": 4.123456}), 4.123),
        (json.dumps({**VERDICT, "final_score": "4"}), 3.75),
        (json.dumps({"final_score": 2}), 2.0),
        (json.dumps({"scores": {"completeness": 5}}), None),
        (json.dumps({"scores": [5, 5, 5, 5]}), None),
        (json.dumps({"scores": dict.fromkeys(PLAN_SCORES, "high")}), None),
        (json.dumps({"scores": dict.fromkeys(PLAN_SCORES, "4")}), 4.0),
        ('{"final_score": NaN}', None),
        ("completeness: 5", None),
        ("[1, 2]", None),
        ("", None),
    ],
)
def test_plan_verdicts(reply: str, value: float | None) -> None:
    found = PLAN_JUDGE.grade(reply, None, {}, "official")
    assert found.value == (value or 0.0)
    assert found.parsed == value
    assert found.status == ("unparsed" if value is None else "scored")


def test_plans_without_a_verdict_leave_the_mean() -> None:
    items = [{"prediction": json.dumps(VERDICT), "gold": None}, {"prediction": "no", "gold": None}]
    metric = PLAN_JUDGE.aggregate(rows(PLAN_JUDGE, "official", items), "official")
    assert (metric.value, metric.n) == (3.75, 1)
    assert part(metric, "completeness").value == 5.0


@given(st.text(max_size=60))
def test_any_reply_gets_a_score(text: str) -> None:
    for scorer in (LLAVA_BENCH_JUDGE, MMVET_JUDGE, PLAN_JUDGE):
        for profile in scorer.profiles:
            assert scorer.grade(text, None, {}, profile).value is not None


def test_json_object_survives_hostile_nesting() -> None:
    assert json_object("[" * 100_000) == {}
    assert json_object("{" * 50_000 + "}") == {}
