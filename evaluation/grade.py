"""Answers judged one by one by the scorer of a metric, masks by J&F; without a run, and nothing is asked."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import orjson

from sightbench import rle
from sightbench.errors import FieldError, UsageError
from sightbench.rle import MaskError
from sightbench.scorers.fields import described
from sightbench.scorers.masks.definitions import DYNBENCH_TOLERANCE
from sightbench.scorers.masks.jf import ObjectScore, score_object
from sightbench.scorers.score import Grade
from sightbench.scorers.scorer import Context, Profile, Scorer
from sightbench.scorers.scoring_options import OPTION_HELP, ScoringOptions, scoring_options
from sightbench.scorers.table import SCORERS

REQUIRED = ("prediction", "gold")

WireRle = Mapping[str, Any]
"""`{"size": [h, w], "counts": "..."}` as pycocotools writes it, counts as text, bytes or numbers."""


LINE_OPTIONS = ("unparsed", "box_mode", "tolerance")
"""Scoring options that a line may bring; the command's own go first."""


def scorer_named(metric: str, profile: str | None) -> tuple[Scorer[Any, Any, Any], Profile]:
    """The scorer of `metric` and the profile to use. UsageError lists what there is."""
    scorer = SCORERS.get(metric)
    if scorer is None:
        raise UsageError(f"there is no metric {metric!r}; known: {', '.join(sorted(SCORERS))}")
    if profile is not None and profile not in scorer.profiles:
        raise UsageError(f"{metric} has no profile {profile!r}; it has {', '.join(scorer.profiles)}")
    return scorer, scorer.profiles[0] if profile is None else Profile(profile)


def grade_lines(
    lines: Iterable[bytes], scorer: Scorer[Any, Any, Any], context: Context
) -> Iterator[dict[str, Any]]:
    """One result per non-blank line, in order: {score, parsed, status, rule, detail}, and `id` if it had one.

    A line that cannot be graded gives {"error", "line"} instead; the others are graded all the same.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _grade(_parsed(line), scorer, context)
        except json.JSONDecodeError as error:
            yield {"error": f"not JSON: {error}", "line": number}
        except Exception as error:  # whatever a line holds, the others are graded all the same
            yield {"error": " ".join(str(error).split()) or type(error).__name__, "line": number}


def _parsed(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # Python's json also reads what it writes: NaN, and halves of surrogate pairs.
        return json.loads(line)


def _grade(record: Any, scorer: Scorer[Any, Any, Any], context: Context) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise FieldError("not a JSON object")
    columns = {key: value for key, value in record.items() if key not in REQUIRED}
    prediction = None
    if scorer.judge_set is None or "rows" not in record:
        required = REQUIRED if scorer.needs_gold else REQUIRED[:1]
        missing = [name for name in required if name not in record]
        if missing:
            raise FieldError(f"missing field {', '.join(missing)}")
        prediction = scorer.prediction(record["prediction"])
    grade = scorer.grade(prediction, record.get("gold"), columns, _with_options_of(columns, context))
    named = {"id": record["id"]} if "id" in record else {}
    return named | {
        "score": grade.value,
        "parsed": grade.parsed,
        "status": grade.status,
        "rule": grade.rule,
        "detail": dict(grade.detail),
    }


def _with_options_of(line: Mapping[str, Any], context: Context) -> Context:
    """The context with the scoring options that the line brings and the command leaves open."""
    brought = {name: line[name] for name in LINE_OPTIONS if line.get(name) is not None}
    if not brought:
        return context
    if brought.get("unparsed") == "random":
        brought["seed"] = line.get("seed", ScoringOptions().seed)
    options = scoring_options({**brought, **context.options.to_json()})
    return replace(context, options=options)


def _line(result: dict[str, Any]) -> bytes:
    try:
        options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
        return orjson.dumps(result, option=options, default=str)
    except TypeError:
        # Half a surrogate pair has no UTF-8 form; escaped it goes through.
        return json.dumps(result, default=str).encode() + b"\n"


def grade(
    metric: str,
    prediction: Any,
    gold: Any = None,
    *,
    profile: str | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Grade:
    """Judges one answer by the metric of this name (`sightbench grade --metric NAME --help` has its fields).

    `grade("anls", "42", ["42"]).value` is 1.0. `fields` is what the metric needs beside prediction and
    gold, `profile` whose scoring. Raises UsageError for an unknown metric or profile, or gold or fields
    that the metric cannot use.
    """
    scorer, whose = scorer_named(metric, profile)
    columns = fields or {}
    try:
        context = _with_options_of(columns, Context(whose))
        return scorer.grade(scorer.prediction(prediction), gold, columns, context)
    except (ValueError, MaskError) as error:
        raise UsageError(f"{metric}: {' '.join(str(error).split())}") from None


def filter_lines(
    lines: BinaryIO, out: BinaryIO, metric: str, profile: str | None, scoring: ScoringOptions
) -> int:
    """Grades `lines` into `out`. Returns the exit code: 1 if a line could not be graded."""
    scorer, whose = scorer_named(metric, profile)
    # One generator through the lines, as the references draw.
    draws = random.Random(scoring.seed) if scoring.unparsed == "random" else None
    context = Context(whose, scoring, draws)
    bad = 0
    for result in grade_lines(lines, scorer, context):
        bad += "error" in result
        out.write(_line(result))
    out.flush()
    return 1 if bad else 0


def describe(scorer: Scorer[Any, Any, Any], profile: Profile) -> str:
    """What `bench.py grade --metric X --help` prints: meaning, fields, scoring options, profiles."""
    shown = {"prediction": scorer.prediction_help, "gold": scorer.gold_help, **dict(described(scorer.fields))}
    if scorer.judge_set is not None:
        shown["rows"] = scorer.rows_help
    shown |= {name: OPTION_HELP[name] for name in scorer.options}
    if "unparsed" not in scorer.options:
        del shown["id"]
    lines = [f"{scorer.name}: {scorer.help}", "", "One JSON object per line:"]
    lines += [f"  {name:16} {text}" for name, text in shown.items()]
    if scorer.kind == "text":
        lines += [
            "",
            "A prediction is graded as it is; take reasoning such as <think>...</think> out of it before.",
        ]
    lines += ["", f"profiles: {', '.join(scorer.profiles)}; chosen: {profile}"]
    return "\n".join(lines)


def score_masks(
    pred_rles: Sequence[WireRle | None],
    gt_rles: Sequence[WireRle],
    definition: str = "davis",
    *,
    tolerance: int = DYNBENCH_TOLERANCE,
) -> ObjectScore:
    """J, F and J&F (0 to 1) of one object's masks against its ground truth, one RLE per frame in order.

    A prediction that is None is an empty mask. `definition` says whose rules: dynbench, davis,
    davis-unsupervised, mevis, revos, vos-benchmark, sa-v or mosev2; davis leaves out the first and the last
    frame. `tolerance` is Dyn-Bench's boundary threshold in pixels. Raises UsageError for an unknown
    definition, MaskError (a SightbenchError) with the frame for a mask that cannot be read.

    Reference: Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation,
    CVPR 2016; each definition follows its own implementation (scorers/masks/).
    """
    preds = [None if mask is None else rle.read(mask, frame) for frame, mask in enumerate(pred_rles)]
    gts = [rle.read(mask, frame) for frame, mask in enumerate(gt_rles)]
    return score_object(preds, gts, definition, tolerance=tolerance)
