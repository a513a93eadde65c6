"""What a judge is sent and how its reply is read: a form for each reference, and one of ours beside it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from sightbench.sample import Gold, Part, Sample, Text, Turn

Use = Literal["reply", "answer", "extraction", "beside", "correctness"]
"""What a verdict is to the benchmark's scorer: the reply it reads; what stands in place of the answer;
MathVista's extraction; a second number beside the rule's; right or wrong by itself."""

NOTHING = ""
"""The verdict that there is nothing to read in the answer."""

_FIELD = re.compile(r"\{\{(\w+)\}\}")
_PROMPTS = files("sightbench.scorers") / "judged" / "prompts"


@dataclass(frozen=True, slots=True)
class Case:
    """One answer as a judge is shown it; `options` are the question's, by letter, where it has any, `other`
    the answer it is compared with."""

    sample: Sample
    answer: str
    options: Mapping[str, str] = field(default_factory=dict)
    other: str = ""

    @property
    def question(self) -> str:
        """The question's own words, without what a prompt puts around them."""
        known = self.sample.meta.get("question")
        return known if isinstance(known, str) else self.asked

    @property
    def asked(self) -> str:
        """All texts of the prompt, as the model was asked."""
        return "\n".join(
            part.text
            for turn in self.sample.turns
            if turn.role == "user"
            for part in turn.parts
            if isinstance(part, Text)
        )


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt to get a verdict: with which parameters, and with which file's words after the prompt."""

    temperature: float = 0.0
    max_tokens: int = 1024
    closing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way to ask a judge about an answer.

    `name` is what a judgement is kept under, `prompt` the file of the wording and `system` that of the system
    message; `choose` names another prompt where the case decides. `values` fills the prompt's fields. `read`
    gives the verdict in the words the scorer reads, None for a reply that is none; after the last of `tries`
    a reference takes the reply as it is, and ours leaves the answer ungraded (`strict`). `schema` is the JSON
    schema a server is told to hold to, `images` whether the sample's own go along.
    """

    name: str
    prompt: str
    values: Callable[[Case], Mapping[str, str]]
    read: Callable[[str, Case], str | None]
    use: Use
    system: str | None = None
    tries: tuple[Try, ...] = (Try(),)
    strict: bool = False
    schema: Mapping[str, Any] | None = None
    images: bool = False
    choose: Callable[[Case], str] | None = None

    def turns(self, case: Case, attempt: Try) -> tuple[Turn, ...]:
        """The messages of one attempt."""
        values = self.values(case)
        words = filled(wording(self.prompt if self.choose is None else self.choose(case)), values)
        if attempt.closing is not None:
            words += wording(attempt.closing)
        user: tuple[Part, ...] = (Text(words),)
        if self.images:
            user += tuple(
                part for turn in case.sample.turns for part in turn.parts if not isinstance(part, Text)
            )
        asked = Turn("user", user)
        if self.system is None:
            return (asked,)
        return Turn("system", (Text(filled(wording(self.system), values)),)), asked


@cache
def wording(name: str) -> str:
    """The text of a prompt file, byte for byte: where a line break is missing the reference has none."""
    return (_PROMPTS / f"{name}.txt").read_bytes().decode()


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with its {{fields}} filled in one pass: what a value holds is never a field itself."""
    return _FIELD.sub(lambda found: values[found[1]], template)


def nonce(*texts: str) -> str:
    """A mark that no text of these can hold: a digest of them all, so the same question has the same one."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def text_of(gold: Gold) -> str:
    """A gold answer in words: the first of several."""
    if isinstance(gold, list | tuple) and gold:
        return text_of(gold[0])
    return gold if isinstance(gold, str) else "" if gold is None else str(gold)
