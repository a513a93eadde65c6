"""The benchmarks a run covers, as run.json remembers them, and the samples they give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from sightbench.errors import RunFolderError, UsageError
from sightbench.sample import Sample
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Problems, Selection


@dataclass(frozen=True, slots=True)
class Chosen:
    """One benchmark of a run: which tasks of it, from where, under which profile, how much of it."""

    selection: Selection
    data: Path
    profile: str
    digest: str
    limit: int | None = None

    def samples(self, problems: Problems | None = None) -> Iterator[Sample]:
        """The samples in asking order, at most `limit`.

        Ids are unique in the run: Dyn-Bench's as they are, others with the benchmark's name in front.
        Raises DatasetError for broken rows unless `problems` collects them.
        """
        benchmark = self.selection.benchmark
        read = catalog.read(self.selection, self.data, self.profile, problems)
        prefix = "" if benchmark.mask_tasks else f"{benchmark.name}/"
        for sample in islice(read, self.limit):
            if prefix:
                follows = None if sample.follows is None else prefix + sample.follows
                sample = replace(sample, id=prefix + sample.id, follows=follows)
            yield sample

    def only(self, *, masks: bool) -> Chosen | None:
        """The part of it that asks for masks, or the part that does not; None where there is none."""
        benchmark = self.selection.benchmark
        if not benchmark.mask_tasks:
            return None if masks else self
        tasks = self.selection.tasks or benchmark.tasks
        kept = tuple(task for task in tasks if (task in benchmark.mask_tasks) == masks)
        return replace(self, selection=Selection(benchmark, kept)) if kept else None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.selection.benchmark.name,
            "tasks": list(self.selection.tasks) if self.selection.tasks else None,
            "profile": self.profile,
            "data": str(self.data),
            "digest": self.digest,
            "limit": self.limit,
        }


def choose(
    tasks: Sequence[str], data: Path | None, profile: str | None, limit: int | None
) -> tuple[Chosen, ...]:
    """What `--task` and `--data` mean. Raises UsageError for unknown names, or a folder that is not there."""
    names = [name for entry in tasks or ("all",) for name in entry.split(",") if name]
    selections = catalog.resolve(names)
    if data is None:
        raise UsageError(
            "--data is missing: the folder with the benchmark's files (`bench.py tasks NAME` lists them)"
        )
    if not data.is_dir():
        raise UsageError(f"--data {data}: there is no such folder")
    data = data.resolve()
    return tuple(
        Chosen(one, data, _profile(one, profile), catalog.digest(one.benchmark, data), limit)
        for one in selections
    )


def remembered(entries: Sequence[dict[str, Any]], data: Path | None, folder: Path) -> tuple[Chosen, ...]:
    """The benchmarks of an earlier run from its run.json; `data` if the files moved since.

    Raises RunFolderError if the files are gone or are no longer the ones that were asked.
    """
    if data is not None and not data.is_dir():
        raise UsageError(f"--data {data}: there is no such folder")
    chosen = []
    for entry in entries:
        root = data or Path(entry["data"])
        if not root.is_dir():
            raise RunFolderError(
                f"{folder} was asked from {root}, which is gone: say where it is with --data"
            )
        benchmark = next((one for one in catalog.BENCHMARKS if one.name == entry["name"]), None)
        if benchmark is None:
            raise RunFolderError(
                f"{folder} holds benchmark {entry['name']!r}, which this version does not know"
            )
        digest = catalog.digest(benchmark, root)
        if digest != entry["digest"]:
            raise RunFolderError(
                f"{root} is not the dataset {folder} was asked from (digest {digest}, was {entry['digest']})"
            )
        tasks = tuple(entry["tasks"]) if entry["tasks"] else None
        chosen.append(Chosen(Selection(benchmark, tasks), root, entry["profile"], digest, entry["limit"]))
    return tuple(chosen)


def check(chosen: Sequence[Chosen], keep: Callable[[Sample], None] | None = None) -> list[str]:
    """Reads everything once before anything is asked; returns notes on files that were left out.

    `keep` sees every sample. Raises DatasetError naming all that is broken, UsageError if nothing is left.
    """
    notes: list[str] = []
    for one in chosen:
        problems = Problems()
        count = 0
        for sample in one.samples(problems):
            count += 1
            if keep is not None:
                keep(sample)
        problems.check()
        notes += problems.notes()
        if not count:
            raise UsageError(f"{one.data} holds no sample of {one.selection.benchmark.name} with these flags")
    return notes


def _profile(selection: Selection, asked: str | None) -> str:
    benchmark = selection.benchmark
    if asked is None:
        return benchmark.profile
    if asked not in benchmark.profiles:
        raise UsageError(f"{benchmark.name} has no profile {asked!r}; it has {', '.join(benchmark.profiles)}")
    return asked
