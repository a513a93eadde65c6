"""MMMU (S12): multiple choice by the letter mentioned last, open answers by key phrases and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sightbench.scorers.aggregate import accuracy
from sightbench.scorers.answer import ungraded_without_gold, unparsed
from sightbench.scorers.choice import letters
from sightbench.scorers.choice.multiple_choice import choice, inferred, judge
from sightbench.scorers.choice.options import gold_letter, options_of
from sightbench.scorers.groups import value
from sightbench.scorers.score import Fields, Grade, Metric, Row, Scorer

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


def parse_choice(response: str, options: Mapping[str, str]) -> letters.Found:
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
    found = number(text)
    if found is not None:
        return [found]
    text = text.lower()
    return [" " + text, text + " "] if len(text) == 1 else [text]


def parse_open(response: str) -> list[Parsed]:
    """All an open answer may mean: its key phrases, and every number in them, normalised and distinct.

    MMMU's parse_open_response. It lower-cases before it splits, so only line breaks separate parts.
    """
    text = response.strip().strip(".").lower()
    phrases = key_phrases(text.split("\n"), _KEYS, ("=",)) or [text]
    numbers = [found for phrase in phrases for pattern in _NUMBERS for found in pattern.findall(phrase)]
    return unique(found for phrase in (*phrases, *numbers) for found in normalise(phrase))


def unique(found: Iterable[Parsed]) -> list[Parsed]:
    """Distinct values, in order of appearance."""
    return list(dict.fromkeys(found))


def open_right(parsed: Sequence[Parsed], gold: Sequence[str]) -> bool:
    """Right if a gold text is contained in any parsed text, or a gold number equals a parsed one."""
    wanted = [want for text in gold for want in normalise(text)]
    return any(
        any(isinstance(want, str) and want in found for want in wanted)
        if isinstance(found, str)
        else found in wanted
        for found in parsed
    )


def mmmu(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """S12 by `official`, `internvl` (first character, S11) or `vlmevalkit` (can_infer, open as a choice)."""
    multiple = _is_multiple_choice(fields)
    if profile == "vlmevalkit":
        return _vlmevalkit(prediction, gold, fields, multiple)
    if not multiple:
        texts = [str(text) for text in gold] if isinstance(gold, (list, tuple)) else [str(gold)]
        if not texts:
            raise ValueError("gold: an empty list")
        parsed = parse_open(prediction)
        return Grade(float(open_right(parsed, texts)), parsed, "scored", "open")
    if profile == "internvl":
        return choice(prediction, _one(gold), fields, "internvl")
    options = options_of(fields)
    found = parse_choice(prediction, options)
    if isinstance(gold, (list, tuple)):
        if found[0] is None:
            return unparsed(fields, list(options), list(gold), rule=found[1])
        return Grade(float(found[0] in gold), found[0], "scored", found[1])
    return judge(found, gold_letter(gold, options), list(options), fields)


def _vlmevalkit(prediction: str, gold: Any, fields: Fields, multiple: bool) -> Grade:
    """VLMEvalKit makes a choice of an open question: A is the gold, B reads "Other Answers".

    Its answer map keeps a gold that is one capital letter, so such an open question wants that letter.
    """
    if multiple:
        return choice(prediction, _one(gold), fields, "vlmevalkit")
    options = {"A": str(gold), "B": "Other Answers"}
    want = str(gold) if re.fullmatch("[A-Z]", str(gold)) else "A"
    return inferred(prediction, want, options, fields)


def _one(gold: Any) -> Any:
    return gold[0] if isinstance(gold, (list, tuple)) and len(gold) == 1 else gold


def _is_multiple_choice(fields: Fields) -> bool:
    kind = fields.get("question_type")
    if kind is None:
        return bool(options_of(fields, required=False))
    return str(kind).replace("_", "-") in ("multiple-choice", "multi-choice")


def subject(row: Row) -> str:
    """The subject of a row: its category, else the middle of an id such as validation_Art_Theory_1."""
    named = row.sample.category or row.sample.meta.get("subject") or row.sample.meta.get("subfield")
    found = re.search(r"(?:^|/)(?:dev|validation|test)_(.+)_\d+$", row.sample.id)
    return str(named or (found.group(1) if found else "")).replace(" ", "_")


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
    "mmmu",
    ungraded_without_gold(mmmu, "A"),
    mmmu_score,
    ("official", "internvl", "vlmevalkit"),
    {
        "question_type": "multiple-choice, else open (absent: by whether there are choices)",
        "choices": "mapping letter -> text, list of texts, or the text of a Python list",
        "unparsed": '"random" draws a letter, as the reference does, instead of counting 0',
        "seed": "of that draw",
        "id": "the sample's id, for that draw",
    },
    "MMMU: the letter mentioned last; open answers by containment and rounded numbers.",
)
SCORERS = (MMMU,)
