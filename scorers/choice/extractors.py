"""Extractors that name an option, by profile, and how a letter is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from msgspec import Meta

from sightbench.sample import Json
from sightbench.scorers import gold as golds
from sightbench.scorers.choice import letters
from sightbench.scorers.fields import Choices, Fields, Options
from sightbench.scorers.score import Grade
from sightbench.scorers.scorer import Context, Extraction, Profile, unparsed

INTERNVL, VLMEVALKIT = Profile.INTERNVL, Profile.VLMEVALKIT
_CHOICES = "mapping letter -> text, or list of texts (A, B, C... in order)"


class ChoiceFields(Fields, frozen=True, kw_only=True):
    choices: Annotated[Choices, Meta(description=_CHOICES)]


class MaybeChoiceFields(Fields, frozen=True, kw_only=True):
    choices: Annotated[Options, Meta(description=_CHOICES + "; not every profile needs them")] = Options()


Extract = Callable[[str, Options], Extraction]
"""An extractor of a profile: the answer and the options."""


def by_letter(rule: Callable[[str, Options], letters.Match]) -> Extract:
    """An extractor whose answer is a letter, or nothing."""

    def extract(prediction: str, options: Options) -> Extraction:
        letter, step = rule(prediction, options)
        return Extraction(prediction, letter, step, unparsed=letter is None)

    return extract


def handed_on(rule: Callable[[str, Options], letters.Match]) -> Extract:
    """As InternVL does it: an answer in which no option was found is compared with the gold as a whole."""

    def extract(prediction: str, options: Options) -> Extraction:
        letter, step = rule(prediction, options)
        return Extraction(prediction, letter or prediction.strip(), step, unparsed=letter is None)

    return extract


EXTRACTORS: dict[Profile, Extract] = {
    VLMEVALKIT: by_letter(letters.can_infer),
    INTERNVL: handed_on(letters.internvl),
    Profile.ROBUST: by_letter(letters.robust),
}


def choice_letter(gold: Json, fields: ChoiceFields | MaybeChoiceFields, profile: Profile) -> str:
    """The gold letter; an option's text also does."""
    return golds.letter(gold, fields.choices)


def judge_letter(
    extraction: Extraction, gold: str, options: Sequence[str], fields: Fields, context: Context
) -> Grade:
    """Right if what was read is the gold letter; `unparsed` if nothing was, unless the whole answer is it."""
    if extraction.unparsed and extraction.parsed != gold:
        return unparsed(extraction, options, gold, fields, context)
    return Grade(float(extraction.parsed == gold), extraction.parsed, "scored", extraction.rule)


def extract_choice(prediction: str, fields: ChoiceFields, context: Context) -> Extraction:
    """By `vlmevalkit` (can_infer), `internvl` (post_process) or `robust` (our own)."""
    return EXTRACTORS[context.profile](prediction, fields.choices)


def judge_choice(
    extraction: Extraction, gold: str, fields: ChoiceFields | MaybeChoiceFields, context: Context
) -> Grade:
    """`judge_letter`; VLMEvalKit's draw, where one is asked for, is among the letters and Z."""
    drawn = [*fields.choices, "Z"] if context.profile is VLMEVALKIT else list(fields.choices)
    return judge_letter(extraction, gold, drawn, fields, context)
