"""Gold answers as users have them, brought to one form; every refusal names the field."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from string import ascii_uppercase
from typing import Any

from sightbench.sample import Gold, Json
from sightbench.scorers.fields import Fields

_TEXT_KEYS = ("answer", "caption", "text")


def strings(gold: Gold, *, listed: bool = False) -> list[str]:
    """The accepted answers: a string, a number, a list of those, or of objects with an `answer`.

    With `listed`, a string that spells a Python list of strings (`"['a', 'b']"`) is that list: so
    VLMEvalKit's TSV cells hold several answers. Raises ValueError for anything else, or none at all.
    """
    if isinstance(gold, (list, tuple)):
        answers = [_text(item) for item in gold]
    elif listed and isinstance(gold, str):
        answers = _spelled_list(gold) or [gold]
    else:
        answers = [_text(gold)]
    if not answers:
        raise ValueError("gold: the list of answers is empty")
    return answers


def numbers(value: Any, count: int, field: str) -> list[float]:
    """`count` finite numbers from a list; ValueError names `field` otherwise."""
    wrong = ValueError(f"{field}: expected {count} numbers, got {_shown(value)}")
    if not isinstance(value, (list, tuple)) or len(value) != count:
        raise wrong
    if any(isinstance(item, bool) or not isinstance(item, (int, float)) for item in value):
        raise wrong
    floats = [float(item) for item in value]
    if any(number != number or abs(number) == float("inf") for number in floats):
        raise wrong
    return floats


def answers(gold: Json, fields: Fields, profile: str) -> list[str]:
    """`strings`, as VLMEvalKit's tables and everybody else write several answers."""
    return strings(gold, listed=profile == "vlmevalkit")


def letter(gold: Json, options: Mapping[str, str] | None = None) -> str:
    """The gold as its letter; an index (from 0) or, with `options`, an option's exact text also do."""
    if isinstance(gold, bool) or gold is None:
        raise ValueError(f"gold: expected a letter, got {gold!r}")
    if isinstance(gold, int):
        if not 0 <= gold < 26:
            raise ValueError(f"gold: no option has the index {gold}")
        return ascii_uppercase[gold]
    if not isinstance(gold, str) or not gold.strip():
        raise ValueError(f"gold: expected a letter, got {gold!r}")
    text = gold.strip()
    if options and text not in options:
        for named, option in options.items():
            if option == gold or option.strip() == text:
                return named
    return text


def plain_letter(gold: Json, fields: Fields, profile: str) -> str:
    """`letter` of a question whose options' texts are not known."""
    return letter(gold)


def unused(gold: Json, fields: Fields, profile: str) -> None:
    """The gold of a scorer that reads a judge's reply."""


def _text(item: Gold) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, Mapping):
        item = next((item[key] for key in _TEXT_KEYS if key in item), None)
    if isinstance(item, str):
        return item
    if isinstance(item, (int, float)) and not isinstance(item, bool):
        return str(item)
    raise ValueError(f"gold: expected a string or a list of strings, got {_shown(item)}")


def _spelled_list(text: str) -> list[str] | None:
    if not text.strip().startswith("["):
        return None
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return value
    return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
