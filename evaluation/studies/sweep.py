"""One run for each point of a grid: frames, pixels, temperatures, seeds, prompts, models, controls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from sightbench.errors import UsageError
from sightbench.evaluation.evaluate import Note, OnProgress, evaluate
from sightbench.evaluation.options import Options
from sightbench.evaluation.run import Run
from sightbench.evaluation.studies.compare import against, judged
from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.comparison import Difference

AXES: Mapping[str, Callable[[str], object]] = {
    "model": str, "frames": int, "fps": float, "min_pixels": int, "max_pixels": int, "temperature": float,
    "top_p": float, "max_tokens": int, "seed": int, "profile": str, "control": str,
}  # fmt: skip
"""What can be swept, by the name of its flag, and how its values are read."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the grid: what it is called, and the evaluation it is."""

    label: str
    options: Options


@dataclass(frozen=True, slots=True)
class Step:
    """A point that was run, on one benchmark. `gain` is over the first point, paired by sample; None for the
    first itself, and where they share no answer. `tokens` are those of prompts and answers together.
    """

    label: str
    run: Run
    benchmark: str
    headline: Metric
    gain: Difference | None
    tokens: int
    answered: int
    asked: int


def points(options: Options, over: Sequence[str]) -> tuple[Point, ...]:
    """The grid of `over` ("frames=4,8,16"), the first axis slowest; each run has its folder below `out`.

    Model names are put in natural order: checkpoint-200 before checkpoint-1000. Raises UsageError for an axis
    nobody can sweep or a value it cannot have.
    """
    axes = [_axis(text) for text in over]
    if not axes:
        raise UsageError("--over is missing: what to sweep, for example --over frames=4,8,16")
    names = [name for name, _ in axes]
    if len(set(names)) < len(names):
        raise UsageError(f"--over: an axis stands twice ({', '.join(names)})")
    root = options.out or Path("runs") / ("sweep-" + "-".join(names))
    made = []
    for values in product(*(values for _, values in axes)):
        label = ",".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
        folder = Path(root) / re.sub(r"[^A-Za-z0-9._=,+-]+", "_", label)
        given = dict(zip(names, values, strict=True))
        made.append(Point(label, replace(options, out=folder, **given)))  # type: ignore[arg-type]
    return tuple(made)


def run(
    grid: Sequence[Point], *, progress: OnProgress | None = None, note: Note | None = None
) -> tuple[Run, ...]:
    """Every point evaluated, one after another; points that are done are not asked again."""
    found = []
    for number, point in enumerate(grid, 1):
        if note is not None:
            note(f"point {number} of {len(grid)}: {point.label}")
        found.append(evaluate(point.options, progress=progress, note=note))
    return tuple(found)


def steps(grid: Sequence[Point], runs: Sequence[Run]) -> Iterator[Step]:
    """Every point on every benchmark, with its gain over the first point; all gains are adjusted together."""
    gains: dict[tuple[int, str], Difference] = {}
    scored = [judged(run) for run in runs]
    for name, base in scored[0].items():
        others = [at for at in range(1, len(runs)) if name in scored[at]]
        try:
            found = list(against(base, [scored[at][name] for at in others]))
        except UsageError:
            # No answer in common: the table shows no gain there, and how many were answered.
            continue
        gains |= {(at, name): one.differences[0] for at, one in zip(others, found, strict=True)}
    for at, (point, one) in enumerate(zip(grid, runs, strict=True)):
        summary = one.summary
        for benchmark in summary.benchmarks:
            yield Step(
                point.label,
                one,
                benchmark.name,
                benchmark.headline,
                gains.get((at, benchmark.name)),
                int(summary.usage.get("prompt_tokens", 0)) + int(summary.usage.get("completion_tokens", 0)),
                benchmark.coverage.answered,
                benchmark.coverage.asked,
            )


def natural(text: str) -> list[tuple[int, str]]:
    """A key that sorts numbers inside names by their size: checkpoint-200, checkpoint-1000."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text) if part]


def _axis(text: str) -> tuple[str, list[object]]:
    name, separator, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if name not in AXES or not separator:
        raise UsageError(f"--over {text}: write NAME=VALUE,VALUE,...; NAME is one of {', '.join(AXES)}")
    given = [value.strip() for value in values.split(",") if value.strip()]
    if not given:
        raise UsageError(f"--over {text}: there is no value")
    if name == "model":
        given.sort(key=natural)
    try:
        return name, [None if value == "none" else AXES[name](value) for value in given]
    except ValueError:
        raise UsageError(f"--over {text}: {name} takes numbers") from None
