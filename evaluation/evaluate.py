"""Ask, score, and leave a run folder: what `bench.py` and `sightbench.evaluate` do."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeGuard

from sightbench.client.batches.service import Exchange
from sightbench.client.hosted.negotiation import greedy
from sightbench.client.hosted.preparation import described, prepare
from sightbench.client.hosted.prices import deprecated, prices
from sightbench.client.hosted.shutdown import switched_off
from sightbench.client.journal import Journal
from sightbench.client.probe import ServerInfo, probe_all, probe_masks
from sightbench.client.progress import Progress
from sightbench.client.providers import provider
from sightbench.client.run import Outcome, ask, settle
from sightbench.client.settings import Settings
from sightbench.client.store import Store
from sightbench.errors import DatasetError, EndpointError, UsageError
from sightbench.evaluation import run_record
from sightbench.evaluation.batches import NOWHERE
from sightbench.evaluation.judges.ask import OpenJudge, judged_cases, open_judge
from sightbench.evaluation.judges.cases import form_of
from sightbench.evaluation.judges.options import JudgeOptions, of_judge
from sightbench.evaluation.judges.stage import judge_answers
from sightbench.evaluation.options import Options
from sightbench.evaluation.reference import as_reference
from sightbench.evaluation.reuse import earlier
from sightbench.evaluation.run import Run, open_run
from sightbench.evaluation.run_record import RunRecord, TextOnlyPrior, refuse_other_run
from sightbench.evaluation.score import score_run
from sightbench.evaluation.selection import Dataset, check, data_folder, present, select
from sightbench.evaluation.settings import settings
from sightbench.evaluation.shards import merge
from sightbench.evaluation.shards.ledger import SHARDS
from sightbench.evaluation.shards.part import Part, told
from sightbench.evaluation.synthetic import default_set
from sightbench.families import Family, named
from sightbench.sample import Sample
from sightbench.scorers.scoring_options import ScoringOptions
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Benchmark, Problems
from sightbench.tasks.benchmarks.dynbench import SYNTHETIC
from sightbench.tasks.own import is_path

OnProgress = Callable[[Progress, int | None], None]
"""Called up to five times a second with the run so far and how many samples there are (a shard: None)."""

Note = Callable[[str], None]
"""Called with one line about something a person should know: files left out, tasks that cannot be asked."""


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
        servers = runner.run(_looked(begun, note or _silent))
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
        servers = await _looked(begun, note or _silent)
        ready = await asyncio.to_thread(_prepare, begun, servers, stack, note or _silent)
        outcome = await _ask(ready, progress, note or _silent)
        if ready.judge is not None and outcome.stopped is None:
            await _judge(ready, progress, note or _silent)
        return await asyncio.to_thread(_conclude, ready, outcome, note or _silent)


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known before a server is asked anything: what is meant by the options, and what there is.
    `part` is this process's, None: everything."""

    options: Options
    settings: Settings
    datasets: tuple[Dataset, ...]
    absent: tuple[str, ...]
    wants_masks: bool
    prior: TextOnlyPrior | None
    part: Part | None


@dataclass(frozen=True, slots=True)
class Servers:
    """What the endpoints said of themselves, the settings that follow, and whether they give masks; the
    judge, if one is to be asked."""

    settings: Settings
    infos: tuple[ServerInfo, ...]
    segments: bool
    judge: OpenJudge | None = None


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


def embedded(options: Options, note: Note) -> tuple[Options, TextOnlyPrior | None]:
    """The options with the data and tasks that are meant where none are given; a run of the baseline alone.

    Raises UsageError for a model without an endpoint, or a benchmark without data.
    """
    if options.endpoints:
        return options, None
    if options.batch == "file":
        if not options.model:
            raise UsageError("--batch file needs --model: nothing is asked what it serves")
        return replace(options, endpoint=NOWHERE), None
    if options.model:
        raise UsageError("--model needs --endpoint: without an endpoint the embedded baseline answers")
    if options.data is not None or any(isinstance(task, str) and is_path(task) for task in options.tasks):
        return options, None
    tasks = tuple(_of_synthetic(name) for name in options.tasks) or ("synthetic",)
    data, prior = default_set(options.scenes, note)
    return replace(options, data=data, task=tasks), prior


def begin(options: Options, stack: ExitStack, note: Note) -> Begun:
    """Everything before a server is asked; `stack` ends the embedded baseline, if it is what answers."""
    mine = told(options.shard, note)
    if mine and options.batch:
        raise UsageError("--batch asks a run as a whole: give it one process, without --shard")
    wanted, prior = embedded(options, note)
    datasets, absent = chosen(wanted, note)
    if wanted.judge_endpoint is not None:
        if mine:
            raise UsageError(
                "--judge-endpoint: a shard is judged when it is merged, with the command `judge`"
            )
        for dataset in datasets:
            form_of(dataset.selection.benchmark, dataset.profile, wanted.judge_profile)
    if not wanted.endpoints:
        from sightbench.servers.baseline.child import running

        wanted = replace(wanted, endpoint=stack.enter_context(running()))
    asked = settings(wanted)
    wants_masks = any(_has_samples(dataset.only(masks=True)) for dataset in datasets)
    return Begun(wanted, asked, datasets, absent, wants_masks, prior, mine)


def chosen(options: Options, note: Note) -> tuple[tuple[Dataset, ...], tuple[str, ...]]:
    """The datasets that are meant and there, and the names of those of a group that are not."""
    if options.download:
        options = _downloaded(options, note)
    selected = select(
        *(options.tasks, options.data, options.profile, options.limit),
        skip_broken=options.skip_broken,
        metric=options.metric,
        few_shot=options.few_shot or 0,
    )
    selected = tuple(replace(dataset, control=options.control) for dataset in selected)
    datasets, absent = present(selected, strict=options.strict)
    if absent:
        note(f"left out, not below {datasets[0].data}: {', '.join(absent)} (--strict refuses)")
    return datasets, tuple(absent)


def _downloaded(options: Options, note: Note) -> Options:
    """The options once what is missing of the named benchmarks' files has been fetched."""
    from sightbench.evaluation.download import complete

    names = [name for name in options.tasks or ("all",) if isinstance(name, str) and not is_path(name)]
    folder = data_folder(options.data) or Path("data")
    folder.mkdir(parents=True, exist_ok=True)
    complete((selection.benchmark for selection in catalog.resolve(names)), folder, note)
    return replace(options, data=folder)


async def _looked(begun: Begun, note: Note) -> Servers:
    """`look`, and the judge: before anything is asked that it could not judge."""
    servers = await look(begun)
    options = of_judge(begun.options)
    if options.judge_endpoint is None:
        return servers
    return replace(servers, judge=await open_judge(options, note))


async def look(begun: Begun) -> Servers:
    """What the endpoints say of themselves, and whether they can segment."""
    if begun.options.batch == "file" and begun.options.endpoints == (NOWHERE,):
        info = ServerInfo("file", engine=begun.options.provider or "vllm", model=begun.options.model)
        settled = settle(begun.settings, info, mode=begun.options.media)
        return Servers(settled, (info,), segments=False)
    infos = await probe_all(begun.settings)
    settled = await prepare(settle(begun.settings, infos[0], mode=begun.options.media))
    capabilities = infos[0].capabilities
    if capabilities is not None:
        segments = "masks" in capabilities
        # Else a mask server would also draw what an answer to a question mentions.
        settled = replace(settled, text_mask_options=segments)
    else:
        segments = begun.wants_masks and not provider(settled.provider).hosted and await probe_masks(settled)
    return Servers(settled, infos, segments)


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


def fitted(begun: Begun, servers: Servers) -> tuple[tuple[Dataset, ...], list[str], list[str]]:
    """The datasets as these servers are asked them, notes on what goes out differently from what was asked
    for, and lines on how the references ask. EndpointError if nothing is left."""
    datasets, notes = begun.datasets, []
    if begun.wants_masks and not servers.segments:
        datasets, left_out = _without_masks(datasets, servers.infos[0])
        notes.append(left_out)
    notes += (*_changed(servers.settings), *_ending(servers))
    first = servers.infos[0]
    model = " ".join(filter(None, (servers.settings.model, first.root, first.base)))
    datasets, ways = as_reference(datasets, servers.settings.family, model, begun.options.profile)
    return datasets, notes, [*_unknown(servers), *ways]


def _unknown(servers: Servers) -> list[str]:
    """A line on a model whose conventions nobody told: fine for one that has none, costly for others."""
    settings, first = servers.settings, servers.infos[0]
    ours = first.engine == "generic" and first.capabilities is not None
    if settings.family != Family().name or provider(settings.provider).hosted or ours:
        return []
    names = " or ".join(dict.fromkeys(filter(None, (settings.model, first.root, first.base))))
    return [
        f"no model family is known by {names}: frames go as images, without a system prompt or limits of a "
        "family's own; if it is one that the command `models` lists, say so with --family NAME"
    ]


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


def _changed(asked: Settings) -> list[str]:
    """What goes out differently from what was asked for, one line each."""
    lines = [str(change) for change in asked.changes]
    if not greedy(asked.changes):
        lines.append("this model cannot be asked greedily: --repeats 3 shows how much its answers vary")
    return lines


def _ending(servers: Servers) -> list[str]:
    """What is known of the model's end, a line each."""
    asked = servers.settings
    days = dict.fromkeys(info.shutdown_date for info in servers.infos if info.shutdown_date)
    lines = [line for day in days if (line := switched_off(f"the model {asked.model}", day, date.today()))]
    service = provider(asked.provider)
    if not days and service.hosted and deprecated(service.prices, asked.model):
        lines.append(
            f"the model {asked.model} is deprecated, as {prices().version} says: it may be gone soon"
        )
    return lines


def _without_masks(datasets: tuple[Dataset, ...], info: ServerInfo) -> tuple[tuple[Dataset, ...], str]:
    """The datasets without their mask tasks, and a line saying so. EndpointError if nothing is left."""
    why = f"{info.endpoint} answers in text only (it offers no masks, and sent none when asked for some)"
    rest = tuple(text for dataset in datasets if _has_samples(text := dataset.only(masks=False)))
    if not rest:
        raise EndpointError(f"{why}: mask tasks need a mask server, see docs/serving.md")
    return rest, f"the mask tasks are left out: {why}"


def _has_samples(dataset: Dataset | None) -> TypeGuard[Dataset]:
    try:
        return dataset is not None and any(True for _ in dataset.samples(Problems()))
    except (DatasetError, UsageError):
        return False


def _of_synthetic(name: str | Benchmark) -> str:
    """The name of the same tasks of the synthetic set. UsageError for what is no name, or not of that set."""
    if isinstance(name, Benchmark):
        raise UsageError(f"{name.name} needs its files: give data the folder they lie in")
    asked = catalog.resolve([name])
    if any(selection.benchmark.family != SYNTHETIC.family for selection in asked):
        raise UsageError(
            f"{name} needs its files and a model: give --data DIR and --endpoint URL (without them the "
            "embedded baseline answers synthetic scenes)"
        )
    return "synthetic" if name == "all" else f"synthetic-{name.removeprefix('synthetic-')}"


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
