"""Whether a sample can be asked, stored and judged at all: the last check of everything a reader yields."""

from __future__ import annotations

from typing import Any

import orjson

from sightbench.sample import Sample, StoredMasks, Text


def flaw(sample: Sample) -> str | None:
    """What keeps a sample from being asked, in words that follow its name; None if nothing does."""
    names = (sample.id, sample.task, sample.category, sample.group or "", sample.follows or "")
    for what, value in zip(("id", "task", "category", "group", "id before it"), names, strict=True):
        if not isinstance(value, str):
            return f"has a {what} that is no text"
        if "\0" in value or not unicode(value):
            return f"has a {what} with NUL or text that is not Unicode"
    if not sample.id:
        return "has no id"
    texts = [part.text for turn in sample.turns for part in turn.parts if isinstance(part, Text)]
    if not all(isinstance(text, str) for text in texts):
        return "has a question that is no text"
    question = sample.meta.get("question")
    if not "".join(texts).strip() or (isinstance(question, str) and not question.strip()):
        return "has an empty question"
    if not all(map(unicode, texts)):
        return "has a question that is not Unicode text (a lone surrogate)"
    if isinstance(sample.gold, str) and not sample.gold.strip():
        return "has a blank answer"
    gold = None if isinstance(sample.gold, StoredMasks) else sample.gold
    return _unstorable(gold, "an answer") or _unstorable(dict(sample.meta), "a column")


def unicode(text: str) -> bool:
    """Whether `text` can be written as UTF-8: no lone surrogate, as names from disk may have."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unstorable(value: Any, what: str) -> str | None:
    try:
        orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        return f"has {what} that cannot be stored ({error})"
    return None
