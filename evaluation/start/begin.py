"""What is known before a server is asked anything: the options meant, the data there, the part of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeGuard

from sightbench.client.hosted.prices import prices
from sightbench.client.settings import Settings
from sightbench.errors import DatasetError, UsageError
from sightbench.evaluation.batches import NOWHERE
from sightbench.evaluation.judges.cases import form_of
from sightbench.evaluation.options import Options
from sightbench.evaluation.run_record import TextOnlyPrior
from sightbench.evaluation.selection import Dataset, data_folder, present, select
from sightbench.evaluation.settings import settings
from sightbench.evaluation.shards.part import Part, told
from sightbench.evaluation.synthetic import default_set
from sightbench.program import program
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Benchmark, Problems
from sightbench.tasks.benchmarks.dynbench import SYNTHETIC
from sightbench.tasks.own import is_path

Note = Callable[[str], None]
"""Called with one line about something a person should know: files left out, tasks that cannot be asked."""


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


def begin(options: Options, stack: ExitStack, note: Note) -> Begun:
    """Everything before a server is asked; `stack` ends the embedded baseline, if it is what answers."""
    mine = told(options.shard, note)
    if mine and options.batch:
        raise UsageError("--batch asks a run as a whole: give it one process, without --shard")
    if options.prices is not None:
        prices(options.prices)  # So that a mistake in it is told of any server, also of one without a bill.
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
    wants_masks = any(has_samples(dataset.only(masks=True)) for dataset in datasets)
    return Begun(wanted, asked, datasets, absent, wants_masks, prior, mine)


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


def chosen(options: Options, note: Note) -> tuple[tuple[Dataset, ...], tuple[str, ...]]:
    """The datasets that are meant and there, and the names of those of a group that are not."""
    if options.download:
        options = _downloaded(options, note)
    selected = select(
        *(options.tasks, options.data, options.profile, options.limit),
        skip_broken=options.skip_broken,
        metric=options.metric,
        few_shot=options.few_shot or 0,
        prompt_profile=options.prompt_profile,
    )
    for dataset in selected:
        if dataset.selection.benchmark.saved:
            name = dataset.selection.benchmark.name
            raise UsageError(
                f"{name} is not asked: its objects are named by a mask, which no request carries; "
                f"`{program()} import --task {name} --data DIR --masks FOLDER --out RUN` judges saved masks"
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


def has_samples(dataset: Dataset | None) -> TypeGuard[Dataset]:
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
