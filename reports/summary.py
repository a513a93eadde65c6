"""The Summary of a run: every number with what stands behind it, as summary.json holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sightbench.sample import Usage
from sightbench.scorers.score import Metric
from sightbench.scorers.scoring import Coverage


@dataclass(frozen=True, slots=True)
class JudgeSummary:
    """A judge's part in a benchmark's number: who it is, in which form it was asked, how many answers a rule
    decided and how many the judge; why the others have no verdict, by reason. `card` says what became of the
    control items and what it took, `notes` what the number may be set beside."""

    judge: str
    form: str
    by_rule: int
    by_judge: int
    without: Mapping[str, int]
    notes: tuple[str, ...] = ()
    card: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BenchmarkSummary:
    """One benchmark of a run. `headline` is the number people quote; `extras` stand beside it, never in it.

    `baselines` are named reference points of the same shape (chance, a text-only prior); `columns` those of
    the table that the headline's parts form, where they form one (scorers/score.py, Totals). `judged` is None
    where no judge was asked.
    """

    name: str
    title: str
    profile: str
    metric: str
    reference: str
    headline: Metric
    extras: tuple[Metric, ...]
    coverage: Coverage
    notes: tuple[str, ...] = ()
    baselines: Mapping[str, Mapping[str, float]] | None = None
    columns: tuple[str, ...] = ()
    judged: JudgeSummary | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a hosted service's answers cost: US dollars for `priced` of them, `unpriced` others, by which
    price table; `lines` say it to people, and what else changed in the middle of the run."""

    dollars: float
    priced: int
    unpriced: int
    prices: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A run: its benchmarks, what it used, and the run.json needed to repeat it."""

    model: str
    benchmarks: tuple[BenchmarkSummary, ...]
    usage: Mapping[str, Any]
    run: Mapping[str, Any]
    spent: Spent | None = None

    @property
    def complete(self) -> bool:
        return all(benchmark.coverage.complete for benchmark in self.benchmarks)

    def to_json(self) -> dict[str, Any]:
        content = {
            "model": self.model,
            "complete": self.complete,
            "benchmarks": [_benchmark(benchmark) for benchmark in self.benchmarks],
            "usage": dict(self.usage),
            "run": dict(self.run),
        }
        return content if self.spent is None else {**content, "spent": asdict(self.spent)}


def _benchmark(benchmark: BenchmarkSummary) -> dict[str, Any]:
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "profile": benchmark.profile,
        "metric": benchmark.metric,
        "reference": benchmark.reference,
        "headline": metric_json(benchmark.headline),
        "extras": [metric_json(extra) for extra in benchmark.extras],
        "coverage": asdict(benchmark.coverage),
        "notes": list(benchmark.notes),
        "baselines": benchmark.baselines,
        **({"columns": list(benchmark.columns)} if benchmark.columns else {}),
        **({} if benchmark.judged is None else {"judged": asdict(benchmark.judged)}),
    }


def metric_json(metric: Metric) -> dict[str, Any]:
    """A Metric as JSON: absent things are left out, the tree below it is kept."""
    out: dict[str, Any] = {"name": metric.name, "value": metric.value, "unit": metric.unit, "n": metric.n}
    if metric.stderr is not None:
        out["stderr"] = metric.stderr
    if metric.interval is not None:
        out["interval"] = list(metric.interval)
    if metric.clusters is not None:
        out["clusters"] = metric.clusters
    if metric.effective_n is not None:
        out["effective_n"] = metric.effective_n
        out["design_effect"] = metric.design_effect
    if metric.note:
        out["note"] = metric.note
    if metric.parts:
        out["parts"] = [metric_json(part) for part in metric.parts]
    return out


def flatten(metric: Metric, depth: int = 0) -> list[tuple[int, Metric]]:
    """The tree in reading order, each metric with its depth."""
    rows = [(depth, metric)]
    for part in metric.parts:
        rows += flatten(part, depth + 1)
    return rows


def totals(usages: Sequence[Usage]) -> dict[str, int]:
    """Token counts added up over replies; a key no server sent is absent."""
    out: dict[str, int] = {}
    for usage in usages:
        for key in ("prompt_tokens", "completion_tokens", "total_tokens"):
            count = getattr(usage, key)
            if count is not None:
                out[key] = out.get(key, 0) + count
    return out
