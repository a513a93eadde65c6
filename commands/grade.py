"""`bench.py grade`: judges answers that already exist; nothing is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from scorers.table import SCORERS

from client.errors import UsageError
from scorers.score import Scorer

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
            yield _grade(orjson.loads(line), scorer, profile, extra)
        except orjson.JSONDecodeError as error:
            yield {"error": f"not JSON: {error}", "line": number}
        except (ValueError, TypeError, KeyError) as error:
            yield {"error": " ".join(str(error).split()) or type(error).__name__, "line": number}


def _grade(record: Any, scorer: Scorer, profile: str, extra: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    fields = {key: value for key, value in record.items() if key not in REQUIRED} | extra
    if "rows" not in record:
        missing = [name for name in REQUIRED if name not in record]
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


def describe(scorer: Scorer) -> str:
    """What `bench.py grade --metric X --help` prints: meaning, fields, profiles."""
    lines = [f"{scorer.name}: {scorer.help}", "", "One JSON object per line:"]
    shown = {"prediction": "the model's answer (a string)", "gold": "the right answer"} | dict(scorer.fields)
    lines += [f"  {name:16} {text}" for name, text in shown.items()]
    lines += ["", f"profiles: {', '.join(scorer.profiles)} (default {scorer.profiles[0]})"]
    return "\n".join(lines)
