"""MMMU: multiple choice by the letter mentioned last, open answers by key phrases and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from msgspec import Meta

from sightbench.sample import Json
from sightbench.scorers.aggregate import accuracy
from sightbench.scorers.choice import letters
from sightbench.scorers.choice.extractors import (
    EXTRACTORS,
    Extract,
    MaybeChoiceFields,
    by_letter,
    judge_choice,
    judge_letter,
)
from sightbench.scorers.fields import Options
from sightbench.scorers.gold import letter
from sightbench.scorers.groups import value
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer, unparsed

DOMAINS: Mapping[str, tuple[str, ...]] = {
    "Art and Design": ("Art", "Art_Theory", "Design", "Music"),
    "Business": ("Accounting", "Economics", "Finance", "Manage", "Marketing"),
    "Science": ("Biology", "Chemistry", "Geography", "Math", "Physics"),
    "Health and Medicine": (
        "Basic_Medical_Science",
        "Clinical_Medicine",
        "Diagnostics_and_Laboratory_Medicine",
        "Pharmacy",
        "Public_Health",
    ),
    "Humanities and Social Science": ("History", "Literature", "Sociology", "Psychology"),
    "Tech and Engineering": (
        "Agriculture",
        "Architecture_and_Engineering",
        "Computer_Science",
        "Electronics",
        "Energy_and_Power",
        "Materials",
        "Mechanical_Engineering",
    ),
}

Parsed = str | float
"""What an open answer may mean: a text in lower case, or a number rounded to two decimals."""


def parse_choice(response: str, options: Mapping[str, str]) -> letters.Match:
    """The letter mentioned last: as "(B)", else between spaces, else (over five words) as its text.

    MMMU's parse_multi_choice_response (mmmu/utils/eval_utils.py), which draws at random where this
    gives None.
    """
    for mark in ",.!?;:'":
        response = response.strip(mark)
    text = f" {response} "
    for form in ("({})", " {} "):
        places = {letter: text.rfind(form.format(letter)) for letter in options}
        named = [letter for letter, place in places.items() if place >= 0]
        if named:
            return max(
                named, key=places.__getitem__
            ), "letter in brackets" if form == "({})" else "letter alone"
    if len(text.split()) > 5:
        lowered = text.lower()
        places = {letter: lowered.rfind(option.lower()) for letter, option in options.items()}
        named = [letter for letter, place in places.items() if place >= 0]
        if named:
            return max(named, key=places.__getitem__), "option text"
    return None, "nothing found"


_KEYS = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_TRIVIAL = frozenset(":,.!?;'")
_NUMBERS = (
    re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b"),
    re.compile(r"-?(?<!\d)\d++(?:\.\d++)?[eE][+-]?\d+"),
    re.compile(r"-?(?:(?<!\d)\d++\.\d++|\.\d++|(?<!\d)\d++\b)(?![eE][+-]?\d+)(?![,\d])"),
)


def key_phrases(parts: Sequence[str], keys: Sequence[str], last_keys: Sequence[str]) -> list[str]:
    """Of each part, its shortest tail after any of the keys; `last_keys` count in the last part only.

    An empty tail is replaced by the next key's, however long. Tails of one punctuation mark are dropped.
    """
    phrases = []
    for index, part in enumerate(parts):
        shortest = ""
        for key in (*keys, *last_keys) if index == len(parts) - 1 else keys:
            if key in part:
                tail = part.split(key)[-1].strip()
                if not shortest or len(tail) < len(shortest):
                    shortest = tail
        if shortest and shortest not in _TRIVIAL:
            phrases.append(shortest)
    return phrases


def number(text: str) -> float | None:
    """The number a text is, commas ignored, rounded to two decimals; None if it is none."""
    try:
        return round(float(text.replace(",", "")), 2)
    except ValueError:
        return None


def normalise(text: str) -> list[Parsed]:
    """A number, or the text in lower case; one character with a space on either side of it."""
    text = text.strip()
    numeric = number(text)
    if numeric is not None:
        return [numeric]
    text = text.lower()
    return [" " + text, text + " "] if len(text) == 1 else [text]


def parse_open(response: str) -> list[Parsed]:
    """All an open answer may mean: its key phrases, and every number in them, normalised and distinct.

    MMMU's parse_open_response. It lower-cases before it splits, so only line breaks separate parts.
    """
    text = response.strip().strip(".").lower()
    phrases = key_phrases(text.split("\n"), _KEYS, ("=",)) or [text]
    numbers = [digits for phrase in phrases for pattern in _NUMBERS for digits in pattern.findall(phrase)]
    return unique(meaning for phrase in (*phrases, *numbers) for meaning in normalise(phrase))


def unique(values: Iterable[Parsed]) -> list[Parsed]:
    """Distinct values, in order of appearance."""
    return list(dict.fromkeys(values))


def open_right(parsed: Sequence[Parsed], gold: Sequence[str]) -> bool:
    """Right if a gold text is contained in any parsed text, or a gold number equals a parsed one."""
    wanted = [want for text in gold for want in normalise(text)]
    return any(
        any(isinstance(want, str) and want in meaning for want in wanted)
        if isinstance(meaning, str)
        else meaning in wanted
        for meaning in parsed
    )


class MmmuFields(MaybeChoiceFields, frozen=True, kw_only=True):
    question_type: Annotated[
        str | None,
        Meta(description="multiple-choice, else open (absent: by whether there are choices)"),
    ] = None

    @property
    def multiple(self) -> bool:
        if self.question_type is None:
            return bool(self.choices)
        return self.question_type.replace("_", "-") in ("multiple-choice", "multi-choice")


def _check(fields: MmmuFields, profile: Profile) -> None:
    if fields.multiple and not fields.choices:
        raise ValueError("choices: missing (a mapping of letters to texts, or a list of texts)")


def _golds(gold: Json, fields: MmmuFields, profile: Profile) -> tuple[str, ...]:
    """Every right letter, or every right text of an open question."""
    several = list(gold) if isinstance(gold, (list, tuple)) else [gold]
    if not several:
        raise ValueError("gold: an empty list")
    if not fields.multiple:
        return (str(gold),) if profile is Profile.VLMEVALKIT else tuple(map(str, several))
    if isinstance(gold, (list, tuple)) and profile is Profile.OFFICIAL:
        return tuple(map(str, several))
    return (letter(gold if len(several) > 1 else several[0], fields.choices),)


def _extract(prediction: str, fields: MmmuFields, context: Context) -> Extraction:
    """`official`, `internvl` (first character) or `vlmevalkit` (can_infer, open as a choice)."""
    if not fields.multiple:
        if context.profile is Profile.VLMEVALKIT:
            return Extraction(prediction)  # its options are the gold and "Other Answers"
        return Extraction(prediction, parse_open(prediction), "open")
    return _EXTRACTORS[context.profile](prediction, fields.choices)


_EXTRACTORS: dict[Profile, Extract] = {
    Profile.OFFICIAL: by_letter(parse_choice),
    Profile.INTERNVL: EXTRACTORS[Profile.INTERNVL],
    Profile.VLMEVALKIT: EXTRACTORS[Profile.VLMEVALKIT],
}


def _judge(extraction: Extraction, golds: tuple[str, ...], fields: MmmuFields, context: Context) -> Grade:
    if not fields.multiple:
        if context.profile is Profile.VLMEVALKIT:
            return _gold_or_other(extraction.answer, golds[0], fields, context)
        right = open_right(extraction.parsed, golds)
        return Grade(float(right), extraction.parsed, "scored", extraction.rule)
    if context.profile is not Profile.OFFICIAL:
        return judge_choice(extraction, golds[0], fields, context)
    if extraction.unparsed:
        return unparsed(extraction, list(fields.choices), golds, fields, context)
    return Grade(float(extraction.parsed in golds), extraction.parsed, "scored", extraction.rule)


def _gold_or_other(answer: str, gold: str, fields: MmmuFields, context: Context) -> Grade:
    """VLMEvalKit makes a choice of an open question: A is the gold, B reads "Other Answers".

    Its answer map keeps a gold that is one capital letter, so such an open question wants that letter.
    """
    options = Options({"A": gold, "B": "Other Answers"})
    want = gold if re.fullmatch("[A-Z]", gold) else "A"
    extraction = EXTRACTORS[Profile.VLMEVALKIT](answer, options)
    return judge_letter(extraction, want, [*options, "Z"], fields, context)


def subject(row: Row) -> str:
    """The subject of a row: its category, else the middle of an id such as validation_Art_Theory_1."""
    named = row.sample.category or row.sample.meta.get("subject") or row.sample.meta.get("subfield")
    in_id = re.search(r"(?:^|/)(?:dev|validation|test)_(.+)_\d+$", row.sample.id)
    return str(named or (in_id.group(1) if in_id else "")).replace(" ", "_")


def mmmu_score(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy over all questions, then over each of six domains and, below it, each of its subjects.

    With several splits in the file (VLMEvalKit's MMMU_DEV_VAL), the headline is the validation split's.
    """
    splits = {str(value(row, "split")) for row in rows if value(row, "split")}
    if len(splits) > 1:
        chosen = "validation" if "validation" in splits else sorted(splits)[0]
        headline = _by_domain([row for row in rows if value(row, "split") == chosen])
        others = [
            accuracy(f"split {split}", [row for row in rows if value(row, "split") == split])
            for split in sorted(splits - {chosen})
        ]
        return replace(headline, name=f"accuracy, {chosen}", parts=(*headline.parts, *others))
    return _by_domain(rows)


def _by_domain(rows: Sequence[Row]) -> Metric:
    members: dict[str, list[Row]] = {}
    for row in rows:
        members.setdefault(subject(row), []).append(row)
    domains = []
    for domain, subjects in DOMAINS.items():
        present = [name for name in subjects if name in members]
        if present:
            inside = [row for name in present for row in members[name]]
            finer = tuple(accuracy(name, members[name]) for name in present)
            domains.append(replace(accuracy(domain, inside), parts=finer))
    return replace(accuracy("accuracy", rows), parts=tuple(domains))


MMMU = Scorer(
    name="mmmu",
    help="MMMU: the letter mentioned last; open answers by containment and rounded numbers.",
    profiles=tuple(_EXTRACTORS),
    fields=MmmuFields,
    check=_check,
    gold=_golds,
    gold_help="the right letter, or the right answer to an open question; a list of either",
    extract=_extract,
    judge=_judge,
    aggregate=mmmu_score,
    options=("unparsed", "seed"),
    axes=("category", "split"),
)
SCORERS = (MMMU,)
