"""Dyn-Bench's questions (S21): the reference's strict letter, and our robust one beside it."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from sightbench.scorers import dynbench_overall
from sightbench.scorers.choice import letters
from sightbench.scorers.choice.options import options_of
from sightbench.scorers.score import Fields, Grade, Metric, Row, Scorer


def first_token(text: str) -> str:
    """The first token, trailing .,;:!? cut, in upper case; '' for an empty answer.

    LilyYang0504/Bench, utils/cal_metrics.py. "(A)", "A)", "**A**", "Answer: A" and "A.Cat" are not
    letters here and so never right.
    """
    tokens = text.split()
    return tokens[0].rstrip(".,;:!?").upper() if tokens else ""


def dynbench_qa(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """1.0 if the first token is the gold letter; `detail` has what the robust extractor says."""
    if not isinstance(gold, str) or not gold.strip():
        raise ValueError(f"gold: expected a letter, got {gold!r}")
    options = _options(fields)
    want = gold.strip().upper()
    strict = first_token(prediction)
    robust, rule = letters.robust(prediction, options or string.ascii_uppercase[:10])
    known = strict in options if options else strict in tuple(string.ascii_uppercase)
    return Grade(
        float(strict == want),
        strict,
        "scored" if known or strict == want else "unparsed",
        "first token",
        {"robust": float(robust == want), "robust_parsed": robust, "robust_rule": rule},
    )


def _options(fields: Fields) -> dict[str, str]:
    """Letter -> text; the options of the files carry their letters ("A. left") themselves."""
    options = options_of(fields, required=False)
    if all(text[:1] == letter and text[1:2] in (".", ")", ":") for letter, text in options.items()):
        return {letter: text[2:].strip() for letter, text in options.items()}
    return options


def dynbench_score(rows: Sequence[Row], profile: str) -> Metric:
    """Overall: the plain mean over the categories that have rows."""
    return dynbench_overall.dynbench(rows)


DYNBENCH_QA = Scorer(
    "dynbench_qa",
    dynbench_qa,
    dynbench_score,
    ("official",),
    {"choices": "the options, for the robust extractor beside the strict one"},
    "Dyn-Bench QA: the first token of the answer is the gold letter.",
)
SCORERS = (DYNBENCH_QA,)
