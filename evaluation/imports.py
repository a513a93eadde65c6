"""Runs made of answers that exist already: masks saved on disk, predictions of another tool."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightbench.client import saved_masks
from sightbench.client.journal import REPLIES, Journal
from sightbench.errors import UsageError
from sightbench.evaluation import run_record
from sightbench.evaluation.run import Run, open_run
from sightbench.evaluation.run_record import RunRecord, refuse_other_run
from sightbench.evaluation.selection import Dataset, check, select
from sightbench.sample import Failure, Reply, Sample
from sightbench.tasks.readers import predictions as predictions_file
from sightbench.tasks.readers.predictions import Predictions


@dataclass(frozen=True, slots=True)
class Imported:
    """A run made of what was found; it is not scored yet. `missing` are the samples nothing was found for."""

    run: Run
    missing: tuple[str, ...]
    total: int


def import_masks(tasks: Sequence[str], data: Path | None, masks: Path, out: Path, model: str) -> Imported:
    """Makes a run of masks that are already on disk.

    Only mask tasks are taken. A sample without a single saved file stays unasked: named, counted, and in
    no number. Raises UsageError if no file fits any sample.
    """
    if not masks.is_dir():
        raise UsageError(f"--masks {masks}: there is no such folder")
    datasets = tuple(part for dataset in select(tasks, data) if (part := dataset.only(masks=True)))
    if not datasets:
        raise UsageError("none of these tasks asks for masks")
    check(datasets)
    replies = (
        (sample.id, saved_masks.reply(sample, masks)) for dataset in datasets for sample in dataset.samples()
    )
    nothing = (
        f"--masks {masks}: no file is named <scene>/frame_0000_obj1.png or "
        "<dataset>/<scene>_<task>_output/frame_0000.png for any sample of these tasks"
    )
    return _keep(out, _record(model, masks, datasets), replies, nothing)


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
        benchmarks=tuple(dataset.record() for dataset in datasets),
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
