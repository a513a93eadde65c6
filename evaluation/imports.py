"""Runs made of answers that exist already: masks saved on disk, predictions of another tool."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from sightbench.client import saved_expressions, saved_masks
from sightbench.client.journal import REPLIES, Journal
from sightbench.errors import UsageError
from sightbench.evaluation import run_record
from sightbench.evaluation.run import Run, open_run
from sightbench.evaluation.run_record import RunRecord, refuse_other_run
from sightbench.evaluation.selection import Dataset, check, select
from sightbench.sample import Failure, MaskTruth, Reply, Sample
from sightbench.tasks.readers import predictions as predictions_file
from sightbench.tasks.readers.predictions import Predictions

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Imported:
    """A run made of what was found; it is not scored yet. `missing` are the samples nothing was found for."""

    run: Run
    missing: tuple[str, ...]
    total: int


def import_masks(
    tasks: Sequence[str], data: Path | None, masks: Path, out: Path, model: str, profile: str | None = None
) -> Imported:
    """Makes a run of masks that are already on disk: Dyn-Bench's files (client/saved_masks.py), or those of
    expressions as other programs save them (client/saved_expressions.py).

    Only mask tasks are taken; `profile` says whose scoring. A sample without a single saved file stays
    unasked: named, counted, and in no number. Raises UsageError if no file fits any sample.
    """
    find = saved_expressions.finder(masks)
    selected = select(tasks, data, profile)
    datasets = tuple(part for dataset in selected if (part := dataset.only(masks=True)))
    if not datasets:
        raise UsageError("none of these tasks asks for masks")
    check(datasets)
    files = [saved_masks.FORMS] if any(_is_dynbench(dataset) for dataset in datasets) else []
    files += [saved_expressions.FORMS] if not all(_is_dynbench(dataset) for dataset in datasets) else []
    nothing = f"--masks {masks}: it holds nothing of any sample of these tasks; looked for {'; '.join(files)}"

    def reply(sample: Sample) -> tuple[str, Reply | None]:
        named = isinstance(sample.gold, MaskTruth)
        return sample.id, saved_masks.reply(sample, masks) if named else find(sample)

    samples = (sample for dataset in datasets for sample in dataset.samples())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return _keep(out, _record(model, masks, datasets), _ahead(pool, reply, samples), nothing)


def _is_dynbench(dataset: Dataset) -> bool:
    return dataset.selection.benchmark.aggregate == "dynbench"


def _ahead(
    pool: ThreadPoolExecutor, work: Callable[[Sample], R], samples: Iterable[Sample], window: int = 32
) -> Iterator[R]:
    """`work` of every sample, in order, at most `window` of them begun and not yet handed out."""
    begun: deque[Future[R]] = deque()
    for sample in samples:
        begun.append(pool.submit(work, sample))
        if len(begun) == window:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


def import_predictions(
    task: str, data: Path | None, predictions: Path, out: Path | None, profile: str | None
) -> Imported:
    """Makes a run of the answers in a file, in `out` or runs/FILE-TASK.

    A sample the file does not answer, or whose answer is a request the other tool failed, is an error and
    in no number. Raises UsageError if no answer fits any sample.
    """
    read = predictions_file.read(predictions)
    datasets = select([name for name in task.split(",") if name], data, profile)
    check(datasets)
    folder = out or Path("runs") / f"{predictions.stem}-{task}"
    replies = ((sample.id, _reply(sample, read)) for dataset in datasets for sample in dataset.samples())
    record = _record(predictions.stem, predictions, datasets)
    return _keep(folder, record, replies, f"{predictions}: none of its ids is an id of {task}")


def _record(model: str, source: Path, datasets: Sequence[Dataset]) -> RunRecord:
    return RunRecord(
        model=model,
        request={"imported": str(source.resolve())},
        # In whose words somebody else asked is not known.
        benchmarks=tuple(replace(dataset.record(), prompt_profile=None) for dataset in datasets),
    )


def _reply(asked: Sample, read: Predictions) -> Reply | None:
    there, text = read.find(asked)
    if not there:
        return None
    if text is None:
        failure = Failure("imported_failure", "the other tool's request failed")
        return Reply(asked.id, fingerprint="", status="error", error=failure, attempts=0, endpoint="import")
    return Reply(asked.id, fingerprint="", status="ok", text=text, attempts=0, endpoint="import")


def _keep(
    folder: Path, record: RunRecord, replies: Iterable[tuple[str, Reply | None]], nothing: str
) -> Imported:
    """Makes `folder` the run of the replies that are there.

    What an earlier import of the same source left there is replaced. Nothing is written before the first
    reply; UsageError(nothing) if there is none.
    """
    missing: list[str] = []
    total = 0
    journal: Journal | None = None
    try:
        for sample, reply in replies:
            total += 1
            if reply is None:
                missing.append(sample)
                continue
            if journal is None:
                if run_record.exists(folder):
                    refuse_other_run(folder, run_record.read(folder), record)
                (folder / REPLIES).unlink(missing_ok=True)
                journal = Journal.open(folder)
                run_record.write(folder, record)
            journal.append(reply)
    finally:
        if journal is not None:
            journal.close()
    if journal is None:
        raise UsageError(nothing)
    return Imported(open_run(folder), tuple(missing), total)
