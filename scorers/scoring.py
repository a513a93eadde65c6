"""From replies to scores: one Score a sample, in file order, and a count of what could not be scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sightbench.sample import Reply, Sample
from sightbench.scorers.answer import is_refusal, set_aside_reasoning
from sightbench.scorers.score import Grade, Row, Score
from sightbench.scorers.scoring_options import OnError


@dataclass(frozen=True, slots=True)
class Coverage:
    """What stands behind a number. `errors` counts failed requests by kind, never-asked ones as `unasked`.

    `truncated`, `refused`, `empty`, `unparsed` count answers, each for itself: one answer may be in two.
    """

    asked: int
    answered: int
    errors: Mapping[str, int]
    truncated: int
    refused: int
    empty: int
    unparsed: int
    ungraded: int

    @property
    def complete(self) -> bool:
        return self.answered == self.asked


def score(
    sample: Sample,
    reply: Reply | None,
    grade: Callable[[Sample, Reply], Grade],
    on_error: OnError = "leave-out",
) -> Score:
    """The Score of one sample. A request that failed, or was never sent, has no value.

    `on_error="zero"` gives such a sample the value 0.0, as references that count failures as wrong do;
    its status stays `error` and coverage still counts it.
    """
    if reply is None or reply.status == "error":
        detail: dict[str, Any] = {"error": "unasked"}
        if reply is not None and reply.error is not None:
            detail = {"error": reply.error.kind, "message": reply.error.message}
        return Score(sample.id, 0.0 if on_error == "zero" else None, None, "error", detail)
    graded = grade(sample, reply)
    detail = {"rule": graded.rule} if graded.rule else {}
    detail.update(graded.detail)
    for flag, raised in (
        ("truncated", reply.finish_reason == "length"),
        ("refused", _refused(reply)),
        ("empty", not (reply.text or "").strip() and not reply.masks),
    ):
        if raised:
            detail[flag] = True
    return Score(sample.id, graded.value, graded.parsed, graded.status, detail)


def _refused(reply: Reply) -> bool:
    by_endpoint = reply.refusal is not None or reply.finish_reason == "content_filter"
    return by_endpoint or is_refusal(set_aside_reasoning(reply.text or "")[0])


def coverage(rows: Sequence[Row]) -> Coverage:
    errors = Counter(str(row.score.detail.get("error")) for row in rows if row.score.status == "error")
    flags = Counter(
        flag for row in rows for flag in ("truncated", "refused", "empty") if row.score.detail.get(flag)
    )
    statuses = Counter(row.score.status for row in rows)
    return Coverage(
        asked=len(rows),
        answered=len(rows) - statuses["error"],
        errors=dict(sorted(errors.items())),
        truncated=flags["truncated"],
        refused=flags["refused"],
        empty=flags["empty"],
        unparsed=statuses["unparsed"],
        ungraded=statuses["ungraded"],
    )
