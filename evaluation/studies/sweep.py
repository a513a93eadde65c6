"""One run for each point of a grid: checkpoints, frames, temperatures, seeds, prompts, controls, ..."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from itertools import groupby, product
from pathlib import Path

from sightbench.client.probe import models_at
from sightbench.client.run import INTERRUPTED
from sightbench.client.sampling import RequestOptions
from sightbench.errors import EndpointError, SightbenchError, UsageError
from sightbench.evaluation.evaluate import OnProgress, evaluate
from sightbench.evaluation.options import Options
from sightbench.evaluation.run import Run, open_run
from sightbench.evaluation.selection import Dataset
from sightbench.evaluation.settings import settings
from sightbench.evaluation.start.begin import Note, chosen
from sightbench.evaluation.studies.checkpoints import Checkpoint, natural, step_of
from sightbench.evaluation.studies.compare import against, judged
from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.comparison import Difference
from sightbench.servers.launched import Served, launched

AXES: Mapping[str, Callable[[str], object]] = {
    "model": str, "frames": int, "fps": float, "min_pixels": int, "max_pixels": int, "temperature": float,
    "top_p": float, "max_tokens": int, "seed": int, "profile": str, "prompt_profile": str, "control": str,
}  # fmt: skip
"""What can be swept, by the name of its flag, and how its values are read."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the grid: what it is called, the evaluation it is, and the checkpoint to serve for it
    (None: whatever answers at the endpoint).

    On a curve it lies at `x`, None where what is swept is no number; `series` is the curve.
    """

    label: str
    options: Options
    checkpoint: Checkpoint | None = None
    series: str = ""
    x: float | None = None


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


def points(
    options: Options, over: Sequence[str], checkpoints: Sequence[Checkpoint] = ()
) -> tuple[Point, ...]:
    """The grid of `over` ("frames=4,8,16"), for each checkpoint; the first axis is the slowest.

    Each run has its folder below `out`. Model names are put in natural order: checkpoint-200 before
    checkpoint-1000. Raises UsageError for an axis nobody can sweep or a value it cannot have.
    """
    axes = [_axis(text) for text in over]
    if not axes and not checkpoints:
        raise UsageError(
            "nothing to sweep: say for example --over frames=4,8,16, --checkpoints DIR or --models all"
        )
    names = [name for name, _ in axes]
    if len(set(names)) < len(names):
        raise UsageError(f"--over: an axis stands twice ({', '.join(names)})")
    if checkpoints and (options.endpoints or "model" in names):
        raise UsageError("--checkpoints starts a server for each: leave out --endpoint and models")
    root = Path(
        options.out or Path("runs") / "-".join(["sweep", *(["checkpoints"] if checkpoints else []), *names])
    )
    made = []
    every = tuple(product(*(values for _, values in axes)))
    for checkpoint, values in product(checkpoints or (None,), every):
        given = dict(zip(names, values, strict=True))
        label = ",".join(f"{name}={value}" for name, value in given.items())
        if checkpoint is not None:
            label = ",".join(filter(None, (checkpoint.label, label)))
        series, x = _place(checkpoint, given)
        asked = replace(options, out=root / _as_folder(label), **given)  # type: ignore[arg-type]
        made.append(Point(label, asked, checkpoint, series, x))
    if len({point.options.out for point in made}) < len(made):
        raise UsageError("two points of this sweep would have the same folder: give their models other names")
    return tuple(made)


def served_models(options: Options) -> tuple[str, ...]:
    """The models the endpoint lists: the one adapters were put on first, then the adapters step by step.

    Raises EndpointError where it lists nothing, UsageError without an endpoint.
    """
    if not options.endpoints:
        raise UsageError("--models all asks a running server what it serves: name it with --endpoint")
    cards = asyncio.run(models_at(settings(options)))
    bases = [card.id for card in cards if card.parent is None]
    adapters = sorted((card.id for card in cards if card.parent is not None), key=natural)
    return (*bases, *adapters)


def run(
    grid: Sequence[Point], *, serve: str = "", progress: OnProgress | None = None, note: Note | None = None
) -> Swept:
    """Every point evaluated, one after another; points that are done are not asked again.

    A checkpoint's server is started with launch_server.sh's flags `serve` when one of its points is not
    done, and stopped after them. One that does not come up is noted and the others go on; a run that is
    stopped ends the sweep.
    """
    note = note or _silent
    numbers = {point.label: number for number, point in enumerate(grid, 1)}
    done: list[tuple[Point, Run]] = []
    failed: list[tuple[Point, str]] = []
    for checkpoint, together in groupby(grid, key=lambda point: point.checkpoint):
        group = list(together)
        if checkpoint is not None:
            kept = [finished(point) for point in group]
            if all(kept):
                done += [(point, one) for point, one in zip(group, kept, strict=True) if one is not None]
                note(f"{checkpoint.label} is done: its server is not started")
                continue
        begun = len(done)
        try:
            with _asked_at(checkpoint, group[0], serve, note) as served:
                for point in group:
                    note(f"point {numbers[point.label]} of {len(grid)}: {point.label}")
                    one = evaluate(_at(point, served), progress=progress, note=note)
                    done.append((point, one))
                    stopped = None if one.outcome is None else one.outcome.stopped
                    if stopped and (checkpoint is None or stopped == INTERRUPTED):
                        return Swept(tuple(done), tuple(failed), stopped)
        except SightbenchError as error:
            if checkpoint is None:
                raise
            note(f"{checkpoint.label}: {error}; the sweep goes on without it")
            failed += [(point, str(error)) for point in group[len(done) - begun :]]
    return Swept(tuple(done), tuple(failed))


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
        try:
            found = list(against(first, [scored[at][name] for at in others]))
        except UsageError:
            # No answer in common: the table shows no gain there, and how many were answered.
            continue
        gains |= {(at, name): one.differences[0] for at, one in zip(others, found, strict=True)}
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


@contextmanager
def _asked_at(checkpoint: Checkpoint | None, point: Point, serve: str, note: Note) -> Iterator[Served | None]:
    if checkpoint is None:
        yield None
        return
    folder = Path(point.options.out or "").parent / "servers"
    log = folder / f"{_as_folder(checkpoint.label)}.log"
    note(f"starting a server for {checkpoint.label} (log: {log})")
    with launched(checkpoint.path, shlex.split(serve), log) as models:
        name = Path(checkpoint.path).name if checkpoint.is_adapter else None
        own = [one for one in models if name in (None, one.model, one.alias)]
        if not own:
            raise EndpointError(f"the server does not serve the adapter {name}")
        yield own[0]


def _at(point: Point, served: Served | None) -> Options:
    """The options of a point, asked of a server that was started for it."""
    options = point.options
    if served is None or point.checkpoint is None:
        return options
    return replace(
        options,
        endpoint=served.endpoints,
        model=served.model,
        alias=options.alias or point.checkpoint.label,
        family=options.family or served.family,
        api_key_env=options.api_key_env or served.api_key_env,
        extra_body={**(served.extra_body or {}), **options.extra_body},
    )


def _place(checkpoint: Checkpoint | None, given: Mapping[str, object]) -> tuple[str, float | None]:
    """(curve, place on it): along the steps of a training run, else along the last axis with numbers."""
    rest = dict(given)
    parts: list[str] = []
    x: float | None = None
    if checkpoint is not None:
        x = None if checkpoint.step is None else float(checkpoint.step)
        parts.append(checkpoint.series if x is not None else checkpoint.label)
    elif "model" in rest:
        name = str(rest.pop("model"))
        series, step = step_of(name)
        x = None if step is None else float(step)
        parts.append(series)
    if x is None:
        for name in reversed(list(rest)):
            value = rest[name]
            if isinstance(value, int | float):
                x = float(value)
                del rest[name]
                break
    return ", ".join([*filter(None, parts), *(f"{name}={value}" for name, value in rest.items())]), x


def _as_folder(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9._=,+-]+", "_", label)


def _axis(text: str) -> tuple[str, list[object]]:
    name, separator, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if name not in AXES or not separator:
        raise UsageError(f"--over {text}: write NAME=VALUE,VALUE,...; NAME is one of {', '.join(AXES)}")
    given = [value.strip() for value in values.split(",") if value.strip()]
    if not given:
        raise UsageError(f"--over {text}: there is no value")
    if name == "model":
        # What training started from is no step of it, and goes first.
        given.sort(key=lambda model: (step_of(model)[1] is not None, natural(model)))
    try:
        return name, [None if value == "none" else AXES[name](value) for value in given]
    except ValueError:
        raise UsageError(f"--over {text}: {name} takes numbers") from None


def _silent(_line: str) -> None:
    pass
