"""How an expression becomes the question that a family of models was trained to segment from.

The words are data, in models.yaml under `wordings`: by profile, and by kind of benchmark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sightbench.errors import UsageError

ARTICLES = ("the ", "an ", "a ")


@dataclass(frozen=True, slots=True)
class Wording:
    """`plain` asks for what an expression names; `question` answers one that is a question by itself.

    In them {e} stands for the expression as it is, {q} for it without white space at its ends, {asked} for
    that with a question mark, {lower} for it in lower case, {collapsed} for that with single spaces, {x} for
    UniPixel's noun phrase, {medium} for "video" or "image". `asks` says what makes a question: a "?"
    anywhere, at the end, or the benchmark's mark. `ours`: no reference asks this way.
    """

    plain: str
    question: str | None = None
    asks: Literal["anywhere", "end", "marked"] = "anywhere"
    ours: bool = False

    def text(self, expression: str, *, sentence: bool | None = None, medium: str = "video") -> str:
        """The words of the request. `sentence` is the benchmark's own mark. ValueError if nothing is left."""
        template = self.question if self.question and self._is_question(expression, sentence) else self.plain
        stripped = expression.strip()
        return template.format(
            medium=medium,
            e=expression,
            q=stripped,
            asked=stripped if stripped.endswith("?") else stripped + "?",
            lower=expression.lower(),
            collapsed=" ".join(expression.lower().split()),
            x=_noun_phrase(stripped) if "{x}" in template else "",
        )

    def _is_question(self, expression: str, sentence: bool | None) -> bool:
        if self.asks == "marked":
            return bool(sentence)
        return "?" in expression if self.asks == "anywhere" else expression.strip().endswith("?")


def _noun_phrase(query: str) -> str:
    """UniPixel's: without full stops at the ends, first letter small, each article taken off once."""
    phrase = query.strip(".")
    phrase = phrase[:1].lower() + phrase[1:]
    for article in ARTICLES:
        phrase = phrase.removeprefix(article)
    if not phrase:
        raise ValueError("nothing is left of the expression without its article")
    return phrase


Wordings = Mapping[str, Mapping[str, Wording]]
"""Profile -> kind of benchmark -> wording."""


def read(content: Mapping[str, Any]) -> dict[str, dict[str, Wording]]:
    """The `wordings` of models.yaml: a text, or the fields of a Wording."""
    return {
        profile: {
            kind: Wording(entry) if isinstance(entry, str) else Wording(**entry)
            for kind, entry in kinds.items()
        }
        for profile, kinds in content.items()
    }


def wording(table: Wordings, profile: str, kind: str) -> Wording:
    """How `profile` asks a benchmark of `kind`. UsageError where it has no words of its own for that."""
    if profile not in table:
        raise UsageError(f"no words for masks are called {profile!r}; known: {', '.join(table)}")
    if kind not in table[profile]:
        have = ", ".join(name for name, kinds in table.items() if kind in kinds) or "none"
        raise UsageError(f"{profile} has no words of its own for sets of kind {kind}; these have: {have}")
    return table[profile][kind]
