"""The loop that ties the client together: samples in, replies into the journal, nothing lost on the way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sightbench.client.asking import Asker
from sightbench.client.body import Template, build, elided
from sightbench.client.dialects.table import DIALECTS
from sightbench.client.interrupts import interrupts
from sightbench.client.journal import Journal
from sightbench.client.media import MediaCache
from sightbench.client.order import Unit, by_video, mine, units
from sightbench.client.probe import ServerInfo
from sightbench.client.progress import Progress
from sightbench.client.providers import chosen, provider
from sightbench.client.settings import Mode, Settings, Target
from sightbench.client.store import Store
from sightbench.client.transport.open_files import connections, limit
from sightbench.errors import EndpointError, RunFolderError, UsageError
from sightbench.families import Family, family, named
from sightbench.sample import Sample

__all__ = ["Outcome", "Settings", "Target", "ask", "preview", "settle"]

log = logging.getLogger("sightbench.client")

INTERRUPTED = "interrupted"
"""Why an Outcome was stopped by Ctrl-C or SIGTERM."""

_DRAIN_SECONDS = 4.0
_SHOW_EVERY = 0.2
_SYNC_EVERY = 5.0
_BATCH = 64
_HIRE_EVERY = 0.1
_WORKER = "sightbench worker "


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call of `ask` did. `kept` were answered before, `reused` taken from earlier runs; `asked` is
    answered + failed. `stopped` is one line saying why the run ended before all samples were asked, None when
    it did not."""

    asked: int
    answered: int
    failed: int
    kept: int
    tokens: int
    seconds: float
    stopped: str | None = None
    reused: int = 0


def settle(settings: Settings, server: ServerInfo, *, mode: Mode | None = None) -> Settings:
    """The settings completed by what the server says: its dialect, its model's family, how frames go out
    (`mode` when given, else the family's way where the server can take it, else as images).

    Raises UsageError for `detail` where the service's wire has none.
    """
    known = chosen(settings.provider, settings.endpoints[0].url)
    if known.name == "generic":
        known = provider(server.engine)
    words = DIALECTS[known.dialect].details
    if settings.detail and settings.detail not in words:
        told = f"has {', '.join(words)}" if words else "has no such thing; leave it out"
        raise UsageError(f"--detail {settings.detail}: {known.name}'s API {told}")
    if mode == "upload" and DIALECTS[known.dialect].stored_video is None:
        raise UsageError(
            f"--media upload: {known.name} has no store for videos that is known here; only Gemini"
        )
    if mode == "upload" and len(settings.endpoints) > 1:
        raise UsageError("--media upload asks one endpoint: a file lies in one project's store")
    model = settings.model or server.model or ""
    convention = named(settings.family) if settings.family else _family_of(model, server)
    if mode is None:
        mode = (
            "video" if convention.frames == "video" and known.frame_lists and server.frame_lists else "images"
        )
    return replace(settings, model=model, provider=known.name, family=convention.name, mode=mode)


async def preview(sample: Sample, settings: Settings) -> tuple[dict[str, Any], int]:
    """The request for `sample` without sending it: (its JSON with media data left out, its size in bytes).

    Raises MediaError when a file cannot be read.
    """
    template = _template(settings)
    cache = MediaCache(template.plan)
    try:
        request = await build(template, cache, sample)
    finally:
        cache.close()
    return elided(request), request.size


async def ask(
    samples: Iterable[Sample],
    settings: Settings,
    journal: Journal,
    *,
    progress: Callable[[Progress], None] | None = None,
    store: Store | None = None,
) -> Outcome:
    """Asks every sample that has no answer to exactly this request yet; each reply goes to the journal.

    Samples are read as they are needed, in a thread, and memory does not grow with their number. The first
    Ctrl-C (or SIGTERM) stops asking and waits up to four seconds for what is in flight, the second ends at
    once. What `store` has an answer to is not asked. Raises what reading `samples` raises, after what was
    asked has been written.
    """
    run = _Run(settings, journal, store or Store())
    try:
        with interrupts(run.interrupt):
            await run.drive(samples, progress)
    finally:
        await run.close()
        run.asker.counts.waiting = None
        if progress is not None:
            with contextlib.suppress(OSError):
                progress(run.asker.counts)
    counts = run.asker.counts
    return Outcome(
        asked=counts.answered + counts.failed,
        answered=counts.answered,
        failed=counts.failed,
        kept=counts.kept,
        tokens=counts.tokens,
        seconds=time.monotonic() - counts.started,
        stopped=run.stopped,
        reused=counts.reused,
    )


class _Run:
    """One call of `ask`: a reader, workers, clocks, and what ends them."""

    def __init__(self, settings: Settings, journal: Journal, store: Store) -> None:
        self.settings = settings
        self.journal = journal
        settings = _within_open_files(settings)
        self.asker = Asker(_template(settings), journal, store, lambda why: self.stop(why, drain=True))
        self.stopped: str | None = None
        self._queue: asyncio.Queue[Unit | None] = asyncio.Queue(maxsize=_BATCH)
        self._ending = asyncio.Event()
        self._drain = True
        self._units = 0
        self._crew: list[asyncio.Task[None]] = []
        self._broken: Exception | None = None
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="samples")

    async def drive(self, samples: Iterable[Sample], progress: Callable[[Progress], None] | None) -> None:
        """Runs reader, workers and clocks until all is asked or something says stop."""
        feeder = asyncio.create_task(self._feed(samples))
        everything = asyncio.create_task(self._all_asked(feeder))
        ending = asyncio.create_task(self._ending.wait())
        clocks = [asyncio.create_task(self._sync())]
        if progress is not None:
            clocks.append(asyncio.create_task(self._show(progress)))
        if self.settings.deadline is not None:
            clocks.append(asyncio.create_task(self._deadline(self.settings.deadline)))
        try:
            await asyncio.wait((everything, ending), return_when=asyncio.FIRST_COMPLETED)
            if not everything.done():
                feeder.cancel()
                if self._drain and self._crew:
                    self._send_home()
                    await asyncio.wait(self._crew, timeout=_DRAIN_SECONDS)
        finally:
            everything.cancel()
            tasks = [everything, feeder, *self._crew, *clocks, ending]
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in (*results, self._broken):
            if isinstance(result, Exception):
                raise result

    async def _all_asked(self, feeder: asyncio.Task[None]) -> None:
        """Hires more workers when the endpoints take more; returns when the last has nothing to do."""
        while not feeder.done():
            self._hire(self._units)
            await asyncio.wait((feeder,), timeout=_HIRE_EVERY)
        await feeder
        await asyncio.gather(*self._crew)

    def _hire(self, units: int) -> None:
        """Keeps as many workers as the endpoints take requests, and no more than there are `units`: a worker
        holds a whole request while it waits."""
        for number in range(len(self._crew), min(self.asker.pool.capacity, units)):
            self._crew.append(asyncio.create_task(self._work(), name=f"{_WORKER}{number}"))

    async def close(self) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)
        await self.asker.close()
        with contextlib.suppress(OSError):
            self.journal.sync()

    def stop(self, why: str, *, drain: bool) -> None:
        """Nothing new is asked from here on; without `drain` what is in flight is given up too."""
        if self.stopped is None:
            self.stopped = why
            self.asker.stopping = True
            self._drain = drain
            self._ending.set()

    def interrupt(self) -> None:
        if self.stopped is not None:
            # The second Ctrl-C: whoever waits for the drain is woken by their tasks ending.
            for task in asyncio.all_tasks():
                if task.get_name().startswith(_WORKER):
                    task.cancel()
            return
        self.stop(INTERRUPTED, drain=True)

    async def _feed(self, samples: Iterable[Sample]) -> None:
        loop = asyncio.get_running_loop()
        source = by_video(mine(units(samples), self.settings.shard), self.settings.lookahead)
        while self._broken is None:
            batch, self._broken = await loop.run_in_executor(self._reader, _next, source)
            if not batch:
                break
            for unit in batch:
                self._units += 1
                self._hire(self._units)
                await self._queue.put(unit)
        await self._queue.put(None)

    def _send_home(self) -> None:
        """Nothing is left for the workers that wait for something to do."""
        while not self._queue.empty():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def _work(self) -> None:
        while self.stopped is None:
            unit = await self._queue.get()
            if unit is None:
                # The end is for everyone.
                await self._queue.put(None)
                return
            try:
                await self.asker.ask(unit)
            except (EndpointError, RunFolderError) as error:
                self.stop(str(error), drain=False)
            except Exception as error:
                self._broken = error
                self.stop(str(error), drain=False)

    async def _deadline(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.stop(f"the deadline of {seconds:g} s has passed", drain=False)

    async def _show(self, progress: Callable[[Progress], None]) -> None:
        while True:
            self.asker.counts.waiting = self.asker.pool.waiting()
            try:
                progress(self.asker.counts)
            except OSError:
                self.stop("nobody reads the progress any more", drain=True)
                return
            await asyncio.sleep(_SHOW_EVERY)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(_SYNC_EVERY)
            await asyncio.to_thread(self.journal.sync)


def _template(settings: Settings) -> Template:
    convention = named(settings.family) if settings.family else family(settings.model)
    return Template(settings, provider(settings.provider), convention)


def _family_of(model: str, server: ServerInfo) -> Family:
    found = family(model)
    # A served name can be an alias ("tiny", "default") or an adapter's; what was loaded says more.
    for loaded in (server.root, server.base):
        if not found.match and loaded is not None:
            found = family(loaded)
    return found


def _next(source: Iterator[Unit]) -> tuple[list[Unit], Exception | None]:
    """The next units, and what went wrong after them."""
    batch: list[Unit] = []
    try:
        for unit in islice(source, _BATCH):
            batch.append(unit)
    except Exception as error:
        return batch, error
    return batch, None


def _within_open_files(settings: Settings) -> Settings:
    """The settings with no more requests in flight than this process can hold connections; says so."""
    auto = settings.concurrency == "auto"
    wanted = settings.max_concurrency if settings.concurrency == "auto" else settings.concurrency
    possible = connections(len(settings.endpoints), wanted)
    if auto:
        return replace(settings, max_concurrency=possible)
    if possible < wanted:
        log.warning(
            "%s requests at once are more than can be held: this process may have %s files open, so %s are "
            "in flight to each endpoint (`ulimit -n` raises the limit)",
            f"{wanted:,}",
            f"{limit():,}",
            f"{possible:,}",
        )
    return replace(settings, concurrency=possible)
