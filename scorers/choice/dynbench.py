"""Dyn-Bench's questions: the reference's strict letter, and our robust one beside it."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from sightbench.sample import Json
from sightbench.scorers.choice import letters
from sightbench.scorers.dynbench import overall
from sightbench.scorers.fields import Fields, Options
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer


def first_token(text: str) -> str:
    """The first token, trailing .,;:!? cut, in upper case; '' for an empty answer.

    LilyYang0504/Bench, utils/cal_metrics.py. "(A)", "A)", "**A**", "Answer: A" and "A.Cat" are not
    letters here and so never right.
    """
    tokens = text.split()
    return tokens[0].rstrip(".,;:!?").upper() if tokens else ""


class DynbenchFields(Fields, frozen=True, kw_only=True):
    choices: Annotated[
        Options, Meta(description="the options, for the robust extractor beside the strict one")
    ] = Options()

    @property
    def options(self) -> dict[str, str]:
        """Letter -> text; the options of the files carry their letters ("A. left") themselves."""
        texts = self.choices
        if all(text[:1] == letter and text[1:2] in (".", ")", ":") for letter, text in texts.items()):
            return {letter: text[2:].strip() for letter, text in texts.items()}
        return texts


def _gold(gold: Json, fields: DynbenchFields, profile: Profile) -> str:
    if not isinstance(gold, str) or not gold.strip():
        raise ValueError(f"gold: expected a letter, got {gold!r}")
    return gold.strip().upper()


def _extract(prediction: str, fields: DynbenchFields, context: Context) -> Extraction:
    options = fields.options or string.ascii_uppercase[:10]
    strict = first_token(prediction)
    robust, rule = letters.robust(prediction, options)
    known = strict in (fields.options or tuple(string.ascii_uppercase))
    detail = {"robust_parsed": robust, "robust_rule": rule}
    return Extraction(prediction, strict, "first token", not known, detail)


def _judge(extraction: Extraction, gold: str, fields: DynbenchFields, context: Context) -> Grade:
    """1.0 if the first token is the gold letter; `detail` has what the robust extractor says."""
    right = extraction.parsed == gold
    robust = float(extraction.detail["robust_parsed"] == gold)
    return Grade(
        float(right),
        extraction.parsed,
        "unparsed" if extraction.unparsed and not right else "scored",
        extraction.rule,
        {"robust": robust, **extraction.detail},
    )


def _overall(rows: Sequence[Row], profile: str) -> Metric:
    return overall(rows)


DYNBENCH_QA = Scorer(
    name="dynbench_qa",
    help="Dyn-Bench QA: the first token of the answer is the gold letter.",
    profiles=(Profile.OFFICIAL,),
    fields=DynbenchFields,
    gold=_gold,
    gold_help="the right letter",
    extract=_extract,
    judge=_judge,
    strict=True,
    aggregate=_overall,
)
SCORERS = (DYNBENCH_QA,)
