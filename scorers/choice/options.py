"""The options of a question, in whichever form a file has them."""

from __future__ import annotations

import ast
import string
from collections.abc import Mapping
from typing import Any

from sightbench.scorers.score import Fields


def options_of(fields: Fields, *, required: bool = True) -> dict[str, str]:
    """Letter -> text, in order, from `choices` (or `options`, `index2ans`, or columns A, B, C...).

    A mapping, a list, or the text of a Python list is understood; absent options (None, NaN) are left
    out. ValueError if there are none and they are `required`.
    """
    found: Any = next((fields[key] for key in ("choices", "options", "index2ans") if fields.get(key)), None)
    if found is None:
        found = {letter: fields[letter] for letter in string.ascii_uppercase if letter in fields}
    if isinstance(found, str):
        try:
            found = ast.literal_eval(found)
        except (ValueError, SyntaxError):
            raise ValueError(f"choices: not a list: {found!r:.80}") from None
    if not isinstance(found, (Mapping, list, tuple)):
        raise ValueError(f"choices: expected a mapping or a list, got {type(found).__name__}")
    pairs = found.items() if isinstance(found, Mapping) else zip(string.ascii_uppercase, found, strict=False)
    options = {str(letter): str(text) for letter, text in pairs if text is not None and text == text}
    if required and not options:
        raise ValueError("choices: missing (a mapping of letters to texts, or a list of texts)")
    return options


def gold_letter(gold: Any, options: Mapping[str, str] | None = None) -> str:
    """The gold as its letter; an index (from 0) or, with `options`, an option's exact text also do."""
    if isinstance(gold, bool) or gold is None:
        raise ValueError(f"gold: expected a letter, got {gold!r}")
    if isinstance(gold, int):
        if not 0 <= gold < 26:
            raise ValueError(f"gold: no option has the index {gold}")
        return string.ascii_uppercase[gold]
    if not isinstance(gold, str) or not gold.strip():
        raise ValueError(f"gold: expected a letter, got {gold!r}")
    text = gold.strip()
    if options and text not in options:
        for letter, option in options.items():
            if option == gold or option.strip() == text:
                return letter
    return text
