"""Who judged: what run.json keeps of a judge, and what a judgement is kept under."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from sightbench.sample import Json, Text, Turn
from sightbench.scorers.judged.form import Form, Try
from sightbench.scorers.judged.row import OURS


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRecord:
    """A judge, as far as it says who it is.

    `root` is what its weights were loaded from (a path, a hub's id and revision), `engine` and `version` the
    server, `changes` the parameters it does not take; `structured` tells that replies are held to a JSON
    schema. `endpoint`, `shutdown_date` and `price_file` are not part of its identity.
    """

    model: str
    profile: str = OURS
    provider: str = "generic"
    engine: str | None = None
    version: str | None = None
    root: str | None = None
    structured: bool = True
    changes: Mapping[str, str | None] = field(default_factory=dict)
    endpoint: str = ""
    shutdown_date: str | None = None
    price_file: str | None = None

    @property
    def identity(self) -> dict[str, Json]:
        """What a verdict depends on beside its prompt; what is not told is left out."""
        known: dict[str, Json] = {
            "model": self.model,
            "root": self.root if self.root != self.model else None,
            "server": " ".join(part for part in (self.engine, self.version) if part) or None,
            "changes": dict(self.changes) or None,
        }
        return {name: value for name, value in known.items() if value is not None}

    def parameters(self, form: Form, attempt: Try) -> dict[str, Json]:
        """How the judge is asked in this attempt."""
        return {
            "temperature": attempt.temperature,
            "max_tokens": attempt.max_tokens,
            "structured": self.structured and form.schema is not None,
        }

    def key(self, form: Form, number: int, turns: Sequence[Turn]) -> str:
        """The sha256 that a judgement is kept under: of judge, form, parameters, prompt and answer.

        `number` is that of the try: the same question asked again is another one.
        """
        messages = [
            [turn.role, *(part.text if isinstance(part, Text) else None for part in turn.parts)]
            for turn in turns
        ]
        asked = self.parameters(form, form.tries[number])
        whole = orjson.dumps([self.identity, form.name, number, asked, _told(messages)], option=_SORTED)
        return hashlib.sha256(whole).hexdigest()


_SORTED = orjson.OPT_SORT_KEYS


def _told(value: list[list[str | None]]) -> list[list[str | None]]:
    """The messages with half surrogates escaped, which UTF-8 has no form for."""
    return [
        [None if text is None else text.encode("utf-8", "backslashreplace").decode() for text in message]
        for message in value
    ]
