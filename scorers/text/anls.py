"""ANLS: average normalised Levenshtein similarity (Biten et al. 2019), as DocVQA and InfoVQA score it.

One rule in every reference: InternVL eval/vqa/infographicsvqa_eval.py (the official RRC script),
VLMEvalKit vlmeval/dataset/utils/vqa_eval.py, lmms-eval lmms_eval/api/metrics.py.
"""

from __future__ import annotations

from sightbench.scorers.aggregate import averaged
from sightbench.scorers.fields import Fields
from sightbench.scorers.gold import answers
from sightbench.scorers.score import Grade
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer
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


def _judge(extraction: Extraction, golds: list[str], fields: Fields, context: Context) -> Grade:
    # lmms-eval's framework strips every reply before a task sees it.
    answer = extraction.answer.strip() if context.profile is Profile.LMMS_EVAL else extraction.answer
    best = max(similarity(answer, each) for each in golds)
    value = best if best >= _THRESHOLD else 0.0
    return Grade(value, collapsed(answer), detail={"similarity": best})


ANLS: Scorer[str, list[str], Fields] = Scorer(
    name="anls",
    fields=Fields,
    gold=answers,
    judge=_judge,
    aggregate=averaged("ANLS"),
    profiles=(Profile.INTERNVL, Profile.OFFICIAL, Profile.VLMEVALKIT, Profile.LMMS_EVAL),
    gold_help="the answers: a string or a list of strings; the nearest one counts",
    help="Normalised Levenshtein similarity to the nearest answer; below 0.5 it is 0 (DocVQA, InfoVQA).",
)
