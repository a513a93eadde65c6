"""VLABench planning: a skill sequence against the expert's (VLABench/evaluation/utils.py).

The official total adds only two of its four weights, so it ends at 80, and compares ids as JSON values, so
"3" never matches 3. Both are reproduced; the total with all weights and the scores with ids read as
numbers stand beside it in `detail`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from msgspec import Meta

from sightbench.sample import Json
from sightbench.scorers.aggregate import by_category, graded, mean_detail, mean_value
from sightbench.scorers.fields import Fields
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer
from sightbench.scorers.statistics.means import mean_of

UNORDERED_TASKS = ("cook_dishes", "texas_holdem")
"""Tasks whose subtasks may come in any order (VLABench seq_independent_task.json)."""

SCORES = ("skill_match", "entity_match", "skill_with_entity_match", "exact_match")
_WEIGHTS = dict(zip(SCORES, (0.4, 0.4, 0.1, 0.1), strict=True))
_COUNTED = ("skill_match", "entity_match")

_SUBTASKS = (
    ("pick", "place"),
    ("pick", "insert"),
    ("pick", "pour", "place"),
    ("pick", "pour"),
    ("pick", "pull"),
    ("pick", "lift"),
    ("pick", "push", "pull"),
    ("pick", "push", "place"),
    ("pick", "push"),
    ("pick", "open_door"),
    ("press",),
)
"""At each skill the first of these that fits is taken, so pick-pour only where no place follows."""

Skills = Sequence[Any]
Node = tuple[tuple[str, ...], Any, Any]


def find_plan(text: str) -> Any:
    """The JSON between the first "```json" and the next "```"; raises ValueError without one."""
    _, fence, rest = text.partition("```json")
    if not fence:
        raise ValueError("no ```json block")
    try:
        return json.loads(rest.split("```")[0])
    except RecursionError as error:
        raise ValueError("JSON nested too deeply") from error


def plan_scores(gold: Skills, plan: Skills, ordered: bool) -> dict[str, float]:
    """The four match scores in 0-100. Raises whatever a plan of the wrong shape makes Python raise."""
    names, wanted_names = _names(plan), _names(gold)
    entities, wanted_entities = _entities(plan), _entities(gold)
    triples, wanted_triples = _triples(plan), _triples(gold)
    nodes, wanted_nodes = _nodes(plan), _nodes(gold)
    hits = _chain_hits(wanted_nodes, nodes) if ordered else _star_hits(wanted_nodes, nodes)
    return {
        "skill_match": _shared(wanted_names, names),
        "entity_match": _shared(wanted_entities, entities),
        "skill_with_entity_match": _shared(wanted_triples, triples),
        "exact_match": hits / len(wanted_nodes) * 100,
    }


def _names(skills: Skills) -> list[Any]:
    return [skill["name"] for skill in skills]


def _triples(skills: Skills) -> list[tuple[Any, Any, Any]]:
    return [(skill["name"], *_targets(skill)) for skill in skills]


def _targets(skill: Any) -> tuple[Any, Any]:
    parameters = skill["params"]
    return parameters.get("target_entity_name"), parameters.get("target_container_name")


def _entities(skills: Skills) -> list[tuple[str, Any]]:
    kinds = ("entity", "container")
    return [
        (kind, value)
        for skill in skills
        for kind, value in zip(kinds, _targets(skill), strict=True)
        if value is not None
    ]


def _shared(wanted: Sequence[Any], given: Sequence[Any]) -> float:
    common = sum((Counter(wanted) & Counter(given)).values())
    return common / len(wanted) * 100 if wanted else 0.0


def _nodes(skills: Skills) -> list[Node]:
    """Subtasks in order, each with the last entity and the last container its skills name."""
    names = _names(skills)
    nodes: list[Node] = []
    i = 0
    while i < len(names):
        subtask = next((s for s in _SUBTASKS if names[i : i + len(s)] == list(s)), None)
        if subtask is None:
            i += 1
            continue
        entity = container = None
        for skill in skills[i : i + len(subtask)]:
            a, b = _targets(skill)
            entity = entity if a is None else a
            container = container if b is None else b
        nodes.append((subtask, entity, container))
        i += len(subtask)
    return nodes


def _chain_hits(wanted: Sequence[Node], given: Sequence[Node]) -> int:
    """Subtasks equal at the same place whose predecessors are equal too."""
    equal = [a == b for a, b in zip(wanted, given, strict=False)]
    return sum(here and (i == 0 or equal[i - 1]) for i, here in enumerate(equal))


def _star_hits(wanted: Sequence[Node], given: Sequence[Node]) -> int:
    left = list(given)
    hits = 0
    for node in wanted:
        if node in left:
            left.remove(node)
            hits += 1
    return hits


def _totals(scores: dict[str, float]) -> dict[str, float]:
    return {
        "total_score": sum(_WEIGHTS[name] * scores[name] for name in _COUNTED),
        "total_score_weighted": sum(_WEIGHTS[name] * scores[name] for name in SCORES),
    }


def _with_whole_ids(skills: Any) -> Any:
    """The same plan with targets written as digits read as numbers."""
    return [
        {**skill, "params": {key: _whole_id(value) for key, value in skill["params"].items()}}
        for skill in skills
    ]


def _whole_id(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


def _scored(gold: Skills, plan: Any, ordered: bool) -> dict[str, float] | None:
    try:
        scores = plan_scores(gold, plan, ordered)
    except Exception:  # the reference scores a plan of any wrong shape 0, whatever the reason
        return None
    return scores | _totals(scores)


_SCALE = (0.0, 100.0)
_ZERO = {name: 0.0 for name in (*SCORES, "total_score", "total_score_weighted")}


class _PlanFields(Fields, frozen=True, kw_only=True):
    task: Annotated[
        str | None,
        Meta(
            description="the task's name; subtasks of "
            + " and ".join(UNORDERED_TASKS)
            + " may come in any order"
        ),
    ] = None
    dependency: Annotated[
        Literal["Sequential", "Seq-independent"] | None,
        Meta(description="'Sequential' or 'Seq-independent', instead of task"),
    ] = None

    @property
    def ordered(self) -> bool:
        if self.dependency is not None:
            return self.dependency == "Sequential"
        return self.task not in UNORDERED_TASKS


def _expert(gold: Json, fields: _PlanFields, profile: Profile) -> Skills:
    skills = gold.get("skill_sequence") if isinstance(gold, Mapping) else gold
    if not isinstance(skills, list):
        raise ValueError("gold: expected a list of skills, or an object with `skill_sequence`")
    return skills


def _judge(extraction: Extraction, expert: Skills, fields: _PlanFields, context: Context) -> Grade:
    ordered = fields.ordered
    try:
        plan = find_plan(extraction.answer)
    except ValueError as error:
        zero = {**_ZERO, "entity_match_coerced": 0.0, "total_score_coerced": 0.0}
        return Grade(0.0, None, "unparsed", rule=f"format_error: {error}", detail=zero)
    scores = _scored(expert, plan, ordered)
    try:
        coerced = _scored(_with_whole_ids(expert), _with_whole_ids(plan), ordered)
    except Exception:  # a plan of a wrong shape, as in _scored
        coerced = None
    detail = {
        **(scores or _ZERO),
        "entity_match_coerced": (coerced or _ZERO)["entity_match"],
        "total_score_coerced": (coerced or _ZERO)["total_score"],
    }
    return Grade(detail["total_score"], plan, rule="json block" if scores else "wrong shape", detail=detail)


def _aggregate(rows: Sequence[Row], profile: str) -> Metric:
    """The plain mean of the dimensions' total scores; a dimension is the mean over its examples."""
    dimensions = []
    for name, group in by_category(graded(rows)).items():
        total = mean_value(name, group, scale=1.0, unit="points", bounds=_SCALE)
        keys = (*SCORES, "total_score_weighted", "entity_match_coerced", "total_score_coerced")
        parts = tuple(mean_detail(key, group, key, scale=1.0, unit="points", bounds=_SCALE) for key in keys)
        dimensions.append(replace(total, parts=parts))
    return mean_of("total_score", dimensions, unit="points", note="official total: at most 80")


VLABENCH: Scorer[str, Skills, _PlanFields] = Scorer(
    name="vlabench",
    fields=_PlanFields,
    gold=_expert,
    judge=_judge,
    aggregate=_aggregate,
    profiles=(Profile.OFFICIAL,),
    full_marks=80.0,
    gold_help="the expert's skills: a list of {name, params}, or an object with `skill_sequence`",
    help="VLABench planning: the official total_score, 0-80; detail holds its parts, the total with all four "
    "weights, and the scores with ids read as numbers.",
)
