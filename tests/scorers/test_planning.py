"""VLABench planning: the official scores, bugs included, and what stands beside them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.text.planning import UNORDERED_TASKS, VLABENCH
from tests.scorers.rows import part, row, rows, shared


def skill(name: str, entity: Any = None, container: Any = None) -> dict[str, Any]:
    params = {"target_entity_name": entity, "target_container_name": container}
    return {"name": name, "params": {key: value for key, value in params.items() if value is not None}}


GOLD = [skill("pick", 3), skill("place", None, 5), skill("pick", 4), skill("pour", None, 6)]


def grade(plan: Any, gold: Any = GOLD, **fields: Any) -> Any:
    text = plan if isinstance(plan, str) else f"Here you go:\n```json\n{json.dumps(plan)}\n```"
    return VLABENCH.grade(text, gold, fields, "official")


def four(found: Any) -> tuple[float, ...]:
    names = ("skill_match", "entity_match", "skill_with_entity_match", "exact_match")
    return tuple(found.detail[name] for name in names)


def test_a_perfect_plan_gets_eighty() -> None:
    found = grade(GOLD)
    assert four(found) == (100.0, 100.0, 100.0, 100.0)
    assert (found.value, found.detail["total_score_weighted"]) == (80.0, 100.0)
    assert grade(GOLD, {"skill_sequence": GOLD}).value == 80.0


def test_ids_are_compared_as_json_values() -> None:
    as_text = [
        {**each, "params": {key: str(value) for key, value in each["params"].items()}} for each in GOLD
    ]
    found = grade(as_text)
    assert four(found) == (100.0, 0.0, 0.0, 0.0)
    assert (found.value, found.detail["total_score_coerced"]) == (40.0, 80.0)
    assert found.detail["entity_match_coerced"] == 100.0


def test_order_matters_in_a_chain_only() -> None:
    swapped = GOLD[2:] + GOLD[:2]
    assert four(grade(swapped))[3] == 0.0
    assert four(grade(swapped, task="add_condiment"))[3] == 0.0
    for task in UNORDERED_TASKS:
        assert four(grade(swapped, task=task))[3] == 100.0
    assert four(grade(swapped, dependency="Seq-independent"))[3] == 100.0


def test_a_step_counts_only_after_an_equal_one() -> None:
    gold = [skill("press", 1), skill("press", 2), skill("press", 3)]
    assert four(grade([skill("press", 1), skill("press", 9), skill("press", 3)], gold))[3] == pytest.approx(
        100 / 3
    )


def test_extra_skills_cost_nothing_unless_they_shift_a_step() -> None:
    assert four(grade([*GOLD, skill("press", 9)])) == (100.0, 100.0, 100.0, 100.0)
    assert four(grade([skill("press", 9), *GOLD]))[3] == 0.0
    assert four(grade([skill("jump"), *GOLD]))[3] == 100.0


def test_a_step_takes_the_first_fitting_pattern() -> None:
    gold = [skill("pick", 1), skill("pour", 2), skill("place", None, 3)]
    assert four(grade([skill("pick", 1), skill("pour", 2)], gold))[3] == 0.0
    assert four(grade([skill("pick", 7), skill("pour", 2), skill("place", None, 3)], gold))[3] == 100.0


@pytest.mark.parametrize(
    "text",
    ["", "no plan", "[]", "```JSON\n[]\n```", "```json\n[}\n```", "```json", "I can't do that."],
)
def test_without_a_json_block_there_is_no_plan(text: str) -> None:
    found = grade(text)
    assert (found.value, found.status, found.parsed) == (0.0, "unparsed", None)
    assert found.rule.startswith("format_error")


@pytest.mark.parametrize(
    "plan",
    [
        {"skill_sequence": GOLD},
        None,
        5,
        ["pick"],
        [{"name": "pick"}],
        [{"name": "pick", "params": None}],
        [{"name": ["pick"], "params": {}}],
        [skill("pick", [3])],
        [{"params": {}}],
    ],
)
def test_a_plan_of_a_wrong_shape_is_all_zero(plan: Any) -> None:
    found = grade(plan)
    assert (found.value, found.status, four(found)) == (0.0, "scored", (0.0, 0.0, 0.0, 0.0))


def test_an_expert_without_any_known_step_zeroes_everything() -> None:
    assert four(grade([skill("pick", 1)], [skill("pick", 1)])) == (0.0, 0.0, 0.0, 0.0)


def test_an_unclosed_block_is_read_to_the_end() -> None:
    assert grade("```json\n" + json.dumps(GOLD)).value == 80.0


@given(st.text(max_size=80))
def test_any_text_gets_a_score(text: str) -> None:
    assert grade(text).value == 0.0 or "```json" in text
    assert grade(f"```json{text}```").value is not None


@pytest.mark.parametrize("gold", [{}, "pick", {"skills": []}])
def test_bad_gold_is_named(gold: Any) -> None:
    with pytest.raises(ValueError, match="gold"):
        VLABENCH.grade("x", gold, {}, "official")


def test_bad_dependency_is_named() -> None:
    with pytest.raises(ValueError, match="dependency"):
        grade(GOLD, dependency="any")


def test_the_tasks_without_order_are_vlabench_s() -> None:
    assert json.loads((shared("vlabench") / "seq_independent_task.json").read_text()) == list(UNORDERED_TASKS)


def test_dimensions_weigh_the_same_however_many_examples_they_have() -> None:
    good = f"```json{json.dumps(GOLD)}```"
    items = [
        {"prediction": good, "gold": GOLD, "category": "Semantic"},
        {"prediction": "no", "gold": GOLD, "category": "Semantic"},
        {"prediction": good, "gold": GOLD, "category": "Spatial"},
    ]
    answered = rows(VLABENCH, "official", items)
    failed = row(VLABENCH, "official", None, GOLD, id="failed", category="Spatial")
    metric = VLABENCH.aggregate([*answered, failed], "official")
    assert [(each.name, each.value, each.n) for each in metric.parts] == [
        ("Semantic", 40.0, 2),
        ("Spatial", 80.0, 1),
    ]
    assert metric.value == 60.0
    assert part(metric.parts[0], "skill_match").value == 50.0
