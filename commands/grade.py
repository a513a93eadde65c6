"""`bench.py grade`: judges answers that already exist; nothing is asked."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from sightbench.commands.runs import imported, keep, rescore
from sightbench.errors import UsageError
from sightbench.evaluation.selection import check, choose
from sightbench.sample import Failure, Reply, Sample
from sightbench.scorers.score import Scorer
from sightbench.scorers.scoring_options import scoring_options
from sightbench.scorers.table import SCORERS
from sightbench.tasks.readers import predictions as predictions_file
from sightbench.tasks.readers.predictions import Predictions

REQUIRED = ("prediction", "gold")


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
    told = {"id": record["id"]} if "id" in record else {}
    return told | {
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


def filter_lines(
    lines: BinaryIO, out: BinaryIO, metric: str, profile: str | None, extra: dict[str, Any]
) -> int:
    """Grades `lines` into `out`. Returns the exit code: 1 if a line could not be graded."""
    scorer, chosen = scorer_named(metric, profile)
    scoring_options(extra)
    if extra.get("unparsed") == "random":
        extra = {**extra, "generator": random.Random(extra["seed"])}
    bad = 0
    for result in grade_lines(lines, scorer, chosen, extra):
        bad += "error" in result
        out.write(_line(result))
    out.flush()
    return 1 if bad else 0


def grade_predictions(
    task: str,
    data: Path | None,
    predictions: Path | None,
    out: Path | None,
    profile: str | None,
    extra: dict[str, Any],
) -> int:
    """Makes a run of the answers in a file and scores it. Returns the exit code.

    A sample the file does not answer, or whose answer is a request the other tool failed, is an error and
    in no number. Raises UsageError if no answer fits any sample.
    """
    scoring_options(extra)
    if predictions is None:
        raise UsageError("--task needs --predictions FILE: the answers to grade")
    read = predictions_file.read(predictions)
    chosen = choose([task], data, profile, None)
    check(chosen)
    folder = out or Path("runs") / f"{predictions.stem}-{task}"
    found = ((sample.id, _reply(sample, read)) for one in chosen for sample in one.samples())
    run = imported(predictions.stem, predictions, chosen)
    keep(folder, run, found, f"{predictions}: none of its ids is an id of {task}")
    return rescore(folder, data, extra)


def _reply(asked: Sample, read: Predictions) -> Reply | None:
    there, text = read.find(asked)
    sample = asked.id
    if not there:
        return None
    if text is None:
        failure = Failure("imported_failure", "the other tool's request failed")
        return Reply(sample, fingerprint="", status="error", error=failure, attempts=0, endpoint="import")
    return Reply(sample, fingerprint="", status="ok", text=text, attempts=0, endpoint="import")


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
