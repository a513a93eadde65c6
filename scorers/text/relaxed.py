"""Relaxed accuracy: numbers may be 5 % off (Methani et al. 2020), as ChartQA scores it.

InternVL and Qwen-VL call the function with target and prediction swapped (eval/vqa/evaluate_vqa.py), so
there the tolerance is 5 % of the model's answer; pix2struct, VLMEvalKit and lmms-eval take 5 % of the gold.
"""

from __future__ import annotations

from typing import Any

from sightbench.scorers.aggregate import averaged
from sightbench.scorers.gold import strings
from sightbench.scorers.score import Fields, Grade, Scorer

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


def _grade(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    golds = strings(gold, listed=profile == "vlmevalkit")
    answer = prediction.strip() if profile in ("internvl", "vlmevalkit") else prediction
    swapped = profile == "internvl"
    right = any(relaxed_match(answer, each) if swapped else relaxed_match(each, answer) for each in golds)
    return Grade(float(right), answer, rule="text" if number(answer) is None else "number")


RELAXED_ACCURACY = Scorer(
    name="relaxed_accuracy",
    grade=_grade,
    aggregate=averaged("relaxed accuracy"),
    profiles=("internvl", "official", "vlmevalkit", "lmms_eval"),
    fields={"gold": "the answer: a string, a number, or a list of them; any match counts"},
    help="Numbers within 5 %, text equal without regard to case (ChartQA).",
)
