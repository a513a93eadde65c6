"""What is done with run folders after (or instead of) asking: score, import, merge, export."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sightbench import rle
from sightbench.client import saved_masks
from sightbench.client.journal import REPLIES, Journal
from sightbench.client.journal import merge as merge_journals
from sightbench.commands.evaluate import RUN, finish
from sightbench.commands.options import refuse_other_run
from sightbench.errors import RunFolderError, UsageError
from sightbench.evaluation.score import answers, rows_of, score_run
from sightbench.evaluation.selection import Chosen, check, choose, remembered
from sightbench.files import replace_file
from sightbench.reports import dynbench_files
from sightbench.reports.submission import FORMATS, submission
from sightbench.sample import Json, Reply
from sightbench.scorers.dynbench_overall import dynbench
from sightbench.scorers.scoring_options import scoring_options


def load(folder: Path, data: Path | None = None) -> tuple[dict[str, Any], tuple[Chosen, ...]]:
    """run.json of a run folder and the benchmarks it names. RunFolderError if it is no run folder."""
    try:
        run: dict[str, Any] = orjson.loads((folder / RUN).read_bytes())
        entries = run["benchmarks"]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        raise RunFolderError(f"{folder} is no run folder: there is no readable {RUN} in it") from None
    return run, remembered(entries, data, folder)


def rescore(folder: Path, data: Path | None, changes: Mapping[str, Json]) -> int:
    """Scores the replies of a run again, nothing is asked; `changes` are options other than the run's own.

    Returns the exit code. Raises UsageError for an option that means nothing.
    """
    run, chosen = load(folder, data)
    options = scoring_options({**run.get("scoring", {}), **changes})
    with Journal.open(folder, write=False) as journal:
        summary = score_run(folder, journal, chosen, run, options)
    return finish(folder, summary)


def import_masks(task: Sequence[str], data: Path | None, masks: Path, out: Path, model: str) -> int:
    """Makes a run of masks that are already on disk, and scores it. Returns the exit code.

    Only mask tasks are taken. A sample without a single saved file stays unasked: named, counted, and in
    no number. Raises UsageError if no file fits any sample.
    """
    if not masks.is_dir():
        raise UsageError(f"--masks {masks}: there is no such folder")
    asked = choose(task, data, None, None)
    chosen = tuple(part for one in asked if (part := one.only(masks=True)))
    if not chosen:
        raise UsageError("none of these tasks asks for masks")
    check(chosen)
    found = ((sample.id, saved_masks.reply(sample, masks)) for one in chosen for sample in one.samples())
    nothing = (
        f"--masks {masks}: no file is named <scene>/frame_0000_obj1.png or "
        "<dataset>/<scene>_<task>_output/frame_0000.png for any sample of these tasks"
    )
    missing, total = keep(out, imported(model, masks, chosen), found, nothing)
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        print(f"note: {len(missing)} of {total} samples have no saved masks: {shown}", file=sys.stderr)
    return rescore(out, data, {})


def imported(model: str, source: Path, chosen: Sequence[Chosen]) -> dict[str, Any]:
    """The run.json of answers that were read from `source` and not asked for."""
    request = {"imported": str(source.resolve())}
    return {"model": model, "request": request, "benchmarks": [one.to_json() for one in chosen]}


def keep(
    folder: Path, run: dict[str, Any], found: Iterable[tuple[str, Reply | None]], nothing: str
) -> tuple[list[str], int]:
    """Makes `folder` the run of the replies found; returns the samples without one, and how many there are.

    What an earlier import of the same source left there is replaced. Nothing is written before the first
    reply; UsageError(nothing) if there is none.
    """
    pairs = iter(found)
    missing: list[str] = []
    total = 0
    journal: Journal | None = None
    try:
        for sample, reply in pairs:
            total += 1
            if reply is None:
                missing.append(sample)
                continue
            if journal is None:
                refuse_if_other(folder, run)
                (folder / REPLIES).unlink(missing_ok=True)
                journal = Journal.open(folder)
                remember(folder, run)
            journal.append(reply)
    finally:
        if journal is not None:
            journal.close()
    if journal is None:
        raise UsageError(nothing)
    return missing, total


def merge(folders: Sequence[Path], out: Path, data: Path | None) -> int:
    """Brings the shards of one run together in `out` and scores them. Returns the exit code."""
    runs = [load(folder, data)[0] for folder in folders]
    for folder, run in zip(folders[1:], runs[1:], strict=True):
        refuse_other_run(folder, runs[0], run)
    merged = merge_journals(folders, out)
    remember(out, runs[0] | {"shard": None, "merged": [str(folder) for folder in folders]})
    print(f"{merged.replies} replies, {merged.duplicates} duplicates left out")
    return rescore(out, data, {})


def export(folder: Path, format: str, out: Path | None, data: Path | None) -> int:
    """Writes a run in another tool's form: `dynbench`, or a submission format. Returns the exit code."""
    run, chosen = load(folder, data)
    with Journal.open(folder, write=False) as journal:
        if format == "dynbench":
            return _dynbench(folder, out or folder / "dynbench", run, chosen, journal)
        if format not in ("submission", *FORMATS):
            raise UsageError(f"--format {format}: choose dynbench, submission, {', '.join(FORMATS)}")
        written = 0
        for one in chosen:
            kind = one.selection.benchmark.submission if format == "submission" else format
            if kind is None:
                continue
            found = list(answers(one, journal, scoring_options(run.get("scoring", {}))))
            ending, content = submission(kind, found)
            path = (out or folder) / f"submission-{one.selection.benchmark.name}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, content)
            print(f"{path}: {len(found)} answers")
            written += 1
        if not written:
            raise UsageError("no benchmark of this run is scored by an evaluation server: its gold is public")
    return 0


def refuse_if_other(folder: Path, run: dict[str, Any]) -> None:
    """Raises RunFolderError if the folder's run.json is of another run than `run`."""
    with contextlib.suppress(FileNotFoundError):
        refuse_other_run(folder, orjson.loads((folder / RUN).read_bytes()), run)


def remember(folder: Path, run: dict[str, Any]) -> None:
    replace_file(folder / RUN, orjson.dumps(run, option=orjson.OPT_INDENT_2) + b"\n")


def _dynbench(
    folder: Path, out: Path, run: dict[str, Any], chosen: Sequence[Chosen], journal: Journal
) -> int:
    wanted = [one for one in chosen if one.selection.benchmark.mask_tasks]
    if not wanted:
        raise UsageError(f"{folder} holds no benchmark in the Dyn-Bench layout")
    options = replace(scoring_options(run.get("scoring", {})), on_error="leave-out")
    rows = [row for one in wanted for row in rows_of(one, journal, options)]
    model = str(run.get("alias") or run["model"])
    files = dynbench_files.write(out, model, rows, journal.read, _decoded, dynbench(rows))
    print(f"{out}: {files} files in Dyn-Bench's layout")
    return 0


def _decoded(entry: Any) -> list[np.ndarray | None]:
    frames = entry.get("rles") if isinstance(entry, dict) else None
    return [
        None if frame is None else rle.decode(rle.read(frame, at)) for at, frame in enumerate(frames or ())
    ]
