"""What a judge did for a benchmark's number, counted from its scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sightbench.evaluation.judges.controls import Card, of_benchmark
from sightbench.evaluation.judges.equate import Equating, holding
from sightbench.evaluation.judges.equated import equated
from sightbench.evaluation.judges.verdicts import VERDICT, Verdicts
from sightbench.reports.summary import BenchmarkSummary, JudgeSummary
from sightbench.scorers.score import Metric, Row

UNANCHORED = "no anchors: this number stands on no published scale (`judge --equate` ties it to one)"


def with_judge(
    summary: BenchmarkSummary,
    rows: Sequence[Row],
    verdicts: Verdicts,
    equatings: Sequence[Equating],
    cards: Sequence[Card],
) -> BenchmarkSummary:
    """The summary with the judge's part in it, and the equated number beside the raw one where there is an
    anchor set for this judge; as it is for a benchmark none of whose answers needed a judge."""
    judged = judge_summary(verdicts, rows)
    if judged is None:
        return summary
    told = of_benchmark(cards, summary.name, judged.form, verdicts.judge.identity)
    if told is not None:
        judged = replace(judged, card=tuple(told.lines()))
    equating = holding(equatings, judged.form, verdicts.judge.identity)
    number = None if equating is None else equated(summary.headline, rows, equating)
    if equating is None or number is None:
        return replace(summary, judged=replace(judged, notes=(UNANCHORED,)))
    anchors = f"{equating.reference_judge} by {len(equating.reference)} answers ({equating.source})"
    anchored = f"equated to {anchors}: {_told(number)}"
    return replace(summary, extras=(*summary.extras, number), judged=replace(judged, notes=(anchored,)))


def judge_summary(verdicts: Verdicts, rows: Sequence[Row]) -> JudgeSummary | None:
    """The judge's part; None for a benchmark none of whose answers needed one."""
    told = [row.score.detail["judge"] for row in rows if "judge" in row.score.detail]
    if not told:
        return None
    outcomes = Counter(str(each["outcome"]) for each in told)
    by_judge = outcomes.pop(VERDICT, 0)
    answered = sum(row.score.status != "error" for row in rows)
    return JudgeSummary(
        judge=named(verdicts),
        form=", ".join(dict.fromkeys(str(each["form"]) for each in told)),
        by_rule=answered - len(told),
        by_judge=by_judge,
        without=dict(sorted(outcomes.items())),
    )


def _told(number: Metric) -> str:
    if number.value is None:
        return number.note
    unit = f" {number.unit}" if number.unit else ""
    told = f"{number.value:.1f}{unit}"
    if number.interval is None:
        return told
    return f"{told} (95 % interval {number.interval[0]:.1f} to {number.interval[1]:.1f})"


def named(verdicts: Verdicts) -> str:
    """The judge in words: its model, its weights where they are told, its server."""
    identity = verdicts.judge.identity
    beside = [str(identity[name]) for name in ("root", "server") if name in identity]
    return str(identity["model"]) + (f" ({', '.join(beside)})" if beside else "")
