"""Answers whose verdict is known beforehand, mixed among the others: what a judge is worth today."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import orjson

from sightbench.client.hosted.prices import prices
from sightbench.client.providers import provider
from sightbench.evaluation.judges.record import JudgeRecord
from sightbench.evaluation.judges.verdicts import REFUSED, VERDICT, Verdicts
from sightbench.files import replace_file
from sightbench.sample import Reply, StoredMasks
from sightbench.scorers.fields import Fields
from sightbench.scorers.judged.form import NOTHING, Case, Form, text_of
from sightbench.scorers.judged.judge import LLAVA_BENCH_JUDGE, MMVET_JUDGE, PLAN_JUDGE
from sightbench.scorers.judged.mmscan import MMSCAN_JUDGE
from sightbench.scorers.scorer import Profile, Scorer

SHARE = 0.05
CARDS = "judge_cards.json"

IDENTICAL, EMPTY, SHUFFLED, ANOTHER, SWAPPED, AGAIN = (
    "the reference answer itself",
    "an empty answer",
    "the reference answer with its words shuffled",
    "the reference answer of another question",
    "both answers in the other order",
    "the same answer again",
)

_MARKS: Mapping[str, tuple[Scorer[str, None, Fields], float, float]] = {
    "mmvet": (MMVET_JUDGE, 0.0, 1.0),
    "llava_bench": (LLAVA_BENCH_JUDGE, 1.0, 10.0),
    "plan": (PLAN_JUDGE, 1.0, 5.0),
    "mmscan": (MMSCAN_JUDGE, 0.0, 1.0),
}
"""Families of forms whose verdicts are marks: the scorer that reads them, and the ends of the scale."""

_HIGH, _MIDDLE, _LOW = 0.75, 0.5, 0.25
_SAME_MARK = 1.0
_NO_ANSWER = (NOTHING, "Z", "Unknown", "unclear")

Asked = tuple[str, Form, Case]
"""(benchmark, form, case), as ask_judge takes them."""


@dataclass(frozen=True, slots=True)
class Control:
    """One control item: its kind, what is asked, and the case it was made of."""

    kind: str
    benchmark: str
    form: Form
    case: Case
    base: Case

    @property
    def asked(self) -> Asked:
        return self.benchmark, self.form, self.case


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What became of a judge's controls over one benchmark: by kind (passed, asked); of all replies how many
    refused, how many answers have no verdict, and the tokens it took."""

    benchmark: str
    judge: Mapping[str, object]
    form: str
    controls: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    refusals: int = 0
    without: int = 0
    replies: int = 0
    tokens: int = 0
    cost: float | None = None

    def lines(self) -> list[str]:
        """The card in words, a line for what can be doubted."""
        told = []
        for kind, (passed, asked) in self.controls.items():
            told.append(f"{kind}: {passed} of {asked}")
        lines = [f"controls passed: {'; '.join(told)}"] if told else []
        spent = "" if self.cost is None else f", ${self.cost:.4f}"
        lines.append(
            f"{self.replies:,} replies, {self.refusals:,} refusals, {self.without:,} answers without a "
            f"verdict, {self.tokens:,} tokens{spent}"
        )
        return lines


def controls(asked_about: Sequence[Asked]) -> list[Control]:
    """A control for one answer in twenty of each form, always the same ones, the kinds in turn."""
    groups: dict[tuple[str, str], list[Asked]] = {}
    for asked in asked_about:
        groups.setdefault((asked[0], asked[1].name), []).append(asked)
    found = []
    for (benchmark, _), group in groups.items():
        ordered = sorted(group, key=lambda asked: hashlib.sha256(asked[2].sample.id.encode()).digest())
        for number, (_, form, base) in enumerate(ordered[: round(SHARE * len(group))]):
            kinds = _kinds(form, base)
            kind = kinds[number % len(kinds)]
            others = (case for _, _, case in reversed(ordered) if _gold(case) != _gold(base))
            other = next(others, None)
            if kind == ANOTHER and other is None:
                kind = EMPTY
            found.append(_made(kind, benchmark, form, base, other or base))
    return found


def card(
    judge: JudgeRecord, verdicts: Verdicts, asked: Sequence[Asked], made: Sequence[Control]
) -> list[Card]:
    """The judge card of each benchmark, from what was asked about it."""
    cards = []
    for benchmark in dict.fromkeys(name for name, _, _ in asked):
        own = [(form, case) for name, form, case in asked if name == benchmark]
        told = [verdicts.of(form, case) for form, case in own]
        results: dict[str, tuple[int, int]] = {}
        for control in made:
            if control.benchmark == benchmark and (passed := _passed(control, verdicts)) is not None:
                hits, count = results.get(control.kind, (0, 0))
                results[control.kind] = hits + passed, count + 1
        replies = [reply for form, case in own for reply in verdicts.replies(form, case)]
        cards.append(
            Card(
                benchmark=benchmark,
                judge=judge.identity,
                form=own[0][0].name,
                controls=results,
                refusals=sum(verdict.outcome == REFUSED for verdict in told),
                without=sum(verdict.outcome != VERDICT for verdict in told),
                replies=len(replies),
                tokens=sum(reply.usage.total_tokens or 0 for reply in replies),
                cost=_cost(judge, replies),
            )
        )
    return cards


def _cost(judge: JudgeRecord, replies: Sequence[Reply]) -> float | None:
    """US dollars, None for a judge without a bill or without a price."""
    service = provider(judge.provider)
    if not service.hosted:
        return None
    table = prices(None)
    costs = [
        table.cost(reply.usage, service.prices, judge.model, tier=reply.tier, at=reply.at)
        for reply in replies
    ]
    known = [cost for cost in costs if cost is not None]
    return float(sum(known)) if known else None


def keep(folder: Path, cards: Sequence[Card]) -> None:
    """Puts cards into a run's folder, each in place of the one of the same judge, form and benchmark."""
    named = {_name(one): one for one in (*read(folder), *cards)}
    replace_file(folder / CARDS, orjson.dumps([msgspec.to_builtins(one) for one in named.values()]) + b"\n")


def read(folder: Path) -> tuple[Card, ...]:
    """The cards in a run's folder; none where there are none or they cannot be read."""
    try:
        return msgspec.json.decode((folder / CARDS).read_bytes(), type=tuple[Card, ...])
    except (OSError, msgspec.MsgspecError):
        return ()


def of_benchmark(
    cards: Sequence[Card], benchmark: str, form: str, judge: Mapping[str, object]
) -> Card | None:
    """The card of a judge over a benchmark."""
    wanted = (benchmark, form, orjson.dumps(judge, option=orjson.OPT_SORT_KEYS))
    return next((one for one in cards if _name(one) == wanted), None)


def _name(one: Card) -> tuple[str, str, bytes]:
    return one.benchmark, one.form, orjson.dumps(one.judge, option=orjson.OPT_SORT_KEYS)


def _family(form: Form) -> str:
    return form.name.partition("/")[0]


def _kinds(form: Form, base: Case) -> tuple[str, ...]:
    if _family(form) not in _MARKS:
        return IDENTICAL, EMPTY, AGAIN
    kinds = [IDENTICAL, EMPTY, ANOTHER, AGAIN]
    if len(_gold(base).split()) > 4:
        kinds.append(SHUFFLED)
    return (*kinds, SWAPPED) if _family(form) == "llava_bench" else tuple(kinds)


def _gold(case: Case) -> str:
    """The reference answer in words: of a choice its option's text."""
    gold = case.sample.gold
    text = "" if isinstance(gold, StoredMasks) else text_of(gold)
    return case.options.get(text, text)


def _made(kind: str, benchmark: str, form: Form, base: Case, other: Case) -> Control:
    case = base
    if kind in (IDENTICAL, SHUFFLED, ANOTHER):
        words = _gold(other if kind == ANOTHER else base).replace("<AND>", " ").replace("<OR>", " or ")
        if kind == SHUFFLED:
            pieces = words.split()
            random.Random(base.sample.id).shuffle(pieces)
            words = " ".join(pieces)
        case = replace(base, answer=words)
    elif kind == EMPTY:
        case = replace(base, answer="")
    elif kind == SWAPPED:
        case = replace(base, sample=replace(base.sample, gold=base.answer), answer=_gold(base))
    else:
        # Asked under another name, since the same question is never asked twice under one.
        form = replace(form, name=f"{form.name} again")
    return Control(kind, benchmark, form, case, base)


def _passed(control: Control, verdicts: Verdicts) -> bool | None:
    """Whether the judge said what it must; None where it gave no verdict."""
    said = verdicts.of(control.form, control.case)
    if said.outcome != VERDICT or said.text is None:
        return None
    if control.kind == AGAIN:
        first = verdicts.of(
            replace(control.form, name=control.form.name.removesuffix(" again")), control.base
        )
        return None if first.text is None else first.text == said.text
    family = _family(control.form)
    if family not in _MARKS:
        if control.kind == EMPTY:
            return said.text.strip() in _NO_ANSWER
        gold = text_of(control.base.sample.gold).strip().lower()
        return said.text.strip().lower() in (gold, _gold(control.base).strip().lower(), "correct")
    if control.kind == SWAPPED:
        return _unmoved(verdicts.of(control.form, control.base).text or "", said.text)
    mark = mark_of(control.form, said.text)
    if mark is None:
        return None
    return {IDENTICAL: mark >= _HIGH, EMPTY: mark <= _LOW, ANOTHER: mark <= _MIDDLE, SHUFFLED: mark <= _HIGH}[
        control.kind
    ]


def _unmoved(one: str, other: str) -> bool:
    """Whether two answers get the same two marks, within one, when they change places."""
    pairs = [LLAVA_BENCH_JUDGE.grade(text, None, {}, Profile.INTERNVL).parsed for text in (one, other)]
    return all(abs(float(pairs[0][at]) - float(pairs[1][1 - at])) <= _SAME_MARK for at in (0, 1))


def mark_of(form: Form, text: str | None) -> float | None:
    """A verdict in one of the forms that give marks, as a share of their scale; None where it is none."""
    if text is None:
        return None
    scorer, low, high = _MARKS[_family(form)]
    grade = scorer.grade(text, None, {}, scorer.profiles[0])
    return None if grade.value is None or grade.status != "scored" else (grade.value - low) / (high - low)
