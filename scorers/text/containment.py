"""Answers that are right when they contain the gold: OCRBench (Liu et al. 2024) and Tiny LVLM.

Containment is lenient by design: "12" is found in "120" (OCRBench), and an empty gold in every answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

from sightbench.scorers.aggregate import by_category, graded, mean_value
from sightbench.scorers.fields import Fields
from sightbench.scorers.gold import answers
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer
from sightbench.scorers.statistics.means import sum_of
from sightbench.scorers.text.vqa import normalized_official

MATH = "Handwritten Mathematical Expression Recognition"
_TEXT_RECOGNITION = (
    "Regular Text Recognition",
    "Irregular Text Recognition",
    "Artistic Text Recognition",
    "Handwriting Recognition",
    "Digit String Recognition",
    "Non-Semantic Text Recognition",
)
_OTHER_GROUPS = ("Scene Text-centric VQA", "Doc-oriented VQA", "Key Information Extraction", MATH)

_ASCII_OF_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def _math(text: str) -> str:
    return text.strip().replace("\n", " ").replace(" ", "")


def _plain(text: str) -> str:
    return text.lower().strip().replace("\n", " ")


class _OcrFields(Fields, frozen=True, kw_only=True):
    category: Annotated[
        str | None,
        Meta(description=f"question type; {MATH!r} compares without spaces and with case"),
    ] = None


def _judge_ocrbench(extraction: Extraction, golds: list[str], fields: _OcrFields, context: Context) -> Grade:
    prediction = extraction.answer
    if fields.category in (MATH, "HME100k"):
        answer = _math(prediction)
        return Grade(float(any(_math(each) in answer for each in golds)), answer, rule="without spaces")
    if context.profile is Profile.LMMS_EVAL:
        prediction = prediction.strip().translate(_ASCII_OF_FULL_WIDTH)
        golds = [each.translate(_ASCII_OF_FULL_WIDTH) for each in golds]
    answer = _plain(prediction)
    return Grade(float(any(_plain(each) in answer for each in golds)), answer, rule="lower case")


def _aggregate_ocrbench(rows: Sequence[Row], profile: str) -> Metric:
    known = graded(rows)
    types = by_category(known)

    def hits(name: str, categories: Sequence[str]) -> Metric:
        group = [row for category in categories for row in types.get(category, ())]
        points = mean_value(name, group, scale=float(len(group) or 1), unit="points")
        return replace(points, value=float(sum(row.score.value or 0.0 for row in group)), note="")

    recognition = hits("Text Recognition", _TEXT_RECOGNITION)
    recognition = replace(recognition, parts=tuple(hits(name, (name,)) for name in _TEXT_RECOGNITION))
    others = [hits(name, (name,)) for name in _OTHER_GROUPS]
    note = "" if len(known) == 1000 else f"a sum over {len(known)} questions; the benchmark has 1000"
    return sum_of("Final Score", (recognition, *others), unit="points", note=note)


@lru_cache(maxsize=1 << 14)
def _whole_word(word: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(word)}\b")


def _judge_tiny_lvlm(extraction: Extraction, golds: list[str], fields: Fields, context: Context) -> Grade:
    answer = normalized_official(extraction.answer)
    wanted = [normalized_official(each) for each in golds]
    return Grade(float(any(_whole_word(each).search(answer) for each in wanted)), answer)


def _aggregate_tiny_lvlm(rows: Sequence[Row], profile: str) -> Metric:
    abilities = by_category(graded(rows))
    parts = [mean_value(name, group) for name, group in abilities.items()]
    note = "" if len(parts) == 5 else f"a sum over {len(parts)} abilities; the benchmark has 5"
    return sum_of("Overall (sum of abilities)", parts, unit="points", note=note)


OCRBENCH: Scorer[str, list[str], _OcrFields] = Scorer(
    name="ocrbench",
    gold=answers,
    judge=_judge_ocrbench,
    aggregate=_aggregate_ocrbench,
    profiles=(Profile.VLMEVALKIT, Profile.OFFICIAL, Profile.INTERNVL, Profile.LMMS_EVAL),
    fields=_OcrFields,
    gold_help="the answers: a string or a list of strings; any contained one counts",
    help="The gold is contained in the answer (VLMEvalKit vlmeval/dataset/utils/ocrbench.py); 0-1000 points.",
)

TINY_LVLM: Scorer[str, list[str], Fields] = Scorer(
    name="tiny_lvlm",
    fields=Fields,
    gold=answers,
    judge=_judge_tiny_lvlm,
    aggregate=_aggregate_tiny_lvlm,
    profiles=(Profile.INTERNVL,),
    gold_help="the answers: a string or a list of strings; any one found counts",
    help="The VQA-normalised gold stands as whole words in the answer (InternVL eval/tiny_lvlm/tools.py).",
)
