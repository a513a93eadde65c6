"""OST-Bench (S19): judgements, estimates, counts and times, averaged over a tree of question types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sightbench.scorers.aggregate import mean_value
from sightbench.scorers.answer import unparsed
from sightbench.scorers.choice.options import options_of
from sightbench.scorers.groups import valued
from sightbench.scorers.score import Fields, Grade, Metric, Row, Scorer
from sightbench.scorers.statistics.means import mean_of
from sightbench.scorers.text.edit import common_subsequence

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_THRESHOLDS = tuple(1 - (0.5 + 0.05 * step) for step in range(10))

_STATE, _INFO, _SPATIAL = "Agent_state", "Agent_visible_info", "Agent_object_spatial"
_VARIANTS = {
    f"{_SPATIAL}-direction(Judgement)": 3,
    f"{_SPATIAL}-distance(Judgement)": 3,
    f"{_INFO}-existence(Temporal-loc)": 2,
}
"""Question types that are the mean of numbered variants: ...(Judgement1), ...(Judgement2), ..."""

_TREE: dict[str, tuple[str, ...]] = {
    "A_state(Judge)": (f"{_STATE}-orientation(Judgement)", f"{_STATE}-position(Judgement)"),
    "A_state(Esti)": (f"{_STATE}-orientation(Estimation)", f"{_STATE}-position(Estimation)"),
    "A_info(Judge)": tuple(f"{_INFO}-{what}(Judgement)" for what in ("existence", "order", "diversity")),
    "A_info(Temp)": (f"{_INFO}-existence(Temporal-loc)",),
    "A_info(Count)": (f"{_INFO}-quantity(Counting)",),
    "AO(Judge)": (f"{_SPATIAL}-direction(Judgement)", f"{_SPATIAL}-distance(Judgement)"),
    "AO(Esti)": (f"{_SPATIAL}-direction(Estimation)", f"{_SPATIAL}-distance(Estimation)"),
    "AO(Temp)": (f"{_SPATIAL}-direction(Temporal-loc)", f"{_SPATIAL}-distance(Temporal-loc)"),
}
_KINDS = {
    "Judgement": ("AO(Judge)", "A_info(Judge)", "A_state(Judge)"),
    "Estimation": ("AO(Esti)", "A_state(Esti)"),
    "Temporal-loc": ("A_info(Temp)", "AO(Temp)"),
    "Counting": ("A_info(Count)",),
}


def type_name(raw: str) -> str | None:
    """The evaluator's name of a type ("AO_distance(float)" -> "Agent_object_spatial-..."), or None.

    Names that are already the evaluator's stay as they are. Room sizes are not evaluated.
    """
    if raw in ("A_room-size(float)", "None"):
        return None
    name = raw.replace("float", "Estimation")
    name = name.replace("int", "Counting" if "quantity" in name else "Temporal-loc")
    name = name.replace("option", "Judgement")
    return name.replace("A_object-", f"{_INFO}-").replace("AO_", f"{_SPATIAL}-").replace("A_", f"{_STATE}-")


def answer_text(reply: str) -> str:
    """The answer inside a reply that gives reasons too, by process_answer of evaluation/OST_evaluator.py."""
    text = reply.replace("'", '"')
    if "reason" not in text or "answer" not in text:
        answer = text
    elif '"answer":' in text:
        answer = _cut(text.split('"answer":')[1].split('"reason"')[0])
    elif "answer:" in text:
        answer = _cut(text.split("answer:")[1].split("reason")[0])
    else:
        answer = ""
    return answer.strip('"')


def _cut(text: str) -> str:
    return text.split("\n")[0].strip().strip(",").strip()


def closest_option(answer: str, options: Sequence[str]) -> str:
    """The option with the longest common subsequence with the answer; the first one for an empty answer."""
    text = answer.strip().lower()
    return max(options, key=lambda option: common_subsequence(text, option.strip().lower()))


def relative_accuracy(answer: float, gold: float) -> float:
    """A tenth for each of ten thresholds the relative error is strictly under; 9 for 10 gives 0.8."""
    error = abs(gold - answer) / abs(gold)
    return 0.1 * sum(error < threshold for threshold in _THRESHOLDS)


def count(answer: str) -> int | None:
    """The first of zero..ten contained anywhere ("someone" is 1), else the whole answer as an integer."""
    lowered = answer.lower()
    for number, word in enumerate(_WORDS):
        if word in lowered:
            return number
    try:
        return int(answer)
    except ValueError:
        return None


def ost(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """One question by its `type`. `detail.left_out` marks replies the references drop from the means.

    Both drop empty replies; `vlmevalkit` also drops those with "Failed" in them.
    """
    name = type_name(str(fields.get("type") or fields.get("question_type") or ""))
    if name is None:
        return Grade(None, None, "ungraded", "type not evaluated")
    answer = answer_text(prediction)
    left_out = not prediction or (profile == "vlmevalkit" and "Failed" in prediction)
    detail: dict[str, Any] = {"type": name, **({"left_out": True} if left_out else {})}
    if "Estimation" in name:
        grade = _estimation(answer, gold)
    elif "Judgement" in name:
        grade = _judgement(answer, gold, fields)
    elif "Counting" in name or "Temporal-loc" in name:
        grade = _enumeration(answer, gold, fields)
    else:
        raise ValueError(f"type: {fields.get('type')!r} names no kind of question (option, float or int)")
    return replace(grade, detail=detail)


def _judgement(answer: str, gold: Any, fields: Fields) -> Grade:
    options = list(options_of({"choices": fields.get("option") or fields.get("choices")}).values())
    want = str(gold).replace('"', "")
    if want not in options:
        raise ValueError(f"gold: {want!r} is none of the options")
    chosen = closest_option(answer, options)
    return Grade(float(chosen == want), chosen, "scored", "longest common subsequence")


def _estimation(answer: str, gold: Any) -> Grade:
    try:
        want = float(gold)
    except (TypeError, ValueError):
        want = 0.0
    if want == 0.0:
        raise ValueError(f"gold: expected a number other than 0, got {gold!r}")
    try:
        found = float(answer)
    except ValueError:
        return Grade(0.0, None, "unparsed", "not a number")
    return Grade(relative_accuracy(found, want), found, "scored", "relative accuracy")


def _enumeration(answer: str, gold: Any, fields: Fields) -> Grade:
    try:
        want = int(gold)
    except (TypeError, ValueError):
        raise ValueError(f"gold: expected an integer, got {gold!r}") from None
    found = count(answer)
    if found is None:
        return unparsed(fields, (), want, rule="not an integer")
    return Grade(float(found == want), found, "scored", "integer")


def ost_score(rows: Sequence[Row], profile: str) -> Metric:
    """Overall, in %: the plain mean of eight groups of question types, each a plain mean itself.

    Where a type has no answers (a run with a limit), what depends on it has no value; the rest has.
    """
    members: dict[str, list[Row]] = {}
    for row, _ in valued(rows):
        if not row.score.detail.get("left_out"):
            members.setdefault(str(row.score.detail.get("type")), []).append(row)
    types = {name: mean_value(name, group) for name, group in members.items()}
    for name, variants in _VARIANTS.items():
        stem = name.removesuffix(")")
        types[name] = _node(name, [_leaf(types, f"{stem}{index})") for index in range(1, variants + 1)])
    groups = {
        name: _node(name, [_leaf(types, member) for member in members]) for name, members in _TREE.items()
    }
    kinds = [
        _node(name, [part for group in members for part in groups[group].parts])
        for name, members in _KINDS.items()
    ]
    overall = _node("Overall", list(groups.values()))
    return replace(overall, parts=(*(replace(kind, parts=()) for kind in kinds), *groups.values()))


def _leaf(types: dict[str, Metric], name: str) -> Metric:
    return types.get(name) or Metric(name, None, 0, note="no answers")


def _node(name: str, parts: list[Metric]) -> Metric:
    absent = [part.name for part in parts if part.value is None]
    if absent:
        note = "missing: " + ", ".join(absent)
        return Metric(name, None, sum(part.n for part in parts), parts=tuple(parts), note=note)
    return mean_of(name, parts)


OST = Scorer(
    "ost",
    ost,
    ost_score,
    ("official", "vlmevalkit"),
    {
        "type": 'the question type, as in the TSV ("AO_distance(float)") or as the evaluator names it',
        "option": "the list of options (or choices), for judgements",
    },
    "OST-Bench: closest option, relative accuracy, integers; a tree of plain means.",
)
SCORERS = (OST,)
