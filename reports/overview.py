"""What the page shows before any sample is opened: the summary, how the run went, how to repeat it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sightbench.reports.entry import Entry, Masks, Run
from sightbench.scorers.masks.curves import CurveSum
from sightbench.scorers.score import Score


@dataclass(slots=True)
class Tally:
    """How a run went, counted while its samples pass. Times are UTC seconds since the epoch."""

    requests: int = 0
    answered: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    cost: float | None = None
    first: float | None = None
    last: float | None = None
    errors: dict[str, dict[str, Any]] = field(default_factory=dict)
    curves: dict[str, CurveSum] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        reply, score = entry.reply, entry.score
        if entry.masks is not None:
            add_curve(self.curves, entry.sample.benchmark, entry.masks, score)
        if score.status == "error":
            kind = str(score.detail.get("error", "error"))
            example = {"sample": entry.sample.id, "message": str(score.detail.get("message", ""))}
            self.errors.setdefault(kind, {"n": 0, **example})["n"] += 1
        if reply is None:
            return
        self.answered += reply.status == "ok"
        if reply.reused:
            # Its time and its price are the earlier run's.
            return
        self.requests += reply.attempts
        self.prompt_tokens += reply.usage.prompt_tokens or 0
        self.tokens += reply.usage.completion_tokens or 0
        if reply.usage.cost is not None:
            self.cost = (self.cost or 0.0) + reply.usage.cost
        if reply.at:
            start = reply.at - reply.latency_s
            self.first = start if self.first is None else min(self.first, start)
            self.last = reply.at if self.last is None else max(self.last, reply.at)


def add_curve(curves: dict[str, CurveSum], benchmark: str, masks: Masks, score: Score) -> None:
    """Adds an object to the curves of its benchmark, if it has a value by some definition."""
    if masks.definition and score.value is not None:
        found = score.detail.get("J")
        j = float(found) if isinstance(found, int | float) else 0.0  # a damaged scores.jsonl holds anything
        curves.setdefault(benchmark, CurveSum()).add(masks.definition, j, masks.j, masks.f_within)


def overview(run: Run, tally: Tally) -> dict[str, Any]:
    """One run's part of the page's overview. `summary` is what summary.json holds, without run.json."""
    summary = run.summary.to_json()
    del summary["run"]
    told = asdict(tally)
    curves = {name: curve.curves() for name, curve in tally.curves.items()}
    told["curves"] = {name: asdict(curve) for name, curve in curves.items() if curve is not None}
    return {
        "label": run.label,
        "model": run.summary.model,
        "folder": run.folder.name,
        "state": run.state,
        "summary": summary,
        "tally": told,
        "command": run.command,
        "facts": [asdict(fact) for fact in run.facts],
    }
