"""The lettered options of a multiple-choice question, found in its text and moved around."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from string import ascii_uppercase

from sightbench.sample import Part, Sample, Text


def choices_of(sample: Sample) -> dict[str, str]:
    """Letter -> text of the options, in order; {} for a sample that has none."""
    given = sample.meta.get("choices")
    if isinstance(given, list | tuple):
        return dict(zip(ascii_uppercase, map(str, given), strict=False))
    return dict(sample.choices)


def rotations(sample: Sample) -> Iterator[Sample]:
    """The sample once for each rotation of its options, the first as it is; nothing if it cannot be rotated.

    Rotation k shows under each letter the text k places on, so each text stands under each letter once.
    The gold letter moves along; a gold that is no letter is a text and stays. All have the sample's id with
    `/r0`, `/r1`, ... behind it and its id as their group. A sample cannot be rotated if its text does not
    show each option once after its letter, if an option names another ("both A and B", "none of the
    above"), or if it is part of a conversation.
    """
    choices = choices_of(sample)
    letters, texts = list(choices), list(choices.values())
    fixed = any(_NAMES_OTHERS.search(text) for text in texts)
    if len(choices) < 2 or len(set(texts)) < len(texts) or fixed or sample.follows is not None:
        return
    if not _shown(sample, choices):
        return
    for turn in range(len(letters)):
        moved = dict(zip(letters, texts[turn:] + texts[:turn], strict=True))
        gold = sample.gold
        if isinstance(gold, str) and gold in choices:
            gold = next(letter for letter, text in moved.items() if text == choices[gold])
        given = sample.meta["choices"]
        rotated = moved if isinstance(given, dict) else list(moved.values())
        yield replace(
            _rewritten(sample, choices, moved),
            id=f"{sample.id}/r{turn}",
            group=sample.id,
            cluster=sample.affinity,
            gold=gold,
            meta={**sample.meta, "choices": rotated},
        )


_NAMES_OTHERS = re.compile(
    r"\b(?:[Aa]ll|[Nn]one|[Bb]oth|[Nn]either|[Ee]ither) of\b|\b(?:above|below)\b|以上"
    r"|\b[A-H] (?:and|or) [A-H]\b"
)


def _spans(text: str, choices: dict[str, str]) -> list[tuple[int, int]]:
    """Where the texts of all options stand, each after its letter; [] unless every one is found, in order."""
    spans: list[tuple[int, int]] = []
    start = 0
    for letter, option in choices.items():
        mark = re.compile(rf"(?<![A-Za-z0-9]){re.escape(letter)}[.):：、]\s*(?={re.escape(option)}(?!\w))")
        found = mark.search(text, start)
        if found is None:
            return []
        spans.append((found.end(), found.end() + len(option)))
        start = spans[-1][1]
    return spans


def _shown(sample: Sample, choices: dict[str, str]) -> bool:
    """Whether exactly one text of the last turn shows the options."""
    if not sample.turns:
        return False
    texts = [part.text for part in sample.turns[-1].parts if isinstance(part, Text)]
    return sum(bool(_spans(text, choices)) for text in texts) == 1


def _rewritten(sample: Sample, before: dict[str, str], after: dict[str, str]) -> Sample:
    *earlier, last = sample.turns
    parts = tuple(
        Text(_replaced(part.text, _spans(part.text, before), list(after.values())))
        if isinstance(part, Text)
        else part
        for part in last.parts
    )
    return replace(sample, turns=(*earlier, replace(last, parts=parts)))


def _replaced(text: str, spans: list[tuple[int, int]], texts: list[str]) -> str:
    for (start, end), option in reversed(list(zip(spans, texts, strict=False))):
        text = text[:start] + option + text[end:]
    return text


def options_only(sample: Sample) -> Sample | None:
    """The sample without what it asks: its options and what follows them; None where it shows none."""
    choices = choices_of(sample)
    if not choices or not _shown(sample, choices):
        return None
    *earlier, last = sample.turns
    parts: list[Part] = []
    for part in last.parts:
        if not isinstance(part, Text):
            parts.append(part)
        elif spans := _spans(part.text, choices):
            start = part.text.rfind("\n", 0, spans[0][0]) + 1
            parts.append(Text(part.text[start:]))
    return replace(sample, turns=(*earlier, replace(last, parts=tuple(parts))))
