"""Relaxed accuracy: numbers may be 5 % off (Methani et al. 2020), as ChartQA scores it.

InternVL and Qwen-VL call the function with target and prediction swapped (eval/vqa/evaluate_vqa.py), so
there the tolerance is 5 % of the model's answer; pix2struct, VLMEvalKit and lmms-eval take 5 % of the gold.
"""

from __future__ import annotations

from typing import NamedTuple

from sightbench.scorers.aggregate import averaged
from sightbench.scorers.fields import Fields
from sightbench.scorers.gold import answers
from sightbench.scorers.score import Grade
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer

_TOLERANCE = 0.05


def number(text: str) -> float | None:
    """What Python's float() reads (`1_000`, `1e2`, `nan`; not `1,000`), divided by 100 after a `%`."""
    try:
        return float(text.rstrip("%")) / 100.0 if text.endswith("%") else float(text)
    except ValueError:
        return None


def relaxed_match(target: str, prediction: str) -> bool:
    """Within 5 % of a non-zero numeric target, else equal without regard to case."""
    p, t = number(prediction), number(target)
    if p is not None and t is not None and t != 0:
        return abs(p - t) / abs(t) <= _TOLERANCE
    return prediction.lower() == target.lower()


class _Rule(NamedTuple):
    """`strip` the answer first; `swapped`: the tolerance is 5 % of the answer."""

    strip: bool
    swapped: bool


_RULES = {
    Profile.INTERNVL: _Rule(strip=True, swapped=True),
    Profile.OFFICIAL: _Rule(strip=False, swapped=False),
    Profile.VLMEVALKIT: _Rule(strip=True, swapped=False),
    Profile.LMMS_EVAL: _Rule(strip=True, swapped=False),
}


def _judge(extraction: Extraction, golds: list[str], fields: Fields, context: Context) -> Grade:
    rule = _RULES[context.profile]
    answer = extraction.answer.strip() if rule.strip else extraction.answer
    right = any(
        relaxed_match(answer, each) if rule.swapped else relaxed_match(each, answer) for each in golds
    )
    return Grade(float(right), answer, rule="text" if number(answer) is None else "number")


RELAXED_ACCURACY: Scorer[str, list[str], Fields] = Scorer(
    name="relaxed_accuracy",
    fields=Fields,
    gold=answers,
    judge=_judge,
    aggregate=averaged("relaxed accuracy"),
    profiles=tuple(_RULES),
    gold_help="the answer: a string, a number, or a list of them; any match counts",
    help="Numbers within 5 %, text equal without regard to case (ChartQA).",
)
