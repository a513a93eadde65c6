"""Answers judged one by one by the scorer of a metric, and summed up; without a run, and nothing is asked."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import orjson

from sightbench import rle
from sightbench.errors import FieldError, UsageError
from sightbench.reports.summary import metric_json
from sightbench.rle import MaskError
from sightbench.sample import Sample
from sightbench.scorers.answer import set_aside_reasoning
from sightbench.scorers.fields import AXES_HELP, described
from sightbench.scorers.masks.definitions import DYNBENCH_TOLERANCE
from sightbench.scorers.masks.jf import ObjectScore, score_object
from sightbench.scorers.score import Grade, Row, Score
from sightbench.scorers.scorer import Context, Profile, Scorer, answered
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


@dataclass(frozen=True, slots=True)
class Judged:
    """What one line came to: `result` as it is printed, and the rows that a total is made of."""

    result: dict[str, Any]
    rows: tuple[Row, ...] = ()


def grade_lines(
    lines: Iterable[bytes], scorer: Scorer[Any, Any, Any], context: Context, *, strip: bool = False
) -> Iterator[Judged]:
    """One for each non-blank line, in order; its result is {score, parsed, status, rule, detail}, and `id` if
    it had one. `strip` takes reasoning such as <think>...</think> out of the answers.

    A line that cannot be graded gives {"error", "line"} instead; the others are graded all the same.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        record: Any = None
        try:
            record = _parsed(line)
            yield _grade(record, number, scorer, context, strip=strip)
        except json.JSONDecodeError as error:
            yield Judged({"error": f"not JSON: {error}", "line": number})
        except Exception as error:  # whatever a line holds, the others are graded all the same
            said = " ".join(str(error).split()) or type(error).__name__
            yield Judged({**_named(record), "error": said, "line": number})


def _parsed(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # Python's json also reads what it writes: NaN, and halves of surrogate pairs.
        return json.loads(line)


def _named(record: Any) -> dict[str, Any]:
    return {"id": record["id"]} if isinstance(record, dict) and "id" in record else {}


def _grade(
    record: Any, number: int, scorer: Scorer[Any, Any, Any], context: Context, *, strip: bool
) -> Judged:
    if not isinstance(record, dict):
        raise FieldError("not a JSON object")
    if strip:
        record = _without_reasoning(record)
    columns = {key: value for key, value in record.items() if key not in REQUIRED}
    context = _with_options_of(columns, context)
    prediction = None
    if scorer.judge_set is None or "rows" not in record:
        required = REQUIRED if scorer.needs_gold else REQUIRED[:1]
        missing = [name for name in required if name not in record]
        if missing:
            raise FieldError(f"missing field {', '.join(missing)}")
        prediction = scorer.prediction(answered(record["prediction"]))
    grade = scorer.grade(prediction, record.get("gold"), columns, context)
    result = _named(record) | {
        "score": grade.value,
        "parsed": grade.parsed,
        "status": grade.status,
        "rule": grade.rule,
        "detail": dict(grade.detail),
    }
    if prediction is not None or "rows" not in record:
        return Judged(result, (_row(record, str(number), number, grade),))
    shared = {name: value for name, value in columns.items() if name != "rows"}
    if not scorer.whole_set:
        shared.setdefault("group", f"line {number}")
    rows = []
    for index, member in enumerate(record["rows"]):
        whole = {**shared, **member}
        given = {name: value for name, value in whole.items() if name not in REQUIRED}
        gold = whole.get("gold", whole.get("answer"))
        single = scorer.grade(scorer.prediction(whole["prediction"]), gold, given, context)
        rows.append(_row({**whole, "gold": gold}, f"{number}/{index}", number, single))
    return Judged(result, tuple(rows))


def _without_reasoning(record: Mapping[str, Any]) -> dict[str, Any]:
    """The line with its answers as they are after the reasons."""
    whole = dict(record)
    if isinstance(whole.get("prediction"), str):
        whole["prediction"] = set_aside_reasoning(whole["prediction"])[0]
    if isinstance(whole.get("rows"), list):
        rows = whole["rows"]
        whole["rows"] = [_without_reasoning(row) if isinstance(row, Mapping) else row for row in rows]
    return whole


def _row(record: Mapping[str, Any], name: str, order: int, grade: Grade) -> Row:
    """A line as aggregates see it: its columns are the sample's."""
    columns = {key: value for key, value in record.items() if key not in REQUIRED}
    known = {
        key: str(columns[key]) for key in ("category", "group", "cluster") if columns.get(key) is not None
    }
    sample = Sample(
        str(columns.get("id", name)),
        "",
        "",
        known.get("category", ""),
        (),
        gold=record.get("gold"),
        group=known.get("group"),
        cluster=known.get("cluster"),
        order=order,
        meta=columns,
    )
    detail = {"rule": grade.rule, **grade.detail} if grade.rule else grade.detail
    return Row(sample, Score(sample.id, grade.value, grade.parsed, grade.status, detail))


def total_of(rows: Sequence[Row], scorer: Scorer[Any, Any, Any], context: Context) -> dict[str, Any]:
    """What the rows come to: {name, value, unit, n, stderr, interval, parts}, or {"error"} if a column that
    the total needs is missing."""
    try:
        return metric_json(scorer.aggregate(rows, context.profile))
    except ValueError as error:
        return {"error": " ".join(str(error).split())}


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
    lines: Iterable[bytes],
    out: BinaryIO,
    metric: str,
    profile: str | None,
    scoring: ScoringOptions,
    *,
    strip: bool = False,
    total: bool = False,
) -> int:
    """Grades `lines` into `out`, each line as soon as it has come. Returns the exit code: 1 if a line could
    not be graded.

    With `total`, the last line is {"total": what all come to, "metric", "profile", and counts of lines}.
    """
    scorer, whose = scorer_named(metric, profile)
    # One generator through the lines, as the references draw.
    draws = random.Random(scoring.seed) if scoring.unparsed == "random" else None
    context = Context(whose, scoring, draws)
    rows: list[Row] = []
    counts = Counter[str]()
    for judged in grade_lines(lines, scorer, context, strip=strip):
        counts["errors" if "error" in judged.result else "graded"] += 1
        counts["unparsed"] += judged.result.get("status") == "unparsed"
        if total:
            rows += judged.rows
        out.write(_line(judged.result))
        # Whoever writes one line and waits for its grade (a co-process) must not wait for a full buffer.
        out.flush()
    bad = counts["errors"]
    if total:
        whole = total_of(rows, scorer, context)
        bad += "error" in whole
        told = {name: counts[name] for name in ("graded", "unparsed", "errors")}
        out.write(_line({"total": whole, "metric": metric, "profile": str(whose), **told}))
        out.flush()
    return 1 if bad else 0


def listed() -> list[tuple[str, str]]:
    """Every metric, and what it is."""
    return [(name, scorer.help) for name, scorer in sorted(SCORERS.items())]


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
            "A prediction is graded as it is; with --reasoning strip, without <think>...</think>.",
        ]
    axes = {name: AXES_HELP[name] for name in (*scorer.axes, "cluster") if name not in shown}
    lines += ["", "With --total a line may also have:"]
    lines += [f"  {name:16} {text}" for name, text in axes.items()]
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
