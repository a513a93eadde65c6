"""Checkpoints asked by servers of their own: as many at once as GPUs are there, as `schedule` says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sightbench.client.interrupts import interrupts
from sightbench.client.progress import Progress
from sightbench.client.run import INTERRUPTED
from sightbench.errors import EndpointError, SightbenchError, UsageError
from sightbench.evaluation.evaluate import OnProgress, evaluate_async
from sightbench.evaluation.options import Options
from sightbench.evaluation.run import Run
from sightbench.evaluation.start.begin import Note
from sightbench.evaluation.studies.checkpoints import Checkpoint
from sightbench.evaluation.studies.grid import Point, as_folder
from sightbench.evaluation.studies.schedule import Server, Stage, moves
from sightbench.servers.checks import visible_gpus
from sightbench.servers.launched import Served, gpus_needed, launched

ALL_MEMORY = 0.9
"""Of a GPU, for all servers on it."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where servers run: GPUs by number or UUID, or places without one; `at_once` servers on each."""

    names: tuple[str, ...]
    gpus: bool
    at_once: int = 1


@dataclass(slots=True)
class Answered:
    """What came of the points, by their labels: runs, and why there is none; why it ended before its end."""

    done: dict[str, Run] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    stopped: str | None = None


def places(given: str | None, at_once: int = 1) -> Places:
    """The GPUs `given` ("0,1,2"), or so many places without one ("cpu,cpu"); None: all that are visible.

    Raises UsageError for a GPU that stands twice, or GPUs and cpu together.
    """
    if at_once < 1:
        raise UsageError("--servers-per-gpu is 1 or more")
    if given is None:
        seen = visible_gpus()
        # Where nobody can tell the GPUs of a machine, one server after the other has them all.
        return Places(tuple(seen), True, at_once) if seen else Places(("cpu",), False, at_once)
    names = [name.strip() for name in given.split(",") if name.strip()]
    if names and set(names) == {"cpu"}:
        return Places(tuple(f"cpu {number}" for number in range(1, len(names) + 1)), False, at_once)
    if not names or "cpu" in names or len(set(names)) < len(names):
        raise UsageError(
            f"--gpus {given}: write 0,1,2,3 (each once), or cpu,cpu for two places without a GPU"
        )
    return Places(tuple(names), True, at_once)


@dataclass(frozen=True, slots=True)
class Serving:
    """How checkpoints are served: with launch_server.sh's `flags`, on what `places`."""

    flags: tuple[str, ...] = ()
    places: Places = field(default_factory=lambda: places(None))

    def words(self) -> tuple[str, ...]:
        """The flags, with a share of the memory where several are on a GPU."""
        if not self.places.gpus or self.places.at_once == 1 or "--memory-share" in self.flags:
            return self.flags
        return ("--memory-share", f"{ALL_MEMORY / self.places.at_once:.3g}", *self.flags)


def ask_checkpoints(
    grid: Sequence[Point],
    serving: Serving,
    *,
    progress: OnProgress | None,
    note: Note,
) -> Answered:
    """Every point of `grid`, each of a checkpoint, asked of a server that is started for that checkpoint.

    One that does not come up costs its own points; Ctrl-C ends all. No server outlives this call. Raises
    OSError where logs cannot be written.
    """
    queue = _Queue(grid, serving, progress, note)
    try:
        asyncio.run(queue.drive())
    except BaseExceptionGroup as group:
        # Of a full disk one word is enough.
        raise group.exceptions[0] from None
    return queue.answered


class _Queue:
    """One call of `ask_checkpoints`: a task for each server, and gates that `schedule` opens."""

    def __init__(
        self, grid: Sequence[Point], serving: Serving, progress: OnProgress | None, note: Note
    ) -> None:
        self.answered = Answered()
        self._numbers = {point.label: number for number, point in enumerate(grid, 1)}
        self._serving = serving
        self._shown = _Shown(progress)
        self._note = note
        self._groups: dict[str, list[Point]] = {}
        for point in grid:
            self._groups.setdefault(_of(point).label, []).append(point)
        self._servers: dict[str, Server] = {}
        self._gates: dict[tuple[str, Stage], asyncio.Event] = {}
        self._servings: dict[str, asyncio.Task[None]] = {}
        self._askings: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def drive(self) -> None:
        """Returns when every server has gone and every answer is scored."""
        for label, points in self._groups.items():
            try:
                self._servers[label] = Server(self._needed(_of(points[0])))
            except SightbenchError as error:
                self._fail(label, str(error))
        with interrupts(self._interrupt):
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._turn()

    def _needed(self, checkpoint: Checkpoint) -> int:
        there = self._serving.places
        needed = gpus_needed(checkpoint.path, self._serving.flags) if there.gpus else 1
        if needed > len(there.names):
            raise UsageError(f"it takes {needed} GPUs, and the sweep has {len(there.names)}")
        return needed

    def _turn(self) -> None:
        """Does what is to be done now; once stopped, only ends what is there."""
        assert self._group is not None
        there = self._serving.places
        for move in tuple(moves(self._servers, there.names, there.at_once)):
            name, to = move.name, move.to
            if self.answered.stopped and to is not Stage.STOPPING:
                continue
            self._servers[name] = replace(self._servers[name], stage=to, places=move.places)
            if to is Stage.STARTING:
                self._gates |= {(name, gate): asyncio.Event() for gate in (Stage.ASKING, Stage.STOPPING)}
                self._servings[name] = self._group.create_task(self._serve(name, move.places))
            else:
                self._gates[name, to].set()

    def _reach(self, name: str, stage: Stage) -> None:
        if stage.value > self._servers[name].stage.value:
            self._servers[name] = replace(self._servers[name], stage=stage)
            self._turn()

    async def _serve(self, name: str, places: tuple[str, ...]) -> None:
        """A server from its start to its end; its answers are scored after it has gone."""
        assert self._group is not None
        checkpoint, there = _of(self._groups[name][0]), self._serving.places
        log = Path(self._groups[name][0].options.out or "").parent / "servers" / f"{as_folder(name)}.log"
        where = f" on GPU {', '.join(places)}" if there.gpus else ""
        self._note(f"starting a server for {name}{where} (log: {log})")
        gpus = places if there.gpus else ()
        try:
            async with launched(checkpoint.path, self._serving.words(), log, gpus) as models:
                served = _own(checkpoint, models)
                self._reach(name, Stage.READY)
                await self._gates[name, Stage.ASKING].wait()
                self._askings[name] = self._group.create_task(self._ask(name, served))
                await self._gates[name, Stage.STOPPING].wait()
        except SightbenchError as error:
            self._fail(name, str(error))
        except BaseException:
            # Nothing else begins while everything is taken down.
            self.answered.stopped = self.answered.stopped or INTERRUPTED
            raise
        finally:
            self._reach(name, Stage.GONE)

    async def _ask(self, name: str, served: Served) -> None:
        group = self._groups[name]
        try:
            for point in group:
                if self.answered.stopped:
                    return
                self._note(f"point {self._numbers[point.label]} of {len(self._numbers)}: {point.label}")
                watch = self._watching(name, last=point is group[-1])
                run = await evaluate_async(_at(point, served), progress=watch, note=self._note)
                self.answered.done[point.label] = run
                self._shown.leave(name)
        except SightbenchError as error:
            self._fail(name, str(error))
        finally:
            self._shown.leave(name)
            self._reach(name, Stage.ASKED)

    def _watching(self, name: str, *, last: bool) -> OnProgress:
        def watch(counts: Progress, total: int | None) -> None:
            if last and total is not None and counts.done + counts.in_flight >= total:
                self._reach(name, Stage.ASKED if counts.done >= total else Stage.LAST)
            self._shown.show(name, counts, total)

        return watch

    def _fail(self, name: str, why: str) -> None:
        self._note(f"{name}: {why}; the sweep goes on without it")
        for point in self._groups[name]:
            if point.label not in self.answered.done:
                self.answered.failed[point.label] = why

    def _interrupt(self) -> None:
        again = self.answered.stopped is not None
        self.answered.stopped = INTERRUPTED
        for name, serving in self._servings.items():
            stage = self._servers[name].stage
            if again or stage in (Stage.STARTING, Stage.READY):
                serving.cancel()
        for name, asking in self._askings.items():
            # One that shows progress hears the signal itself, and keeps the answers that are on their way.
            if again or not self._shown.has(name):
                asking.cancel()


class _Shown:
    """The progress of all runs that are being asked, as one."""

    def __init__(self, progress: OnProgress | None) -> None:
        self._progress = progress
        self._runs: dict[str, tuple[Progress, int | None]] = {}
        self._sum = Progress()
        self._of: tuple[tuple[str, int | None], ...] = ()

    def has(self, name: str) -> bool:
        return name in self._runs

    def leave(self, name: str) -> None:
        self._runs.pop(name, None)

    def show(self, name: str, counts: Progress, total: int | None) -> None:
        self._runs[name] = (counts, total)
        if self._progress is None:
            return
        whose = tuple((one, total) for one, (_, total) in self._runs.items())
        if whose != self._of:
            # Another sum from here on: a display begins a new line for a new object.
            self._of, self._sum = whose, Progress(min(each.started for each, _ in self._runs.values()))
        every = [each for each, _ in self._runs.values()]
        for amount in ("kept", "answered", "failed", "reused", "retries", "in_flight", "tokens"):
            setattr(self._sum, amount, sum(getattr(each, amount) for each in every))
        totals = [total for _, total in self._runs.values()]
        whole = sum(total for total in totals if total is not None)
        self._progress(self._sum, None if None in totals else whole)


def _of(point: Point) -> Checkpoint:
    assert point.checkpoint is not None
    return point.checkpoint


def _own(checkpoint: Checkpoint, models: Sequence[Served]) -> Served:
    """Of what a server has the checkpoint itself. Raises EndpointError where it has not its adapter."""
    name = Path(checkpoint.path).name if checkpoint.is_adapter else None
    for one in models:
        if name in (None, one.model, one.alias):
            return one
    raise EndpointError(f"the server does not serve the adapter {name}")


def _at(point: Point, served: Served) -> Options:
    """The options of a point, asked of a server that was started for it."""
    options = point.options
    return replace(
        options,
        endpoint=served.endpoints,
        model=served.model,
        alias=options.alias or _of(point).label,
        family=options.family or served.family,
        api_key_env=options.api_key_env or served.api_key_env,
        extra_body={**(served.extra_body or {}), **options.extra_body},
        deterministic=options.deterministic or served.deterministic,
    )
