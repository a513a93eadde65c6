"""A run as the exports into other tools' forms take it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sightbench.client.journal import Journal
from sightbench.errors import UsageError
from sightbench.evaluation.judging import scorer_of
from sightbench.evaluation.run import Run
from sightbench.evaluation.run_record import RUN
from sightbench.reports.exports import every_eval_ever, hugging_face, inspect_log, lmms_eval
from sightbench.reports.exports.exporting import Entry, Exporting
from sightbench.sample import Sample
from sightbench.version import version

FORMS = ("lmms-eval", "inspect", "hf", "every-eval-ever")


def write(
    run: Run, form: str, out: Path, datasets: Sequence[str] = (), organization: str = "unknown"
) -> list[tuple[Path, int, str]]:
    """Writes the run in one of FORMS below `out`: (path, how many, of what) of each file.

    `datasets` say where a benchmark lies on the hub: ORGANISATION/NAME, with :TASK after it where it has
    several, and BENCHMARK= before it in a run of several. Raises UsageError where there is nothing to write.
    """
    with Journal.open(run.folder, write=False) as journal:
        content = _exporting(run, journal)
        if form == "lmms-eval":
            return lmms_eval.write(content, out)
        if form == "inspect":
            return inspect_log.write(content, out)
        if all(benchmark.headline.value is None for benchmark in content.summary.benchmarks):
            raise UsageError(f"--format {form}: {run.folder} has no number to write")
        if form == "every-eval-ever":
            return every_eval_ever.write(content, out, organization)
        written = hugging_face.write(content, out, _on_hub(run, datasets))
    if not written:
        raise UsageError(
            "--format hf: say which dataset of the hub has the leaderboard: --dataset ORGANISATION/NAME:TASK"
        )
    return written


def _exporting(run: Run, journal: Journal) -> Exporting:
    record, summary = run.record, run.summary
    told = record.servers[0] if record.servers else {}
    engine = told.get("engine")
    if record.started is None:
        # Imported, or by a version that did not say.
        started = datetime.fromtimestamp((run.folder / RUN).stat().st_mtime, UTC)
    else:
        started = datetime.fromisoformat(record.started)

    benchmarks = {each.selection.benchmark.name: each.selection.benchmark for each in run.datasets}

    def full_marks(sample: Sample) -> float:
        return scorer_of(benchmarks[sample.benchmark], sample.wants).full_marks

    def entries(name: str) -> Iterator[Entry]:
        for dataset, sample, score in run.scored():
            if dataset.selection.benchmark.name == name:
                yield sample, journal.read(sample.id), score

    return Exporting(
        summary,
        record.model,
        None if engine in (None, "generic") else str(engine),
        told.get("version"),
        record.provider,
        {} if "imported" in record.request else record.request,
        started,
        record.sightbench or version(),
        entries,
        full_marks,
    )


def _on_hub(run: Run, given: Sequence[str]) -> Mapping[str, str]:
    names = [dataset.selection.benchmark.name for dataset in run.datasets]
    known = {}
    for text in given:
        name, _, place = text.rpartition("=")
        if not re.fullmatch(r"[^/\s:]+/[^/\s:]+(:\S+)?", place) or (name or names[0]) not in names:
            raise UsageError(
                f"--dataset {text}: write ORGANISATION/NAME:TASK, or BENCHMARK=ORGANISATION/NAME"
            )
        if not name and len(names) > 1:
            raise UsageError(f"--dataset {text}: say which benchmark it is: {names[0]}={text}")
        known[name or names[0]] = place
    return known
