"""A run scored again from its replies; shards brought together. Nothing is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sightbench.client import journal as replies
from sightbench.client.journal import Journal, Merged
from sightbench.evaluation import run_record
from sightbench.evaluation.run import Run, open_run
from sightbench.evaluation.run_record import refuse_other_run
from sightbench.evaluation.score import score_run
from sightbench.scorers.scoring_options import OnError, Unparsed, scoring_options


def score(
    run: Run | Path | str,
    *,
    data: Path | str | None = None,
    on_error: OnError | None = None,
    unparsed: Unparsed | None = None,
    seed: int | None = None,
    box_mode: str | None = None,
    masks_as: str | None = None,
    tolerance: int | None = None,
) -> Run:
    """Scores the replies of a run again and returns it; each option is the run's own unless it is given.

    `seed` is that of `unparsed="random"`; ScoringOptions says what the others mean. Writes scores.jsonl,
    summary.json and report.txt. Raises RunFolderError for what is no run folder, UsageError for an option
    that means nothing.
    """
    opened = run if isinstance(run, Run) else open_run(run, data)
    options = opened.record.scoring
    given = {
        "on_error": on_error,
        "unparsed": unparsed,
        "seed": seed,
        "box_mode": box_mode,
        "masks_as": masks_as,
        "tolerance": tolerance,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    changed = scoring_options({**options.to_json(), **changes})
    with Journal.open(opened.folder, write=False) as journal:
        score_run(opened.folder, journal, opened.datasets, opened.record.to_json(), changed)
    return opened


def merge(folders: Sequence[Path], out: Path, data: Path | None = None) -> tuple[Run, Merged]:
    """Brings the shards of one run together in `out`; it is not scored yet. Raises RunFolderError if they
    are not shards of one run."""
    runs = [open_run(folder, data) for folder in folders]
    for shard in runs[1:]:
        refuse_other_run(shard.folder, runs[0].record, shard.record, same_model=True)
    merged = replies.merge(folders, out)
    run_record.write(
        out, replace(runs[0].record, shard=None, merged=tuple(str(folder) for folder in folders))
    )
    return open_run(out, data), merged
