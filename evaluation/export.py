"""A run written in another tool's form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sightbench import rle
from sightbench.client.journal import Journal
from sightbench.errors import UsageError
from sightbench.evaluation.exports import forms
from sightbench.evaluation.exports import masks as mask_export
from sightbench.evaluation.run import Run
from sightbench.evaluation.score import answers, rows_of
from sightbench.files import replace_file
from sightbench.reports import dynbench_files, leap_files
from sightbench.reports.mask_files import SUBMISSIONS
from sightbench.reports.submission import FORMATS, submission
from sightbench.scorers.dynbench import overall
from sightbench.tasks.benchmarks.masks.image import FAMILY as IMAGE_MASKS

MASK_FORMATS = (*mask_export.FORMATS, *SUBMISSIONS)


@dataclass(frozen=True, slots=True)
class Exported:
    """One thing that was written: where, and how many of what."""

    path: Path
    count: int
    of: str


def export(
    run: Run,
    format: str,
    out: Path | None = None,
    *,
    datasets: Sequence[str] = (),
    organization: str = "unknown",
) -> tuple[Exported, ...]:
    """Writes a run as `dynbench` or `leap`, in another tool's form, or as a submission, inside its folder
    unless `out` says where. `datasets` are of `hf`, `organization` of `every-eval-ever` (exports/forms.py).

    Raises UsageError for a format nobody knows, or a run that has nothing for it.
    """
    if format in forms.FORMS:
        folder = out or run.folder / format
        return tuple(Exported(*entry) for entry in forms.write(run, format, folder, datasets, organization))
    with Journal.open(run.folder, write=False) as journal:
        if format == "dynbench":
            return (_dynbench(run, out or run.folder / "dynbench", journal),)
        if format == "leap":
            return (_leap(run, out or run.folder / "leap", journal),)
        if format not in ("submission", *MASK_FORMATS, *FORMATS):
            known = ", ".join((*forms.FORMS, *MASK_FORMATS, *FORMATS))
            raise UsageError(f"--format {format}: choose dynbench, leap, submission, {known}")
        written = []
        for dataset in run.datasets:
            benchmark = dataset.selection.benchmark
            kind = benchmark.submission if format == "submission" else format
            if kind is None or (mask_export.is_mask_set(dataset) != (kind in MASK_FORMATS)):
                continue
            if kind in SUBMISSIONS and benchmark.family == IMAGE_MASKS:
                continue
            if kind in MASK_FORMATS:
                made = mask_export.export_masks(dataset, journal, kind, out or run.folder)
                written.append(Exported(*made))
                continue
            # These forms are of texts: a mask has no place in them.
            found = [a for a in answers(dataset, journal, run.record.scoring) if a.sample.wants == "text"]
            if not found and "masks" in benchmark.scorers:
                continue
            ending, content = submission(kind, found)
            path = (out or run.folder) / f"submission-{benchmark.name}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, content)
            written.append(Exported(path, len(found), "answers"))
    if not written:
        if format in MASK_FORMATS:
            why = "no benchmark of it asks for masks alone (--format dynbench writes Dyn-Bench's)"
        else:
            why = (
                "no benchmark of it goes to an evaluation server; --format vlmevalkit, mmvet or mathvista "
                "writes answers for a judge to mark, results and pngs the masks of expressions"
            )
        raise UsageError(f"nothing of this run is written as {format}: {why}")
    return tuple(written)


def _dynbench(run: Run, out: Path, journal: Journal) -> Exported:
    wanted = [dataset for dataset in run.datasets if dataset.selection.benchmark.aggregate == "dynbench"]
    if not wanted:
        raise UsageError(f"{run.folder} holds no benchmark in the Dyn-Bench layout")
    options = replace(run.record.scoring, on_error="leave-out")
    rows = [row for dataset in wanted for row in rows_of(dataset, journal, options)]
    model = run.record.shown_as
    files = dynbench_files.write(out, model, rows, journal.read, _decoded, overall(rows))
    return Exported(out, files, "files in Dyn-Bench's layout")


def _leap(run: Run, out: Path, journal: Journal) -> Exported:
    wanted = [dataset for dataset in run.datasets if dataset.selection.benchmark.name == "vlabench"]
    if not wanted:
        raise UsageError(f"{run.folder} holds no VLABench")
    options = replace(run.record.scoring, on_error="leave-out")
    files = 0
    for dataset in wanted:
        rows = rows_of(dataset, journal, options)
        files += leap_files.write(out, run.record.shown_as, dataset.profile, rows, journal.read)
    return Exported(out, files, "files in LEAP's layout")


def _decoded(entry: Any) -> list[np.ndarray | None]:
    frames = entry.get("rles") if isinstance(entry, dict) else None
    return [
        None if frame is None else rle.decode(rle.read(frame, at)) for at, frame in enumerate(frames or ())
    ]
