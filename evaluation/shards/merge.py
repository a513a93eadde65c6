"""The shards of one run brought together: by `merge`, or by whichever of them finishes last."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sightbench.client import journal as replies
from sightbench.client.journal import REPLIES, Merged, busy
from sightbench.errors import RunFolderError, UsageError
from sightbench.evaluation import run_record
from sightbench.evaluation.rescore import score
from sightbench.evaluation.run import Run, open_run
from sightbench.evaluation.run_record import DatasetRecord, RunRecord, refuse_other_run
from sightbench.evaluation.shards.ledger import SHARDS, Ledger
from sightbench.evaluation.shards.part import Part
from sightbench.files import sha256_of

Note = Callable[[str], None]

_WAITING = "waiting: another process merges the shards of {}"


def shard_folder(run: Path, part: Part) -> Path:
    """Where a part of the run in `run` keeps its replies: RUN/shards/i-of-n.

    A shard of version 0.1, whose folder is RUN itself or RUN-iofn, is continued where it is.
    """
    for old in (run, run.with_name(f"{run.name}-{part.index}of{part.count}")):
        if run_record.exists(old) and run_record.read(old).shard == (part.index, part.count):
            return old
    return run / SHARDS / f"{part.index}-of-{part.count}"


def begin(run: Path, part: Part, note: Note) -> None:
    """Tells the others that this part is being asked. Raises RunFolderError where `run` holds a whole run."""
    with Ledger.held(run, lambda: note(_WAITING.format(run))) as ledger:
        _refuse_whole(ledger)
        ledger.began(part.index, part.count)


def finish(shard: Run, run: Path, part: Part, note: Note) -> int:
    """Tells the others that this part is asked; the last one merges all of them into `run` and scores that.
    Returns how many are finished.

    Nothing is merged twice: what the shards were when they were merged stands in the ledger. A process that
    is killed while it merges leaves that to the next that finishes, itself for one when it is started again.
    """
    with Ledger.held(run, lambda: note(_WAITING.format(run))) as ledger:
        ledger.ended(part.index, part.count, _state(shard))
        division = ledger.division(part.count)
        if division.finished == part.count and division.merged != division.states:
            _merge_own(ledger, part.count)
            score(run)
            ledger.merged(part.count, division.states)
    return division.finished


def merge(folders: Sequence[Path], out: Path | None, data: Path | None = None) -> tuple[Run, Merged]:
    """Brings shards together in `out`; it is not scored yet. A folder whose shards lie in it stands for
    them, and without `out` they are brought together in that folder itself, finished or not.

    Raises RunFolderError if they are not shards of one run.
    """
    if out is None:
        if len(folders) != 1 or not (folders[0] / SHARDS).is_dir():
            raise UsageError("merge: --out is missing: the run folder to make")
        with Ledger.held(folders[0]) as ledger:
            merged = _merge_own(ledger, ledger.count())
        return open_run(folders[0], data), merged
    shards = [shard for folder in folders for shard in _shards(folder)]
    record = _record(shards)
    merged = replies.merge(shards, out)
    run_record.write(out, record)
    return open_run(out, data), merged


def _merge_own(ledger: Ledger, count: int) -> Merged:
    """The replies and the record of the shards in place of those of their run, each in one step."""
    run = ledger.run
    if busy(run):
        raise RunFolderError(f"{run}: another process writes to this run; `merge {run}` brings it up to date")
    _refuse_whole(ledger)
    shards = _those_of(run, count)
    record = _record(shards)
    made = run / SHARDS / ".merging"
    shutil.rmtree(made, ignore_errors=True)
    merged = replies.merge(shards, made)
    ledger.merging(count, _digest(made / REPLIES))
    os.replace(made / REPLIES, run / REPLIES)
    run_record.write(run, record)
    shutil.rmtree(made)
    return merged


def _record(shards: Sequence[Path]) -> RunRecord:
    """The record of all of them together. Raises RunFolderError if they are not of one run."""
    records = [run_record.read(folder) for folder in shards]
    for folder, record in zip(shards[1:], records[1:], strict=True):
        refuse_other_run(folder, records[0], record, same_model=True)
    servers = {repr(server): server for record in records for server in record.servers}
    benchmarks = _benchmarks(records)
    there = {entry.name for entry in benchmarks}
    return replace(
        records[0],
        benchmarks=benchmarks,
        absent=tuple(name for name in records[0].absent if name not in there),
        shard=None,
        servers=tuple(servers.values()),
        merged=tuple(str(folder) for folder in shards),
    )


def _benchmarks(records: Sequence[RunRecord]) -> tuple[DatasetRecord, ...]:
    """All that any of them asked: a shard may have been continued with more tasks, or more of one."""
    found: dict[str, DatasetRecord] = {}
    for entry in (entry for record in records for entry in record.benchmarks):
        known = found.get(entry.name, entry)
        found[entry.name] = replace(
            known,
            tasks=None if known.tasks is None or entry.tasks is None else _each(known.tasks, entry.tasks),
            limit=None if known.limit is None or entry.limit is None else max(known.limit, entry.limit),
            skip_broken=known.skip_broken or entry.skip_broken,
            broken=_each(known.broken, entry.broken),
        )
    return tuple(found.values())


def _each(some: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*some, *others)))


def _shards(folder: Path) -> list[Path]:
    """The shards a folder stands for: itself, or those of the newest division below it."""
    if not (folder / SHARDS).is_dir():
        return [folder]
    with Ledger.held(folder) as ledger:
        return _those_of(folder, ledger.count())


def _those_of(run: Path, count: int) -> list[Path]:
    """The shards below a run that were begun. Raises RunFolderError if there are none."""
    found = [run / SHARDS / f"{index}-of-{count}" for index in range(count)]
    there = [folder for folder in found if run_record.exists(folder)]
    if not there:
        raise RunFolderError(f"{run / SHARDS}: no shard was begun here")
    return there


def _refuse_whole(ledger: Ledger) -> None:
    """Raises RunFolderError if the run folder holds answers that no merge of its shards put there."""
    path = ledger.run / REPLIES
    if path.exists() and not ledger.wrote(_digest(path)):
        raise RunFolderError(
            f"{ledger.run} holds a run that was asked as a whole: continue it without --shard, or choose "
            "another folder with --out"
        )


def _state(shard: Run) -> str:
    """A digest of what a merge takes from a shard: its replies, and what they were asked and scored by."""
    record = replace(shard.record, servers=(), started=None, python=None, notes=())
    digest = hashlib.sha256(repr(record.to_json()).encode())
    digest.update(_digest(shard.folder / REPLIES).encode())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise RunFolderError(f"{path}: {error.strerror}") from error
