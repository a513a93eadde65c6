"""OST-Bench: judgements, estimates, counts and times, averaged over a tree of question types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any

from msgspec import Meta

from sightbench.sample import Json
from sightbench.scorers.aggregate import mean_value
from sightbench.scorers.fields import Fields, Options
from sightbench.scorers.groups import valued
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer
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


@lru_cache(maxsize=256)
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


class OstFields(Fields, frozen=True, kw_only=True):
    type: Annotated[
        str | None,
        Meta(
            description='the question type, as in the TSV ("AO_distance(float)") or as the evaluator names it'
        ),
    ] = None
    question_type: str | None = None
    option: Annotated[
        Options | None, Meta(description="the list of options (or choices), for judgements")
    ] = None
    choices: Options = Options()

    @property
    def name(self) -> str | None:
        """The evaluator's name of the type, None if it is not evaluated."""
        return type_name(self.type or self.question_type or "")

    @property
    def options(self) -> list[str]:
        return list((self.option or self.choices).values())


@lru_cache(maxsize=256)
def _kind(name: str) -> str:
    for kind, words in _KIND_WORDS.items():
        if any(word in name for word in words):
            return kind
    raise ValueError(f"type: {name!r} is no kind of question (option, float or int)")


_KIND_WORDS = {
    "estimation": ("Estimation",),
    "judgement": ("Judgement",),
    "enumeration": ("Counting", "Temporal-loc"),
}


def _check(fields: OstFields, profile: Profile) -> None:
    if not (fields.type or fields.question_type):
        raise ValueError("type: this metric needs the field 'type'")
    if fields.name is not None and _kind(fields.name) == "judgement" and not fields.options:
        raise ValueError("choices: missing (a list of texts, as option)")


def _gold(gold: Json, fields: OstFields, profile: Profile) -> str | float | int:
    """The right option's text, the number to be estimated, or the right integer, by the question's type."""
    if fields.name is None:
        return ""
    match _kind(fields.name):
        case "judgement":
            text = str(gold).replace('"', "")
            if text not in fields.options:
                raise ValueError(f"gold: {text!r} is none of the options")
            return text
        case "estimation":
            try:
                number = float(gold)  # type: ignore[arg-type]
            except (TypeError, ValueError):
                number = 0.0
            if number == 0.0:
                raise ValueError(f"gold: expected a number other than 0, got {gold!r}")
            return number
        case _:
            try:
                return int(gold)  # type: ignore[arg-type]
            except (TypeError, ValueError):
                raise ValueError(f"gold: expected an integer, got {gold!r}") from None


def _extract(prediction: str, fields: OstFields, context: Context) -> Extraction:
    """One answer by its question's type.

    `detail.left_out` marks replies the references drop from the means: the evaluator empty ones, VLMEvalKit
    those with "Failed" in them. An empty one is "nan" in VLMEvalKit's table, and stays in the mean.
    """
    name = fields.name
    if name is None:
        return Extraction(prediction, rule="type not evaluated", unparsed=True)
    if context.profile is Profile.VLMEVALKIT:
        prediction = prediction or "nan"
        left_out = "Failed" in prediction
    else:
        left_out = not prediction
    answer = answer_text(prediction)
    detail: dict[str, Any] = {"type": name, **({"left_out": True} if left_out else {})}
    match _kind(name):
        case "judgement":
            option = closest_option(answer, fields.options)
            return Extraction(prediction, option, "longest common subsequence", False, detail)
        case "estimation":
            try:
                return Extraction(prediction, float(answer), "relative accuracy", False, detail)
            except ValueError:
                return Extraction(prediction, None, "not a number", True, detail)
        case _:
            number = count(answer)
            rule = "not an integer" if number is None else "integer"
            return Extraction(prediction, number, rule, number is None, detail)


def _judge(extraction: Extraction, gold: str | float | int, fields: OstFields, context: Context) -> Grade:
    if fields.name is None:
        return Grade(None, None, "ungraded", extraction.rule)
    if extraction.unparsed:
        return Grade(0.0, None, "unparsed", extraction.rule, extraction.detail)
    if _kind(fields.name) == "estimation":
        right = relative_accuracy(extraction.parsed, float(gold))
    else:
        right = float(extraction.parsed == gold)
    return Grade(right, extraction.parsed, "scored", extraction.rule, extraction.detail)


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
    name="ost",
    help="OST-Bench: closest option, relative accuracy, integers; a tree of plain means.",
    profiles=(Profile.OFFICIAL, Profile.VLMEVALKIT),
    fields=OstFields,
    check=_check,
    gold=_gold,
    gold_help="the right option's text, a number, or an integer, by type",
    extract=_extract,
    judge=_judge,
    aggregate=ost_score,
    axes=(),
)
SCORERS = (OST,)
