"""ANLS: average normalised Levenshtein similarity (Biten et al. 2019), as DocVQA and InfoVQA score it.

One rule in every reference: InternVL eval/vqa/infographicsvqa_eval.py (the official RRC script),
VLMEvalKit vlmeval/dataset/utils/vqa_eval.py, lmms-eval lmms_eval/api/metrics.py.
"""

from __future__ import annotations

from typing import Any

from sightbench.scorers.aggregate import averaged
from sightbench.scorers.gold import strings
from sightbench.scorers.score import Fields, Grade, Scorer
from sightbench.scorers.text.edit import levenshtein

_THRESHOLD = 0.5


def collapsed(text: str) -> str:
    """Lower case, with single spaces between words and none around them."""
    return " ".join(text.strip().lower().split())


def similarity(prediction: str, gold: str) -> float:
    """1 - distance of the collapsed texts / length of the longer RAW text, in 0-1.

    The length is that of the upper-cased raw strings (`"ß"` counts 2), so padding an answer with spaces
    raises its score: the references do the same.
    """
    length = max(len(gold.upper()), len(prediction.upper()))
    if length == 0:
        return 1.0
    return 1 - levenshtein(collapsed(gold), collapsed(prediction)) / length


def _grade(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    golds = strings(gold, listed=profile == "vlmevalkit")
    best = max(similarity(prediction, each) for each in golds)
    value = best if best >= _THRESHOLD else 0.0
    return Grade(value, collapsed(prediction), detail={"similarity": best})


ANLS = Scorer(
    name="anls",
    grade=_grade,
    aggregate=averaged("ANLS"),
    profiles=("internvl", "official", "vlmevalkit", "lmms_eval"),
    fields={"gold": "the answers: a string or a list of strings; the nearest one counts"},
    help="Normalised Levenshtein similarity to the nearest answer; below 0.5 it is 0 (DocVQA, InfoVQA).",
)
