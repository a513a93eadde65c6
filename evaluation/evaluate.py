"""Ask, score, and leave a run folder: what `bench.py` and `sightbench.evaluate` do."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sightbench.client.batches.ledger import LEDGER
from sightbench.client.batches.service import Exchange
from sightbench.client.hosted.preparation import described
from sightbench.client.hosted.prices import prices
from sightbench.client.journal import Journal
from sightbench.client.progress import Progress
from sightbench.client.providers import provider
from sightbench.client.run import Outcome, ask
from sightbench.client.settings import Settings
from sightbench.client.store import Store
from sightbench.evaluation import run_record
from sightbench.evaluation.judges.ask import OpenJudge, judged_cases
from sightbench.evaluation.judges.options import JudgeOptions, of_judge
from sightbench.evaluation.judges.stage import judge_answers
from sightbench.evaluation.options import Options
from sightbench.evaluation.reuse import earlier
from sightbench.evaluation.run import Run, open_run
from sightbench.evaluation.run_record import RunRecord, refuse_other_run
from sightbench.evaluation.score import score_run
from sightbench.evaluation.selection import Dataset, check
from sightbench.evaluation.shards import merge
from sightbench.evaluation.shards.ledger import SHARDS
from sightbench.evaluation.shards.part import Part
from sightbench.evaluation.start.begin import Begun, Note, begin
from sightbench.evaluation.start.servers import Servers, fitted, look, look_and_judge
from sightbench.families import Family, named
from sightbench.sample import Sample
from sightbench.scorers.scoring_options import ScoringOptions

OnProgress = Callable[[Progress, int | None], None]
"""Called up to five times a second with the run so far and how many samples there are (a shard: None)."""


def evaluate(options: Options, *, progress: OnProgress | None = None, note: Note | None = None) -> Run:
    """Asks every sample, scores the answers, writes the run folder and returns it.

    The same options again continue the run. Works inside a running event loop too, which then waits; Ctrl-C
    stops asking and keeps what was answered. Raises SightbenchError: UsageError for options that mean
    nothing, DatasetError for a broken dataset (before anything is asked), EndpointError for a server that
    cannot be used, RunFolderError for a folder that holds another run. What fails for one sample is counted
    in `run.summary` and raises nothing.
    """
    if _a_loop_runs_here():
        return _beside(evaluate_async(options, progress=progress, note=note))
    with ExitStack() as stack, asyncio.Runner() as runner:
        begun = begin(options, stack, note or _silent)
        servers = runner.run(look_and_judge(begun, note or _silent))
        ready = _prepare(begun, servers, stack, note or _silent)
        outcome = runner.run(_ask(ready, progress, note or _silent))
        if ready.judge is not None and outcome.stopped is None:
            runner.run(_judge(ready, progress, note or _silent))
        return _conclude(ready, outcome, note or _silent)


async def evaluate_async(
    options: Options, *, progress: OnProgress | None = None, note: Note | None = None
) -> Run:
    """`evaluate` for a program that has an event loop: files are read and answers scored in a thread."""
    with ExitStack() as stack:
        begun = await asyncio.to_thread(begin, options, stack, note or _silent)
        servers = await look_and_judge(begun, note or _silent)
        ready = await asyncio.to_thread(_prepare, begun, servers, stack, note or _silent)
        outcome = await _ask(ready, progress, note or _silent)
        if ready.judge is not None and outcome.stopped is None:
            await _judge(ready, progress, note or _silent)
        return await asyncio.to_thread(_conclude, ready, outcome, note or _silent)


@dataclass(frozen=True, slots=True)
class _Ready:
    """`shared` is the run that this one is a part of, where the parts come together by themselves."""

    folder: Path
    record: RunRecord
    datasets: tuple[Dataset, ...]
    settings: Settings
    journal: Journal
    total: int
    batch: Exchange | None = None
    store: Store | None = None
    shared: tuple[Path, Part] | None = None
    judge: OpenJudge | None = None
    judge_options: JudgeOptions = field(default_factory=JudgeOptions)

    def samples(self) -> Iterator[Sample]:
        """Every sample of the run, in file order."""
        return (sample for dataset in self.datasets for sample in dataset.samples())


def ask_first(options: Options, stack: ExitStack, runner: asyncio.Runner, note: Note) -> _Ready:
    """Everything up to the first sample: datasets read, servers probed, the run folder open."""
    begun = begin(options, stack, note)
    return _prepare(begun, runner.run(look(begun)), stack, note)


def _prepare(begun: Begun, servers: Servers, stack: ExitStack, note: Note) -> _Ready:
    """Reads all samples once, opens the run folder and writes run.json."""
    datasets, notes, ways = fitted(begun, servers)
    total = 0

    def count(_: object) -> None:
        nonlocal total
        total += 1

    datasets, remarks = check(datasets, count)
    for line in (*notes, *ways, *remarks):
        note(line)
    options, asked = begun.options, servers.settings
    whole = options.folder(asked.model)
    folder = merge.shard_folder(whole, begun.part) if begun.part else whole
    journal = stack.enter_context(Journal.open(folder))
    for line in journal.notes():
        note(line)
    if options.batch is None and (folder / LEDGER).exists():
        from sightbench.evaluation.batches import refuse_open

        refuse_open(folder)
    record = _record(options, datasets, servers, tuple(notes), begun)
    if run_record.exists(folder):
        before = run_record.read(folder)
        refuse_other_run(folder, before, record, same_model=options.same_model)
        record = replace(record, started=before.started or record.started, judge=record.judge or before.judge)
    run_record.write(folder, record)
    store = earlier(options, folder, record, asked, note)
    shared = None
    if begun.part and folder.parent == whole / SHARDS:
        merge.begin(whole, begun.part, note)
        shared = (whole, begun.part)
    return _Ready(
        *(folder, record, datasets, asked, journal, total, options.batch, store, shared),
        judge=servers.judge,
        judge_options=of_judge(options),
    )


async def _ask(ready: _Ready, progress: OnProgress | None, note: Note) -> Outcome:
    if ready.batch is not None:
        from sightbench.client.batches.run import ask_batches

        return await ask_batches(
            *(ready.samples, ready.settings, ready.journal, ready.folder, ready.batch),
            note=note,
            store=ready.store,
        )
    samples = ready.samples()
    if progress is None:
        return await ask(samples, ready.settings, ready.journal, store=ready.store)
    total = None if ready.settings.shard else ready.total
    return await ask(
        samples,
        ready.settings,
        ready.journal,
        progress=lambda counts: progress(counts, total),
        store=ready.store,
    )


async def _judge(ready: _Ready, progress: OnProgress | None, note: Note) -> None:
    """Asks the judge about what was answered and no rule decides."""
    assert ready.judge is not None
    wanted = ready.judge.record.profile
    asked_about = await asyncio.to_thread(
        judged_cases, ready.datasets, ready.journal, ready.record.scoring, wanted
    )
    done = await judge_answers(
        ready.folder, ready.judge, asked_about, ready.judge_options, note=note, progress=progress
    )
    for line in done.lines():
        note(line)


def _conclude(ready: _Ready, outcome: Outcome, note: Note) -> Run:
    """The run, scored; a part of one as it is, unless it is the last: then the whole, merged and scored."""
    run = Run(ready.folder, ready.record, ready.datasets, outcome)
    if not ready.settings.shard:
        score_run(run.folder, ready.journal, run.datasets, run.record.to_json(), run.record.scoring)
    elif ready.shared and not outcome.stopped:
        ready.journal.sync()
        whole, mine = ready.shared
        finished = merge.finish(run, whole, mine, note)
        if finished == mine.count:
            return replace(open_run(whole), outcome=outcome)
        note(f"{finished} of {mine.count} parts are done; the last one makes {whole} by itself")
    return run


def _record(
    options: Options,
    datasets: tuple[Dataset, ...],
    servers: Servers,
    notes: tuple[str, ...],
    begun: Begun,
) -> RunRecord:
    from sightbench.scorers.masks.boundary import core
    from sightbench.version import version

    record = RunRecord(
        sightbench=version(),
        model=servers.settings.model,
        alias=options.alias,
        request=_request(servers.settings),
        benchmarks=tuple(dataset.record() for dataset in datasets),
        scoring=_scoring(options, servers.settings),
        servers=tuple(info.record() for info in servers.infos),
        shard=servers.settings.shard,
        deterministic=options.deterministic or None,
        python=platform.python_version(),
        mask_core=core(),
        notes=notes,
        absent=begun.absent,
        text_only_prior=begun.prior,
        judge=None if servers.judge is None else servers.judge.record,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return _priced(record, options, servers.settings)


def _priced(record: RunRecord, options: Options, asked: Settings) -> RunRecord:
    """The record with whose bill it is, and by which prices that is made out."""
    service = provider(asked.provider)
    if not service.hosted:
        return record
    file = None if options.prices is None else str(Path(options.prices).resolve())
    return replace(record, provider=service.name, prices=prices(options.prices).version, price_file=file)


def _scoring(options: Options, asked: Settings) -> ScoringOptions:
    """What was asked for, else what the model family does."""
    convention = named(asked.family) if asked.family else Family()
    return options.scoring(convention.box_mode, convention.answer)


def _request(asked: Settings) -> dict[str, Any]:
    """What decides a request beside the sample, as run.json keeps it."""
    request = {**asked.request(), "mode": asked.mode}
    if asked.changes:
        request["changes"] = described(asked.changes)
    return request


def _a_loop_runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _beside(work: Coroutine[Any, Any, Run]) -> Run:
    """Runs it in a thread with an event loop of its own; Ctrl-C here cancels it there."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="evaluation") as thread:
            done = thread.submit(loop.run_until_complete, task)
            try:
                return done.result()
            except KeyboardInterrupt:
                loop.call_soon_threadsafe(task.cancel)
                raise
    finally:
        loop.close()


def _silent(_line: str) -> None:
    pass
