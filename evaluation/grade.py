"""Answers judged one by one by the scorer of a metric, masks by J&F; without a run, and nothing is asked."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import orjson

from sightbench import rle
from sightbench.errors import UsageError
from sightbench.scorers.masks.definitions import DYNBENCH_TOLERANCE
from sightbench.scorers.masks.jf import ObjectScore, score_object
from sightbench.scorers.score import Grade, Scorer
from sightbench.scorers.scoring_options import ScoringOptions
from sightbench.scorers.table import SCORERS

REQUIRED = ("prediction", "gold")

WireRle = Mapping[str, Any]
"""`{"size": [h, w], "counts": "..."}` as pycocotools writes it, counts as text, bytes or numbers."""


def scorer_named(metric: str, profile: str | None) -> tuple[Scorer, str]:
    """The scorer of `metric` and the profile to use. UsageError lists what there is."""
    scorer = SCORERS.get(metric)
    if scorer is None:
        raise UsageError(f"there is no metric {metric!r}; known: {', '.join(sorted(SCORERS))}")
    if profile is not None and profile not in scorer.profiles:
        raise UsageError(f"{metric} has no profile {profile!r}; it has {', '.join(scorer.profiles)}")
    return scorer, profile or scorer.profiles[0]


def grade_lines(
    lines: Iterable[bytes], scorer: Scorer, profile: str, extra: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """One result per non-blank line, in order: {score, parsed, status, rule, detail}, and `id` if it had one.

    A line that cannot be graded gives {"error", "line"} instead; the others are graded all the same.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _grade(_parsed(line), scorer, profile, extra)
        except json.JSONDecodeError as error:
            yield {"error": f"not JSON: {error}", "line": number}
        except (ValueError, TypeError, KeyError) as error:
            yield {"error": " ".join(str(error).split()) or type(error).__name__, "line": number}


def _parsed(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        # Python's json also reads what it writes: NaN, and halves of surrogate pairs.
        return json.loads(line)


def _grade(record: Any, scorer: Scorer, profile: str, extra: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    fields = {key: value for key, value in record.items() if key not in REQUIRED} | extra
    if "rows" not in record:
        required = REQUIRED if scorer.needs_gold else REQUIRED[:1]
        missing = [name for name in required if name not in record]
        if missing:
            raise ValueError(f"missing field {', '.join(missing)}")
        if not isinstance(record["prediction"], str):
            raise ValueError("prediction must be a string")
    grade = scorer.grade(record.get("prediction", ""), record.get("gold"), fields, profile)
    named = {"id": record["id"]} if "id" in record else {}
    return named | {
        "score": grade.value,
        "parsed": grade.parsed,
        "status": grade.status,
        "rule": grade.rule,
        "detail": dict(grade.detail),
    }


def _line(result: dict[str, Any]) -> bytes:
    try:
        options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
        return orjson.dumps(result, option=options, default=str)
    except TypeError:
        # Half a surrogate pair has no UTF-8 form; escaped it goes through.
        return json.dumps(result, default=str).encode() + b"\n"


def grade(
    metric: str,
    prediction: str,
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
    scorer, named = scorer_named(metric, profile)
    try:
        return scorer.grade(prediction, gold, fields or {}, named)
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{metric}: {' '.join(str(error).split()) or type(error).__name__}") from None


def filter_lines(
    lines: BinaryIO, out: BinaryIO, metric: str, profile: str | None, scoring: ScoringOptions
) -> int:
    """Grades `lines` into `out`. Returns the exit code: 1 if a line could not be graded."""
    scorer, named = scorer_named(metric, profile)
    fields: dict[str, Any] = {}
    if scoring.box_mode:
        fields["box_mode"] = scoring.box_mode
    if scoring.unparsed == "random":
        # One generator through the lines, as the references draw.
        fields |= {"unparsed": "random", "seed": scoring.seed, "generator": random.Random(scoring.seed)}
    bad = 0
    for result in grade_lines(lines, scorer, named, fields):
        bad += "error" in result
        out.write(_line(result))
    out.flush()
    return 1 if bad else 0


def describe(scorer: Scorer, profile: str) -> str:
    """What `bench.py grade --metric X --help` prints: meaning, fields, profiles."""
    lines = [f"{scorer.name}: {scorer.help}", "", "One JSON object per line:"]
    shown = {"prediction": "the model's answer (a string)", "gold": "the right answer"} | dict(scorer.fields)
    lines += [f"  {name:16} {text}" for name, text in shown.items()]
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
