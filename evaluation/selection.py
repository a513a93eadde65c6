"""The benchmarks a run covers, as run.json remembers them, and the samples they give."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from sightbench.errors import DatasetError, FieldError, RunFolderError, UsageError
from sightbench.evaluation.judging import read_sample
from sightbench.evaluation.run_record import DatasetRecord, RunRecord
from sightbench.program import program
from sightbench.sample import Sample, StoredMasks
from sightbench.scorers.masks.truth import check_files
from sightbench.scorers.table import SCORERS
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Benchmark, Problems, Selection
from sightbench.tasks.controls import control
from sightbench.tasks.digest import digest, same
from sightbench.tasks.own import is_path
from sightbench.tasks.own import own as own_benchmark
from sightbench.tasks.wording import usual_words, words_for

LMU_DATA = "LMUData"

ONE_SHOT = "one_shot"
"""How the names of profiles begin that put one solved example before each question."""

CONTROL_SEED = 0
"""Of the controls that draw: everybody's shuffled frames are the same."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One benchmark of a run: which tasks of it, from where, under which profile, how much of it.

    `max_tokens` is what an answer may take where the benchmark says nothing, `tiles` how many the reference
    cuts an image into at most; None: it is not known, or left to the model. `skip_broken` leaves rows out
    that cannot be asked; `broken` are the lines that say which. `control` is the control condition
    (tasks/controls.py) the samples are asked under, `prompt_profile` whose words ask for masks.
    """

    selection: Selection
    data: Path
    profile: str
    digest: str
    limit: int | None = None
    max_tokens: int | None = None
    tiles: int | None = None
    skip_broken: bool = False
    broken: tuple[str, ...] = ()
    control: str | None = None
    prompt_profile: str | None = None

    def samples(self, problems: Problems | None = None) -> Iterator[Sample]:
        """The samples in asking order, at most `limit`, under `control` where there is one.

        Ids are unique in the run: those of a benchmark with `own_ids` as they are, others with its name in
        front. Raises DatasetError for broken rows unless `problems` collects them, and with them the rows
        whose id came before, or whose gold or fields their scorer cannot use.
        """
        if self.control is None:
            return self._as_they_are(problems)
        return control(self.control).of(lambda: self._as_they_are(problems), CONTROL_SEED)

    def _as_they_are(self, problems: Problems | None) -> Iterator[Sample]:
        benchmark = self.selection.benchmark
        if problems is None and self.skip_broken:
            problems = Problems()
        read = catalog.read(self.selection, self.data, self.profile, problems, self.prompt_profile)
        prefix = "" if benchmark.own_ids else f"{benchmark.name}/"
        seen: set[str] = set()
        for sample in islice(read, self.limit):
            if prefix:
                follows = None if sample.follows is None else prefix + sample.follows
                sample = replace(sample, id=prefix + sample.id, follows=follows)
            if sample.max_tokens is None and self.max_tokens:
                sample = replace(sample, max_tokens=self.max_tokens)
            if problems is not None:
                if sample.id in seen:
                    again = f"row {sample.order + 1}: the id of sample {sample.id} is another one's already"
                    problems.broke(again, self._annotations())
                    continue
                seen.add(sample.id)
                if not self._is_usable(sample, problems):
                    continue
            yield sample

    def _is_usable(self, sample: Sample, problems: Problems) -> bool:
        """Can its scorer use its gold and its fields? If not, `problems` is told."""
        try:
            read_sample(self.selection.benchmark, self.profile, sample)
            if isinstance(sample.gold, StoredMasks):
                check_files(sample.gold)
        except FieldError as error:
            problems.broke(f"row {sample.order + 1}, sample {sample.id}: {error}", self._annotations())
            return False
        return True

    def _annotations(self) -> Path:
        """The benchmark's file of questions where it is one file, else the folder they are in."""
        needed = (needed for needed in self.selection.benchmark.files if not needed.media)
        paths = [path for each in needed for path in catalog.located(each, self.data)]
        return paths[0] if len(paths) == 1 else self.data

    def only(self, *, masks: bool) -> Dataset | None:
        """The part of it that asks for masks, or the part that does not; None where there is none."""
        benchmark = self.selection.benchmark
        if len(benchmark.scorers) == 1:
            return self if ("masks" in benchmark.scorers) == masks else None
        tasks = self.selection.tasks or benchmark.tasks
        kept = tuple(task for task in tasks if (task in benchmark.mask_tasks) == masks)
        return replace(self, selection=Selection(benchmark, kept)) if kept else None

    def record(self) -> DatasetRecord:
        """What run.json keeps of it."""
        benchmark = self.selection.benchmark
        return DatasetRecord(
            name=benchmark.name,
            tasks=self.selection.tasks or None,
            profile=self.profile,
            data=str(self.data),
            digest=self.digest,
            limit=self.limit,
            max_tokens=self.max_tokens,
            tiles=self.tiles,
            skip_broken=self.skip_broken,
            broken=self.broken,
            scorer=None if benchmark in catalog.BENCHMARKS else benchmark.scorers.get("text"),
            control=self.control,
            prompt_profile=self.prompt_profile,
        )


def select(
    tasks: Sequence[str | Benchmark],
    data: Path | str | None,
    profile: str | None = None,
    limit: int | None = None,
    *,
    skip_broken: bool = False,
    metric: str | None = None,
    few_shot: int = 0,
    prompt_profile: str | None = None,
) -> tuple[Dataset, ...]:
    """What `--task` (none: all) and `--data` mean; a path in it is a set of one's own, judged by `metric`.
    `few_shot` solved examples stand before each question; `prompt_profile` is whose words ask for masks, in
    the sets of a group that have them.

    Raises UsageError for unknown names, a folder that is not there, or a set without such words.
    """
    given = [entry for entry in tasks or ("all",) if isinstance(entry, str)]
    paths = [name for name in given if is_path(name)]
    names = [name for name in given if name not in paths]
    by_path = [
        _by_path(Path(os.path.expanduser(name)), profile, limit, skip_broken, metric, few_shot)
        for name in paths
    ]
    if by_path and not names:
        return tuple(by_path)
    if metric is not None and not by_path:
        raise UsageError(
            "--metric is for a set of your own (--task ./FILE.tsv); a benchmark has a scorer already"
        )
    own = (Selection(entry) for entry in tasks if isinstance(entry, Benchmark))
    selections = (*catalog.resolve(names), *own)
    data = data_folder(data)
    if data is None:
        raise UsageError(
            f"--data is missing: the folder with the benchmark's files (`{program()} tasks NAME` lists them)"
        )
    folder = _folder(data)
    datasets = list(by_path)
    for selection in selections:
        state = digest(selection.benchmark, folder)
        whose = _profile(selection, profile, few_shot)
        words = _words(selection, whose, prompt_profile)
        datasets.append(
            Dataset(selection, folder, whose, state, limit, skip_broken=skip_broken, prompt_profile=words)
        )
    if prompt_profile and all(dataset.prompt_profile is None for dataset in datasets):
        raise UsageError("--prompt-profile says whose words ask for masks, and none of these tasks does")
    return tuple(datasets)


def data_folder(data: Path | str | None) -> Path | None:
    """The folder of --data, else VLMEvalKit's variable for the folder of its tables, if it is set."""
    if data is None:
        return Path(os.environ[LMU_DATA]) if os.environ.get(LMU_DATA) else None
    return Path(data)


def _by_path(
    path: Path,
    profile: str | None,
    limit: int | None,
    skip_broken: bool,
    metric: str | None,
    few_shot: int,
) -> Dataset:
    if metric is not None and metric not in SCORERS:
        raise UsageError(f"--metric {metric}: known are {', '.join(sorted(SCORERS))}")
    known = tuple(SCORERS[metric or "exact_match"].profiles)
    selection = Selection(own_benchmark(path, metric, known))
    root = (path if path.is_dir() else path.parent).resolve()
    state = digest(selection.benchmark, root)
    wording = _profile(selection, profile, few_shot)
    return Dataset(selection, root, wording, state, limit, skip_broken=skip_broken)


def _remembered_path(entry: DatasetRecord, root: Path) -> Benchmark | None:
    """The set of one's own that a record tells of; None if it is not there any more."""
    path = root if root.name == entry.name else root / entry.name
    if entry.scorer is None or not path.exists():
        return None
    scorer = SCORERS.get(entry.scorer)
    metric = None if entry.scorer == "choice" else entry.scorer
    return own_benchmark(path, metric, tuple(scorer.profiles) if scorer else ())


def present(datasets: Sequence[Dataset], *, strict: bool = False) -> tuple[tuple[Dataset, ...], list[str]]:
    """The datasets whose files are there, and the names of those that only a group named and are not.

    Raises UsageError if none is there, for one that was named by itself, and with `strict` for any.
    """
    there, absent = [], []
    for dataset in datasets:
        try:
            next(dataset.samples(Problems()), None)
        except UsageError as error:
            if dataset.selection.required:
                raise
            if strict:
                raise UsageError(f"--strict: {error}") from None
            absent.append(dataset.selection.benchmark.name)
        except DatasetError:
            there.append(dataset)
        else:
            there.append(dataset)
    if datasets and not there:
        raise UsageError(f"no benchmark of this group is below {datasets[0].data}: {', '.join(absent)}")
    return tuple(there), absent


def reopen(
    folder: Path, record: RunRecord, data: Path | None = None, own: Sequence[Benchmark] = ()
) -> tuple[Dataset, ...]:
    """The benchmarks of the run in `folder`; `data` if the files moved since, `own` those of the program.

    Raises RunFolderError if the files are gone or are no longer the ones that were asked.
    """
    moved = None if data is None else _folder(data)
    datasets = []
    for entry in record.benchmarks:
        root = moved or Path(entry.data)
        if not root.is_dir():
            raise RunFolderError(
                f"{folder} was asked from {root}, which is gone: say where it is with --data"
            )
        benchmark = next((known for known in (*own, *catalog.BENCHMARKS) if known.name == entry.name), None)
        benchmark = benchmark or _remembered_path(entry, root)
        if benchmark is None:
            raise RunFolderError(f"{folder} holds benchmark {entry.name!r}, which this version does not know")
        if not same(benchmark, root, entry.digest):
            now = digest(benchmark, root)
            raise RunFolderError(
                f"{root} is not the dataset {folder} was asked from (digest {now}, was {entry.digest})"
            )
        selection = Selection(benchmark, entry.tasks or None)
        datasets.append(
            Dataset(
                *(selection, root, entry.profile, entry.digest, entry.limit),
                *(entry.max_tokens, entry.tiles, entry.skip_broken, entry.broken, entry.control),
                entry.prompt_profile,
            )
        )
    return tuple(datasets)


def check(
    datasets: Sequence[Dataset], keep: Callable[[Sample], None] | None = None
) -> tuple[tuple[Dataset, ...], list[str]]:
    """Reads everything once before anything is asked: the datasets, which then know their broken rows, and
    notes on files that were left out.

    `keep` sees every sample. Raises DatasetError naming all that is broken, unless they are to be skipped,
    and UsageError if nothing is left.
    """
    notes: list[str] = []
    checked = []
    for dataset in datasets:
        problems = Problems()
        count = 0
        for sample in dataset.samples(problems):
            count += 1
            if keep is not None:
                keep(sample)
        if dataset.skip_broken:
            dataset = replace(dataset, broken=tuple(str(error) for error in problems.broken))
            notes += broken_notes(dataset)
        else:
            problems.check()
        notes += problems.notes()
        checked.append(dataset)
        if not count:
            name = dataset.selection.benchmark.name
            raise UsageError(f"{dataset.data} holds no sample of {name} with these flags")
    return tuple(checked), notes


def broken_notes(dataset: Dataset) -> list[str]:
    """One line on the rows that were left out because they are broken, if there are any."""
    if not dataset.broken:
        return []
    what = f"{len(dataset.broken)} rows of {dataset.selection.benchmark.name} are broken and left out"
    return [f"{what}, for example {dataset.broken[0]}; run.json lists them"]


def _folder(data: Path) -> Path:
    """The folder itself; UsageError if there is none, with a hint if it is a benchmark's name."""
    if data.is_dir():
        return data.resolve()
    hint = ""
    if data.name == str(data) and data.name.lower() in {name.lower() for name in catalog.names()}:
        hint = f"; to ask {data}, write --task {data}, and give --data the folder with its files"
    raise UsageError(f"--data {data}: there is no such folder{hint}")


def _profile(selection: Selection, asked: str | None, few_shot: int = 0) -> str:
    benchmark = selection.benchmark
    if few_shot:
        return _with_examples(selection, asked or benchmark.profile, few_shot)
    if asked is None or (asked not in benchmark.profiles and not selection.required):
        return benchmark.profile
    if asked not in benchmark.profiles:
        raise UsageError(f"{benchmark.name} has no profile {asked!r}; it has {', '.join(benchmark.profiles)}")
    return asked


def _words(selection: Selection, profile: str, asked: str | None) -> str | None:
    """Whose words ask for masks, as far as is known before the model: `asked`, else those of the profile."""
    benchmark = selection.benchmark
    known = words_for(benchmark)
    if asked in known:
        return asked
    if asked is not None and known and selection.required:
        raise UsageError(
            f"--prompt-profile {asked}: it has no words of its own for {benchmark.name}; "
            f"those that have: {', '.join(known)}"
        )
    return usual_words(benchmark, profile)


def _with_examples(selection: Selection, profile: str, count: int) -> str:
    """The profile that puts solved examples before the questions of `profile`."""
    benchmark = selection.benchmark
    wanted = ONE_SHOT if profile == "official" else f"{ONE_SHOT}_{profile}"
    if profile.startswith(ONE_SHOT):
        wanted = profile
    if count == 1 and wanted in benchmark.profiles:
        return wanted
    if not selection.required and ONE_SHOT not in benchmark.profiles:
        return profile if profile in benchmark.profiles else benchmark.profile
    most = "one at most" if ONE_SHOT in benchmark.profiles else "none"
    raise UsageError(
        f"--few-shot {count}: {benchmark.name} has no prompt with that many solved examples ({most}); "
        "leave it out"
    )
