"""Gold answers as users have them, brought to one form; every refusal names the field."""

from __future__ import annotations

import ast
from typing import Any

from sightbench.scorers.score import Fields

_TEXT_KEYS = ("answer", "caption", "text")


def strings(gold: Any, *, listed: bool = False) -> list[str]:
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


def needed(fields: Fields, name: str) -> Any:
    """The field `name`; ValueError says it is missing."""
    if fields.get(name) is None:
        raise ValueError(f"{name}: this metric needs the field {name!r}")
    return fields[name]


def _text(item: Any) -> str:
    if isinstance(item, dict):
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
