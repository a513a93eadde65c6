"""Exact match (OCRVQA, AI2D as InternVL asks it) and GQA's accuracy."""

from __future__ import annotations

import string
from collections.abc import Callable

from sightbench.scorers.aggregate import averaged
from sightbench.scorers.fields import Fields
from sightbench.scorers.gold import answers
from sightbench.scorers.score import Grade
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _as_is(text: str) -> str:
    return text


def _folded(text: str) -> str:
    return text.strip().lower()


def _internvl_gqa(text: str) -> str:
    """convert_gqa_for_eval.py: no strip, so " yes" stays wrong."""
    return text.rstrip(".").lower()


def _lmms_eval_gold(text: str) -> str:
    """Case and ASCII punctuation ignored, in numpy: "İ" lower-cased is cut to the length it had."""
    return text.lower()[: len(text)].translate(_NO_PUNCTUATION)


def _lmms_eval_gqa(text: str) -> str:
    """lmms-eval strips every answer before any metric."""
    return _lmms_eval_gold(text.strip())


_GQA: dict[Profile, tuple[Callable[[str], str], Callable[[str], str]]] = {
    Profile.INTERNVL: (_internvl_gqa, _as_is),
    Profile.OFFICIAL: (_as_is, _as_is),
    Profile.VLMEVALKIT: (_folded, _folded),
    Profile.LMMS_EVAL: (_lmms_eval_gqa, _lmms_eval_gold),
}
"""What is cleaned off the answer, and off the gold."""


def _judge_exact(extraction: Extraction, golds: list[str], fields: Fields, context: Context) -> Grade:
    answer = _folded(extraction.answer)
    return Grade(float(answer in map(_folded, golds)), answer)


def _judge_gqa(extraction: Extraction, golds: list[str], fields: Fields, context: Context) -> Grade:
    of_answer, of_gold = _GQA[context.profile]
    answer = of_answer(extraction.answer)
    return Grade(float(answer in map(of_gold, golds)), answer)


EXACT_MATCH: Scorer[str, list[str], Fields] = Scorer(
    name="exact_match",
    fields=Fields,
    gold=answers,
    judge=_judge_exact,
    aggregate=averaged("accuracy"),
    profiles=tuple(_GQA),
    gold_help="the answer: a string or a list of strings; any match counts",
    help="Equal to a gold after strip and lower case (OCRVQA, AI2D; InternVL eval/vqa/evaluate_vqa.py).",
)

GQA: Scorer[str, list[str], Fields] = Scorer(
    name="gqa",
    fields=Fields,
    gold=answers,
    judge=_judge_gqa,
    aggregate=averaged("accuracy"),
    profiles=tuple(_GQA),
    gold_help="the answer, as testdev_balanced_questions.json has it",
    help="GQA accuracy: the answer equals the gold; profiles differ in what they clean off it before.",
)
