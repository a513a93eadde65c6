"""A run scored again from its replies. Nothing is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sightbench.client.journal import Journal
from sightbench.errors import UsageError
from sightbench.evaluation.run import Run, open_run
from sightbench.evaluation.score import judge_run, score_run
from sightbench.scorers.masks.definitions import DEFINITIONS
from sightbench.scorers.score import Metric
from sightbench.scorers.scoring_options import OnError, Unparsed, scoring_options
from sightbench.tasks.benchmarks.masks.image import FAMILY as IMAGE_MASKS


@dataclass(frozen=True, slots=True)
class ByDefinition:
    """A benchmark's masks judged by one published definition."""

    benchmark: str
    definition: str
    headline: Metric
    beside: tuple[Metric, ...] = ()

    def part(self, name: str) -> float | None:
        """The number of that name below the headline or beside it, None where there is none."""
        return next((one.value for one in (*self.headline.parts, *self.beside) if one.name == name), None)


def by_every_definition(run: Run) -> list[ByDefinition]:
    """The masks of a run's videos by every published J and F; writes nothing. UsageError if it has none."""
    datasets = [dataset for entry in run.datasets if (dataset := entry.only(masks=True)) is not None]
    datasets = [dataset for dataset in datasets if dataset.selection.benchmark.family != IMAGE_MASKS]
    if not datasets:
        raise UsageError(f"{run.folder} holds no masks of videos")
    found = []
    with Journal.open(run.folder, write=False) as journal:
        for definition in DEFINITIONS:
            options = replace(run.record.scoring, masks_as=definition)
            summary = judge_run(journal, datasets, run.record.to_json(), options).summary
            found += [
                ByDefinition(each.name, definition, each.headline, each.extras) for each in summary.benchmarks
            ]
    return found


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
