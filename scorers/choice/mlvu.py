"""MLVU's multiple choice: the letter before the first closing bracket."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from sightbench.scorers.aggregate import accuracy
from sightbench.scorers.choice import letters
from sightbench.scorers.choice.extractors import MaybeChoiceFields, choice_letter, judge_letter
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer
from sightbench.scorers.statistics.means import mean_of


def _extract(prediction: str, fields: MaybeChoiceFields, context: Context) -> Extraction:
    """The character before the first ")"; without one the whole answer has to be the letter.

    Under `vlmevalkit` its letter rule reads what this leaves open or gets wrong, and then it asks a judge.
    """
    end = prediction.find(")")
    said = prediction if end < 0 else prediction[end - 1 : end]
    if len(said) == 1 and said in ascii_uppercase:
        return Extraction(prediction, said, "letter before the bracket" if end >= 0 else "whole answer")
    if context.profile is Profile.VLMEVALKIT:
        letter, rule = letters.can_infer(prediction, fields.choices)
        return Extraction(prediction, letter, rule, unparsed=letter is None)
    return Extraction(prediction, None, "none", unparsed=True)


def _judge(extraction: Extraction, gold: str, fields: MaybeChoiceFields, context: Context) -> Grade:
    if context.profile is Profile.VLMEVALKIT and extraction.parsed != gold:
        letter, rule = letters.can_infer(extraction.answer, fields.choices)
        extraction = Extraction(extraction.answer, letter, rule, unparsed=letter is None)
    return judge_letter(extraction, gold, list(fields.choices) or "ABCD", fields, context)


def mlvu_average(rows: Sequence[Row], profile: str) -> Metric:
    """M-Avg: the mean of the tasks' accuracies, in %; under `vlmevalkit` over all questions alike."""
    alike = accuracy("M-Avg", rows, ("category",))
    return alike if profile == Profile.VLMEVALKIT else mean_of("M-Avg", alike.parts)


MLVU = Scorer(
    name="mlvu",
    help='MLVU: the letter before the first ")", or the whole answer; M-Avg over the tasks.',
    profiles=(Profile.OFFICIAL, Profile.VLMEVALKIT),
    fields=MaybeChoiceFields,
    gold=choice_letter,
    gold_help="the right letter, an index from 0, or the right option's text",
    extract=_extract,
    judge=_judge,
    aggregate=mlvu_average,
    options=("unparsed", "seed"),
    axes=("category",),
)
SCORERS: tuple[Scorer[str, str, Any], ...] = (MLVU,)
