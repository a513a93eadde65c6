"""Four letters, A to D: MMSI-Bench and EgoExo-Bench."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sightbench.scorers import gold as golds
from sightbench.scorers.aggregate import accuracy
from sightbench.scorers.choice import letters, spatial
from sightbench.scorers.choice.extractors import judge_letter
from sightbench.scorers.choice.multiple_choice import circular_accuracy
from sightbench.scorers.fields import Fields
from sightbench.scorers.groups import by, value
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer

_MMSI_RULES: dict[Profile, Callable[[str], letters.Match]] = {
    Profile.OFFICIAL: letters.mmsi,
    Profile.VLMEVALKIT: spatial.match_option,
}


def _extract_mmsi(prediction: str, fields: Fields, context: Context) -> Extraction:
    """The letter in backticks (`official`), or VLMEvalKit's spatial matcher (`vlmevalkit`)."""
    letter, rule = _MMSI_RULES[context.profile](prediction)
    return Extraction(prediction, letter, rule, unparsed=letter is None)


def _judge_abcd(extraction: Extraction, gold: str, fields: Fields, context: Context) -> Grade:
    return judge_letter(extraction, gold, "ABCD", fields, context)


def mmsi_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy over the eleven types; with rotations in sets, circular accuracy, the plain one beside it."""
    if all(len(group) == 1 for group in by(rows, lambda row: row.sample.group or row.sample.id).values()):
        return accuracy("accuracy", rows, ("category",))
    return circular_accuracy(rows, profile)


def _extract_egoexo(prediction: str, fields: Fields, context: Context) -> Extraction:
    """The first capital A-D.

    Without one the reference asks a judge; its rule-based fallback finds no options in the question's
    text, so an answer in words ("light blue") is wrong even where it is an option's.
    """
    letter, rule = letters.egoexo(prediction)
    return Extraction(prediction, letter, rule, unparsed=letter is None)


def egoexo_accuracy(rows: Sequence[Row], profile: str) -> Metric:
    """Accuracy over all questions, and over each of the eleven subtasks."""
    axis = "subtask_type" if any(value(row, "subtask_type") for row in rows) else "category"
    return accuracy("accuracy", rows, (axis,))


MMSI = Scorer(
    name="mmsi",
    help="MMSI-Bench: the letter within backticks, else the first lone A-D.",
    profiles=tuple(_MMSI_RULES),
    fields=Fields,
    gold=golds.plain_letter,
    gold_help="the right letter, or an index from 0",
    extract=_extract_mmsi,
    judge=_judge_abcd,
    aggregate=mmsi_accuracy,
    options=("unparsed", "seed"),
    axes=("category", "group"),
)
EGOEXO = replace(
    MMSI,
    name="egoexo",
    help="EgoExo-Bench: the first capital A-D anywhere in the answer.",
    extract=_extract_egoexo,
    aggregate=egoexo_accuracy,
    axes=("subtask_type", "category"),
)
SCORERS: tuple[Scorer[str, str, Any], ...] = (MMSI, EGOEXO)
