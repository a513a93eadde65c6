"""Exact match (OCRVQA), and what AI2D as InternVL asks it and GQA make of it."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from sightbench.scorers.aggregate import averaged
from sightbench.scorers.fields import Fields
from sightbench.scorers.gold import answers
from sightbench.scorers.score import Grade
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_OPENING_LETTER = re.compile(r"\s*([A-Z])\.")


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


def _lmms_eval_ai2d(text: str) -> str:
    """As GQA's; of an answer that opens with "A." the letter alone."""
    letter = _OPENING_LETTER.match(text)
    return _lmms_eval_gqa(letter[1] if letter else text)


_Cleaning = tuple[Callable[[str], str], Callable[[str], str]]
"""What is cleaned off the answer, and off the gold."""

_GQA: dict[Profile, _Cleaning] = {
    Profile.INTERNVL: (_internvl_gqa, _as_is),
    Profile.OFFICIAL: (_as_is, _as_is),
    Profile.VLMEVALKIT: (_folded, _folded),
    Profile.LMMS_EVAL: (_lmms_eval_gqa, _lmms_eval_gold),
}
_EXACT: dict[Profile, _Cleaning] = dict.fromkeys(_GQA, (_folded, _folded))
_AI2D = {**_EXACT, Profile.LMMS_EVAL: (_lmms_eval_ai2d, _lmms_eval_gold)}


def _judge(
    extraction: Extraction,
    golds: list[str],
    fields: Fields,
    context: Context,
    *,
    rules: Mapping[Profile, _Cleaning],
) -> Grade:
    of_answer, of_gold = rules[context.profile]
    answer = of_answer(extraction.answer)
    return Grade(float(answer in map(of_gold, golds)), answer)


EXACT_MATCH: Scorer[str, list[str], Fields] = Scorer(
    name="exact_match",
    fields=Fields,
    gold=answers,
    judge=partial(_judge, rules=_EXACT),
    aggregate=averaged("accuracy"),
    profiles=tuple(_EXACT),
    gold_help="the answer: a string or a list of strings; any match counts",
    help="Equal to a gold after strip and lower case (OCRVQA; InternVL eval/vqa/evaluate_vqa.py).",
)

AI2D: Scorer[str, list[str], Fields] = replace(
    EXACT_MATCH,
    name="ai2d",
    judge=partial(_judge, rules=_AI2D),
    help="AI2D's letter, by exact match; as lmms_eval has it, punctuation counts for nothing and of "
    '"A. text" the letter is compared.',
)

GQA: Scorer[str, list[str], Fields] = Scorer(
    name="gqa",
    fields=Fields,
    gold=answers,
    judge=partial(_judge, rules=_GQA),
    aggregate=averaged("accuracy"),
    profiles=tuple(_GQA),
    gold_help="the answer, as testdev_balanced_questions.json has it",
    help="GQA accuracy: the answer equals the gold; profiles differ in what they clean off it before.",
)
