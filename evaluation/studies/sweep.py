"""One run for each point of a grid: checkpoints, frames, temperatures, seeds, prompts, controls, ..."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path

from sightbench.client.sampling import RequestOptions
from sightbench.errors import SightbenchError
from sightbench.evaluation.evaluate import OnProgress, evaluate
from sightbench.evaluation.run import Run, open_run
from sightbench.evaluation.selection import Dataset
from sightbench.evaluation.start.begin import Note, chosen
from sightbench.evaluation.studies.checkpoint_queue import Serving, ask_checkpoints
from sightbench.evaluation.studies.compare import against, judged
from sightbench.evaluation.studies.grid import Point
from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.comparison import Difference


@dataclass(frozen=True, slots=True)
class Swept:
    """What came of a grid: the points that have a run, those that could not be run with the reason, and
    whether it was stopped before its end."""

    done: tuple[tuple[Point, Run], ...]
    failed: tuple[tuple[Point, str], ...] = ()
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A point that was run, on one benchmark. `gain` is over the first point, paired by sample; None for the
    first itself, and where they share no answer. `tokens` are those of prompts and answers together,
    `dollars` what they cost where that is known.
    """

    point: Point
    run: Run
    benchmark: str
    headline: Metric
    gain: Difference | None
    tokens: int
    dollars: float | None
    answered: int
    asked: int


def run(
    grid: Sequence[Point],
    *,
    serving: Serving | None = None,
    progress: OnProgress | None = None,
    note: Note | None = None,
) -> Swept:
    """Every point evaluated; points that are done are not asked again.

    Points of checkpoints are asked of servers that are started for them, on all GPUs that are visible unless
    `serving` says otherwise, and stopped after them. One that does not come up is noted and the others go on.
    Points of an endpoint are asked one after another, and a run that is stopped ends the sweep.
    """
    note = note or _silent
    if not any(point.checkpoint for point in grid):
        return _one_by_one(grid, progress, note)
    chosen(grid[0].options, _silent)
    done: dict[str, Run] = {}
    left: list[Point] = []
    for checkpoint, together in groupby(grid, key=lambda point: point.checkpoint):
        group = list(together)
        kept = {point.label: one for point in group if (one := finished(point)) is not None}
        if len(kept) < len(group):
            left += group
        elif checkpoint is not None:
            done |= kept
            note(f"{checkpoint.label} is done: its server is not started")
    asked = ask_checkpoints(left, serving or Serving(), progress=progress, note=note)
    done |= asked.done
    return Swept(
        tuple((point, done[point.label]) for point in grid if point.label in done),
        tuple((point, asked.failed[point.label]) for point in grid if point.label in asked.failed),
        asked.stopped,
    )


def _one_by_one(grid: Sequence[Point], progress: OnProgress | None, note: Note) -> Swept:
    done: list[tuple[Point, Run]] = []
    for number, point in enumerate(grid, 1):
        note(f"point {number} of {len(grid)}: {point.label}")
        one = evaluate(point.options, progress=progress, note=note)
        done.append((point, one))
        if one.outcome is not None and one.outcome.stopped:
            return Swept(tuple(done), stopped=one.outcome.stopped)
    return Swept(tuple(done))


def finished(point: Point) -> Run | None:
    """The run of a point that needs no server any more: asked in this way, and everything answered."""
    options = point.options
    try:
        one = open_run(Path(options.out or ""))
        wanted = chosen(options, _silent)[0]
        complete = one.summary.complete
    except SightbenchError:
        return None
    # A server that answers in text only was not asked for masks.
    texts = tuple(text for dataset in wanted if (text := dataset.only(masks=False)))
    covered = _covered(one.datasets) in (_covered(wanted), _covered(texts))
    names = {entry.name for entry in fields(RequestOptions)} - {"extra_body", "family"}
    same = all(one.record.request.get(name) == getattr(options, name) for name in names)
    body = one.record.request.get("extra_body", {})
    more = all(body.get(name) == value for name, value in options.extra_body.items())
    return one if complete and covered and same and more else None


def steps(grid: Sequence[Point], swept: Swept) -> Iterator[Step]:
    """Every point on every benchmark, with its gain over the first point; all gains are adjusted together."""
    gains: dict[tuple[int, str], Difference] = {}
    scored = [judged(run) for _, run in swept.done]
    base = scored[0] if scored and swept.done[0][0] is grid[0] else {}
    for name, first in base.items():
        others = [at for at in range(1, len(scored)) if name in scored[at]]
        found = against(first, [scored[at][name] for at in others])
        # Without answers in common the table shows no gain, and how many were answered.
        known = ((at, one) for at, one in zip(others, found, strict=True) if one is not None)
        gains |= {(at, name): one.differences[0] for at, one in known}
    for at, (point, one) in enumerate(swept.done):
        summary = one.summary
        for benchmark in summary.benchmarks:
            yield Step(
                point,
                one,
                benchmark.name,
                benchmark.headline,
                gains.get((at, benchmark.name)),
                int(summary.usage.get("prompt_tokens", 0)) + int(summary.usage.get("completion_tokens", 0)),
                None if summary.spent is None else summary.spent.dollars,
                benchmark.coverage.answered,
                benchmark.coverage.asked,
            )


def _covered(datasets: Sequence[Dataset]) -> list[object]:
    """What of the benchmarks is asked, as far as it decides which samples there are."""
    records = (dataset.record() for dataset in datasets)
    return [
        (
            *(one.name, one.tasks, one.profile, one.prompt_profile),
            *(one.digest, one.limit, one.control, one.skip_broken),
        )
        for one in records
    ]


def _silent(_line: str) -> None:
    pass
