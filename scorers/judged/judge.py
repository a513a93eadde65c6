"""Reading what a judge model wrote: the prediction here is the JUDGE's reply, not the model's answer."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from sightbench.scorers.aggregate import averaged, by_category, graded, mean_detail, mean_value
from sightbench.scorers.fields import Fields
from sightbench.scorers.gold import unused
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Profile, Scorer
from sightbench.scorers.statistics.means import bootstrap, mean

PLAN_SCORES = ("completeness", "logical_sequence", "hallucination_redundancy", "granularity")
CAPABILITIES = ("rec", "ocr", "know", "gen", "spat", "math")

_FENCE_START = re.compile(r"^```[a-zA-Z0-9_\-]*\n")
_FENCE_END = re.compile(r"\n```\s*$")


def score_pair(review: str) -> tuple[float, float] | None:
    """The two scores on the first line of a LLaVA-Bench review, or None.

    Commas count as spaces and the line is split on single spaces, so "8, 9" has three parts and fails.
    """
    parts = review.split("\n")[0].replace(",", " ").split(" ")
    if len(parts) != 2:
        return None
    try:
        return float(parts[0]), float(parts[1])
    except ValueError:
        return None


def _judge_llava_bench(extraction: Extraction, gold: None, fields: Fields, context: Context) -> Grade:
    pair = score_pair(extraction.answer)
    if pair is None or pair[0] != pair[0] or pair[1] != pair[1]:
        return Grade(-1.0, [-1, -1], "unparsed")
    return Grade(pair[1], list(pair), rule="first line")


def _relative(name: str, rows: Sequence[Row]) -> Metric:
    """100 * mean of the model's scores / mean of GPT-4's: a ratio of means, with both means below it."""
    pairs = np.array([row.score.parsed or (-1, -1) for row in rows], dtype=np.float64).reshape(-1, 2)

    def ratio(indices: np.ndarray) -> float:
        reference, model = pairs[indices].mean(axis=0)
        return float(model / reference * 100) if reference else float("nan")

    clusters = [row.sample.affinity for row in rows]
    metric = bootstrap(name, ratio, clusters)
    if metric.value is not None and metric.value != metric.value:
        metric = replace(metric, value=None, note="the reference answers' mean score is 0")
    parts = tuple(
        mean(label, pairs[:, column].tolist(), clusters, scale=10.0, unit="points", bounds=(-1.0, 10.0))
        for label, column in (("reference answers x10", 0), ("model's answers x10", 1))
    )
    return replace(metric, parts=parts)


def _aggregate_llava_bench(rows: Sequence[Row], profile: str) -> Metric:
    known = graded(rows)
    overall = _relative("relative score", known)
    groups = by_category(known)
    if len(groups) < 2:
        return overall
    of_categories = tuple(_relative(name, group) for name, group in groups.items())
    return replace(overall, parts=overall.parts + of_categories)


def _judge_mmvet(extraction: Extraction, gold: None, fields: Fields, context: Context) -> Grade:
    prediction = extraction.answer
    text = prediction if context.profile is Profile.VLMEVALKIT else prediction.split(" ")[0].strip()
    try:
        score = float(text)
    except ValueError:
        return Grade(0.0, None, "unparsed", rule="not a number")
    if not 0 <= score <= 1:
        return Grade(0.0, None, "unparsed", rule="outside 0-1")
    return Grade(score, score)


def _aggregate_mmvet(rows: Sequence[Row], profile: str) -> Metric:
    """Total, then each capability a question needs (by membership), then each exact set of them.

    VLMEvalKit (MMVet_acc) counts both in one dictionary, so that a question that needs one capability alone
    counts twice under it, and has no number of its own. It also tells sets apart by the order of their names.
    """
    known = graded(rows)
    total = mean_value("total", known)
    twice = profile == "vlmevalkit"
    groups: dict[str, list[Row]] = {}
    names: dict[frozenset[str], str] = {}
    for name, group in by_category(known).items():
        if name:
            first = name if twice else names.setdefault(frozenset(name.split(",")), name)
            groups.setdefault(first, []).extend(group)
    single = [
        mean_value(
            name,
            [row for row in known if name in row.sample.category] + (groups.get(name, []) if twice else []),
        )
        for name in CAPABILITIES
    ]
    sets = [
        mean_value(f"{name} alone" if name in CAPABILITIES else name.replace(",", "_"), group)
        for name, group in groups.items()
        if not (twice and name in CAPABILITIES)
    ]
    return replace(total, parts=tuple(part for part in (*single, *sets) if part.n))


def json_object(text: str) -> Any:
    """The JSON value a judge wrote: the whole text without its code fence, else the first object in it."""
    text = text.strip()
    if text.startswith("```"):
        text = _FENCE_END.sub("", _FENCE_START.sub("", text))
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        try:
            return json.JSONDecoder().raw_decode(text[start : end + 1])[0]
        except (ValueError, RecursionError):
            pass
    return {}


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _judge_plan(extraction: Extraction, gold: None, fields: Fields, context: Context) -> Grade:
    verdict = json_object(extraction.answer)
    scores = verdict.get("scores", {}) if isinstance(verdict, dict) else {}
    if not isinstance(scores, dict):
        return Grade(0.0, None, "unparsed", rule="scores is no object")
    detail = {name: _whole(scores.get(name)) for name in PLAN_SCORES}
    stated = verdict.get("final_score") if isinstance(verdict, dict) else None
    rule = "judge's final_score"
    if isinstance(stated, (int, float)):
        final = float(stated)
    else:
        rule = "mean of four"
        try:
            final = sum(float(scores[name]) for name in PLAN_SCORES) / 4.0
        except (KeyError, TypeError, ValueError):
            return Grade(0.0, None, "unparsed", rule="no final score", detail=detail)
    if final != final or abs(final) == float("inf"):
        return Grade(0.0, None, "unparsed", rule="not a finite number", detail=detail)
    final = float(f"{final:.3f}")
    return Grade(final, final, rule=rule, detail=detail)


def _aggregate_plan(rows: Sequence[Row], profile: str) -> Metric:
    parsed = [row for row in graded(rows) if row.score.status == "scored"]
    # The judge is asked for 1 to 5, but what it writes is taken as it is: no bounds.
    points = partial(mean_detail, scale=1.0, unit="of 5", bounds=None)
    overall = averaged("final_score", scale=1.0, unit="of 5", bounds=None)(parsed, profile)
    dimensions = tuple(points(name, parsed, name) for name in PLAN_SCORES)
    return replace(overall, parts=(*overall.parts, *dimensions))


LLAVA_BENCH_JUDGE: Scorer[str, None, Fields] = Scorer(
    name="llava_bench_judge",
    fields=Fields,
    gold=unused,
    gold_help="not used",
    judge=_judge_llava_bench,
    aggregate=_aggregate_llava_bench,
    profiles=(Profile.INTERNVL, Profile.VLMEVALKIT),
    prediction_help="the judge's reply; its first line holds two scores",
    help="LLaVA-Bench reviews: the score is the model's 1-10, parsed is [reference, model]. A reply without "
    "two scores is -1 and stays in the means, as in the reference (LLaVA eval_gpt_review_bench.py).",
    needs_gold=False,
    full_marks=10.0,
)

MMVET_JUDGE: Scorer[str, None, Fields] = Scorer(
    name="mmvet_judge",
    fields=Fields,
    gold=unused,
    gold_help="not used",
    judge=_judge_mmvet,
    aggregate=_aggregate_mmvet,
    profiles=(Profile.OFFICIAL, Profile.VLMEVALKIT, Profile.LMMS_EVAL),
    prediction_help="the judge's reply: a number in 0-1",
    help="MM-Vet (Yu et al. 2023): the judge's correctness score. VLMEvalKit reads the whole reply as a "
    "number, the others its first word; anything else is 0.",
    needs_gold=False,
)

PLAN_JUDGE: Scorer[str, None, Fields] = Scorer(
    name="plan_judge",
    fields=Fields,
    gold=unused,
    gold_help="not used",
    judge=_judge_plan,
    aggregate=_aggregate_plan,
    profiles=(Profile.OFFICIAL,),
    prediction_help="the judge's reply: JSON with `scores` (four numbers, 1-5) and maybe `final_score`",
    help="LEAP's blind plan judge: its final_score, else the mean of the four, to three decimals. Replies "
    "without a score leave the mean.",
    needs_gold=False,
    full_marks=5.0,
)
