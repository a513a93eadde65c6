"""CMMMU: single and multiple choice, true or false, fill in the blank, in Chinese."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import UNSET, Meta

from sightbench.sample import Json
from sightbench.scorers.aggregate import accuracy
from sightbench.scorers.choice.mmmu import Parsed, key_phrases, number, unique
from sightbench.scorers.fields import Fields, Options
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer, unparsed

CHOICE, TRUE_FALSE, BLANK = "选择", "判断", "填空"

_POSITIVE = ("正确", "对", "准确", "肯定")
_NEGATIVE = ("不对", "错误", "不正确", "不准确", "不合适", "否定", "错")
_AMBIGUOUS = ("对错", "否正确", "或者", "是否", "正确性", "对不")
_BLANK_KEYS = (
    *("是", "为", "所以", "等于", "方案", "选择"),
    *("正确答案", "因此", "最后", "答案", "结果"),
)
_JUDGEMENT_KEYS = ("是", "为", "所以", "判断", "陈述", "说法", "表达", "答案", "结果")
_NUMBERS = (
    re.compile(r"-?\d{1,3}(?:，\d{3})+"),
    re.compile(r"-?(?<!\d)\d++(?:\.\d++)?[eE][+-]?\d+"),
    re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+)(?![eE][+-]?\d+)(?!，\d)"),
)


def parse_choice(response: str, options: dict[str, str]) -> str | None:
    """The letters A-D named most often, joined in order; None if there are none.

    eval/utils/eval_utils.py: counted as "(A)"; if there is none, as A anywhere (DNA counts for A); if
    there is none, by how often an option's text occurs.
    """
    for mark in ",.!?;:'":
        response = response.strip(mark)
    text = f" {response} "
    counts: dict[str, int] = {}
    for form in ("({})", "{}"):
        counts = {letter: text.count(form.format(letter)) for letter in "ABCD"}
        if any(counts.values()):
            break
    else:
        if text.split():
            counts = {letter: text.count(option) for letter, option in options.items()}
    most = max(counts.values(), default=0)
    return "".join(letter for letter in "ABCD" if counts.get(letter) == most) if most else None


def parse_judgement(response: str) -> str | None:
    """对 or 错, whichever more of the key phrases say; None if neither leads (the reference draws).

    A phrase that could be a question is left out; 正确 is looked for first, so 不正确 counts as 对.
    """
    phrases = [
        phrase
        for phrase in unique(_phrases(response, _JUDGEMENT_KEYS))
        if not any(word in str(phrase) for word in _AMBIGUOUS)
    ]
    positive = sum(any(word in str(phrase) for word in _POSITIVE) for phrase in phrases)
    negative = sum(
        any(word in str(phrase) for word in _NEGATIVE) and not any(word in str(phrase) for word in _POSITIVE)
        for phrase in phrases
    )
    return None if positive == negative else "对" if positive > negative else "错"


def parse_blank(response: str, gold: str) -> list[Parsed]:
    """Key phrases and the numbers in them: numbers rounded, texts too long for the gold dropped."""
    phrases = _phrases(response, _BLANK_KEYS, ("=",))
    numbers = [digits for phrase in phrases for pattern in _NUMBERS for digits in pattern.findall(phrase)]
    return unique(meaning for phrase in (*phrases, *numbers) for meaning in _normalise(phrase, gold))


def _phrases(response: str, keys: Sequence[str], last_keys: Sequence[str] = ()) -> list[str]:
    text = response.strip("。").strip()
    return key_phrases(re.split(r"。|\n", text), keys, last_keys) or [text]


def _normalise(text: str, gold: str) -> list[Parsed]:
    text = text.strip()
    numeric = number(text)
    if numeric is not None:
        return [numeric]
    if len(text) > len(gold) + 20 or _letters(text) > _letters(gold) + 2:
        return []
    return [text]


def _letters(text: str) -> int:
    return sum("a" <= char <= "z" or "A" <= char <= "Z" for char in text)


def blank_matches(parsed: Sequence[Parsed], gold: str) -> int:
    """How many of the parsed values match the gold: texts by containment, numbers by equality."""
    wanted = _normalise(gold, gold)
    return sum(
        any(isinstance(want, str) and want in meaning for want in wanted)
        if isinstance(meaning, str)
        else meaning in wanted
        for meaning in parsed
    )


class CmmmuFields(Fields, frozen=True, kw_only=True):
    type: Annotated[
        str | None, Meta(description="选择 (choice, one or more letters), 判断 (对 or 错) or 填空 (blank)")
    ] = None
    question_type: str | None = None
    choices: Annotated[Options, Meta(description="the four options, or option1 ... option4")] = Options()
    option1: Any = UNSET
    option2: Any = ""
    option3: Any = ""
    option4: Any = ""

    @property
    def kind(self) -> str | None:
        return self.question_type if self.type is None else self.type

    @property
    def options(self) -> dict[str, str]:
        if self.option1 is UNSET:
            return self.choices
        texts = (self.option1, self.option2, self.option3, self.option4)
        return {letter: str(text) for letter, text in zip("ABCD", texts, strict=True)}


def _check(fields: CmmmuFields, profile: Profile) -> None:
    if fields.kind not in (CHOICE, TRUE_FALSE, BLANK):
        raise ValueError(f"type: expected 选择, 判断 or 填空, got {fields.kind!r}")
    if fields.kind == CHOICE and not fields.options:
        raise ValueError("choices: missing (a mapping of letters to texts, or a list of texts)")


def _gold(gold: Json, fields: CmmmuFields, profile: Profile) -> str:
    if not str(gold):
        raise ValueError("gold: missing")
    return str(gold)


def _extract(prediction: str, fields: CmmmuFields, context: Context) -> Extraction:
    """One answer by its question's `type` (选择, 判断, 填空); a blank's length is the gold's."""
    if fields.kind == CHOICE:
        if not prediction and context.profile is Profile.OFFICIAL:
            return Extraction(prediction, None, "empty", unparsed=True)
        named = parse_choice(prediction, fields.options)
        rule = "nothing found" if named is None else "letters named most often"
        return Extraction(prediction, named, rule, unparsed=named is None)
    if fields.kind == TRUE_FALSE:
        said = parse_judgement(prediction)
        rule = "no side leads" if said is None else "keywords"
        return Extraction(prediction, said, rule, unparsed=said is None)
    return Extraction(prediction, rule="blank")


def _judge(extraction: Extraction, gold: str, fields: CmmmuFields, context: Context) -> Grade:
    """`vlmevalkit` gives a blank one point for every value that matches, so more than one: its own bug."""
    if fields.kind == BLANK:
        parsed = parse_blank(extraction.answer, gold)
        matches = blank_matches(parsed, gold)
        each = context.profile is Profile.VLMEVALKIT
        return Grade(float(matches if each else matches > 0), parsed, "scored", "blank")
    if extraction.unparsed:
        drawn: Sequence[str] = "ABCD" if fields.kind == CHOICE else ("对", "错")
        return unparsed(extraction, () if extraction.rule == "empty" else drawn, gold, fields, context)
    return Grade(float(extraction.parsed == gold), extraction.parsed, "scored", extraction.rule)


def cmmmu_score(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy over all questions, by the six domains and by type."""
    return accuracy("accuracy", rows, ("category", "type"))


CMMMU = Scorer(
    name="cmmmu",
    help="CMMMU: letters named most often, keywords of right and wrong, containment.",
    profiles=(Profile.OFFICIAL, Profile.VLMEVALKIT),
    fields=CmmmuFields,
    check=_check,
    gold=_gold,
    gold_help="the letter or letters, 对 or 错, or the text of the blank",
    extract=_extract,
    judge=_judge,
    aggregate=cmmmu_score,
    options=("unparsed", "seed"),
    axes=("category", "type"),
)
SCORERS = (CMMMU,)
