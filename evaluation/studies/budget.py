"""How much data a comparison needs: what a benchmark can show, and what more of it would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sightbench.errors import UsageError
from sightbench.evaluation.run import Run
from sightbench.evaluation.score import headline
from sightbench.evaluation.studies.compare import Judged, compare, judged
from sightbench.scorers.score import Metric, Row
from sightbench.scorers.statistics.intervals import ROUNDING
from sightbench.scorers.statistics.power import clusters_for, smallest_difference

WANTED = (5.0, 3.0, 2.0, 1.0)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one benchmark can show, from one run's scatter or from the difference of two.

    `stderr` is that of a difference of two runs over these `clusters`: as seen where `paired`, else twice the
    variance of one run, which is the most it is likely to be. `smallest` is the true difference found with
    80 % chance; `needs` are (difference, clusters) for some wanted ones. `correlation` is how alike two
    questions about one video are (0: not at all, 1: the same); None where no plain mean is.
    `more_questions` and `more_clusters` are the shares by which twice as many of each cut the error.
    """

    benchmark: str
    title: str
    unit: str
    paired: bool
    n: int
    clusters: int
    stderr: float
    smallest: float
    needs: tuple[tuple[float, int], ...]
    correlation: float | None
    more_questions: float | None
    more_clusters: float
    greedy: bool

    @property
    def advice(self) -> str:
        """More questions, more videos or more repeats, in one line."""
        repeats = (
            "repeats change nothing where decoding is greedy"
            if self.greedy
            else "repeats help only against the noise of decoding (--repeats measures it)"
        )
        if self.more_questions is None:
            return f"twice the videos cut the error by {100 * self.more_clusters:.0f} %; {repeats}."
        better = (
            "more videos" if self.more_questions < 0.8 * self.more_clusters else "more questions or videos"
        )
        return (
            f"{better}: twice the questions per video cut the error by {100 * self.more_questions:.0f} %, "
            f"twice the videos by {100 * self.more_clusters:.0f} %; {repeats}."
        )


def budgets(runs: Sequence[Run], wanted: Sequence[float] = WANTED) -> tuple[Budget, ...]:
    """One Budget for each benchmark of a run, or of two: then from their paired difference.

    Raises UsageError for more runs, or where no number has an error.
    """
    if not 1 <= len(runs) <= 2:
        raise UsageError("a plan is made from one run, or from two that differ as yours will")
    found = tuple(_budgets(runs, wanted))
    if not found:
        raise UsageError(
            f"{runs[0].folder}: no number has a standard error to plan with (one video, or all alike?)"
        )
    return found


def _budgets(runs: Sequence[Run], wanted: Sequence[float]) -> Iterator[Budget]:
    differences = {} if len(runs) == 1 else {one.benchmark: one.differences[0] for one in compare(runs)}
    for name, one in judged(runs[0]).items():
        metric = _metric(one)
        if metric.stderr is None or metric.clusters is None:
            continue
        seen = differences.get(name)
        if runs[1:] and seen is None:
            continue
        stderr = metric.stderr * 2**0.5 if seen is None or seen.stderr is None else seen.stderr
        if stderr <= ROUNDING:
            continue
        clusters = metric.clusters if seen is None else seen.clusters
        correlation = _correlation(metric)
        more = None
        if correlation is not None:
            size = metric.n / metric.clusters
            before, after = (1 + (m - 1) * correlation for m in (size, 2 * size))
            more = 1 - (after / (2 * before)) ** 0.5
        yield Budget(
            name,
            one.dataset.selection.benchmark.title,
            metric.unit,
            seen is not None,
            metric.n if seen is None else seen.n,
            clusters,
            stderr,
            smallest_difference(stderr, clusters - 1),
            tuple(
                (difference, needed)
                for difference in wanted
                if (needed := clusters_for(difference, stderr, clusters)) is not None
            ),
            correlation,
            more,
            1 - 0.5**0.5,
            all(not run.record.request.get("temperature") for run in runs),
        )


def _metric(one: Judged) -> Metric:
    rows = [Row(sample, one.scores[sample.id]) for sample in one.samples]
    return headline(one.dataset, rows, one.run.record.scoring)


def _correlation(metric: Metric) -> float | None:
    """The intraclass correlation that the design effect stands for (Kish 1965): deff = 1 + (m - 1) rho."""
    if metric.design_effect is None or metric.clusters is None or metric.n <= metric.clusters:
        return None
    rho = (metric.design_effect - 1) / (metric.n / metric.clusters - 1)
    return min(1.0, max(0.0, rho))
