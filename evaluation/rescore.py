"""A run scored again from its replies. Nothing is asked."""

from __future__ import annotations

from pathlib import Path

from sightbench.client.journal import Journal
from sightbench.evaluation.run import Run, open_run
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
