"""Exact match (OCRVQA, AI2D as InternVL asks it) and GQA's accuracy."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

from sightbench.scorers.aggregate import averaged
from sightbench.scorers.gold import strings
from sightbench.scorers.score import Fields, Grade, Scorer

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


_GQA: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "internvl": (_internvl_gqa, _as_is),
    "official": (_as_is, _as_is),
    "vlmevalkit": (_folded, _folded),
    "lmms_eval": (_lmms_eval_gqa, _lmms_eval_gold),
}


def _grade_exact(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    golds = strings(gold, listed=profile == "vlmevalkit")
    answer = _folded(prediction)
    return Grade(float(answer in map(_folded, golds)), answer)


def _grade_gqa(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    of_answer, of_gold = _GQA[profile]
    golds = strings(gold, listed=profile == "vlmevalkit")
    answer = of_answer(prediction)
    return Grade(float(answer in map(of_gold, golds)), answer)


EXACT_MATCH = Scorer(
    name="exact_match",
    grade=_grade_exact,
    aggregate=averaged("accuracy"),
    profiles=("internvl", "official", "vlmevalkit", "lmms_eval"),
    fields={"gold": "the answer: a string or a list of strings; any match counts"},
    help="Equal to a gold after strip and lower case (OCRVQA, AI2D; InternVL eval/vqa/evaluate_vqa.py).",
)

GQA = Scorer(
    name="gqa",
    grade=_grade_gqa,
    aggregate=averaged("accuracy"),
    profiles=("internvl", "official", "vlmevalkit", "lmms_eval"),
    fields={"gold": "the answer, as testdev_balanced_questions.json has it"},
    help="GQA accuracy: the answer equals the gold; profiles differ in what they clean off it before.",
)
