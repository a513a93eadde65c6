"""CMMMU: single and multiple choice, true or false, fill in the blank, in Chinese."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sightbench.scorers.aggregate import accuracy
from sightbench.scorers.answer import ungraded_without_gold, unparsed
from sightbench.scorers.choice.mmmu import Parsed, key_phrases, number, unique
from sightbench.scorers.choice.options import options_of
from sightbench.scorers.score import Fields, Grade, Metric, Row, Scorer

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
    numbers = [found for phrase in phrases for pattern in _NUMBERS for found in pattern.findall(phrase)]
    return unique(found for phrase in (*phrases, *numbers) for found in _normalise(phrase, gold))


def _phrases(response: str, keys: Sequence[str], last_keys: Sequence[str] = ()) -> list[str]:
    text = response.strip("。").strip()
    return key_phrases(re.split(r"。|\n", text), keys, last_keys) or [text]


def _normalise(text: str, gold: str) -> list[Parsed]:
    text = text.strip()
    found = number(text)
    if found is not None:
        return [found]
    if len(text) > len(gold) + 20 or _letters(text) > _letters(gold) + 2:
        return []
    return [text]


def _letters(text: str) -> int:
    return sum("a" <= char <= "z" or "A" <= char <= "Z" for char in text)


def blank_matches(parsed: Sequence[Parsed], gold: str) -> int:
    """How many of the parsed values match the gold: texts by containment, numbers by equality."""
    wanted = _normalise(gold, gold)
    return sum(
        any(isinstance(want, str) and want in found for want in wanted)
        if isinstance(found, str)
        else found in wanted
        for found in parsed
    )


def cmmmu(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """One question by its `type` (选择, 判断, 填空).

    `vlmevalkit` gives a blank one point for every value that matches, so more than one: its own bug.
    """
    kind = fields.get("type", fields.get("question_type"))
    if kind not in (CHOICE, TRUE_FALSE, BLANK):
        raise ValueError(f"type: expected 选择, 判断 or 填空, got {kind!r}")
    if gold is None or not str(gold):
        raise ValueError("gold: missing")
    want = str(gold)
    if kind == CHOICE:
        options = _options(fields)
        if not prediction and profile == "official":
            return Grade(0.0, None, "unparsed", "empty")
        named = parse_choice(prediction, options)
        if named is None:
            return unparsed(fields, "ABCD", want, rule="nothing found")
        return Grade(float(named == want), named, "scored", "letters named most often")
    if kind == TRUE_FALSE:
        said = parse_judgement(prediction)
        if said is None:
            return unparsed(fields, ("对", "错"), want, rule="no side leads")
        return Grade(float(said == want), said, "scored", "keywords")
    parsed = parse_blank(prediction, want)
    matches = blank_matches(parsed, want)
    return Grade(float(matches if profile == "vlmevalkit" else matches > 0), parsed, "scored", "blank")


def _options(fields: Fields) -> dict[str, str]:
    if "option1" in fields:
        return {letter: str(fields.get(f"option{index}", "")) for index, letter in enumerate("ABCD", 1)}
    return options_of(fields)


def cmmmu_score(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy over all questions, by the six domains and by type."""
    return accuracy("accuracy", rows, ("category", "type"))


CMMMU = Scorer(
    "cmmmu",
    ungraded_without_gold(cmmmu, "A"),
    cmmmu_score,
    ("official", "vlmevalkit"),
    {
        "type": "选择 (choice, one or more letters), 判断 (对 or 错) or 填空 (blank)",
        "choices": "the four options, or option1 ... option4",
        "unparsed": '"random" draws an answer, as the reference does, instead of counting 0',
        "seed": "of that draw",
        "id": "the sample's id, for that draw",
    },
    "CMMMU: letters named most often, keywords of right and wrong, containment.",
)
SCORERS = (CMMMU,)
