"""Models x benchmarks, with ranks that only differ where the tests tell models apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from sightbench.errors import UsageError
from sightbench.evaluation.run import Run
from sightbench.evaluation.score import headline
from sightbench.evaluation.studies.compare import Judged, judged, paired
from sightbench.reports.studies.leaderboard import Board, Cell
from sightbench.scorers.score import Row
from sightbench.scorers.statistics.comparison import compared
from sightbench.scorers.statistics.paired import FLIPS


def leaderboard(runs: Sequence[Run], *, flips: int = FLIPS, seed: int = 0) -> Board:
    """The headline of every benchmark of every run; runs that show the same name are one row.

    A model's rank is 1 plus how many models are better with an adjusted p below 5 %, all pairs of a benchmark
    tested together: models the tests cannot tell from the best share rank 1. Raises UsageError if two runs
    of one name have the same benchmark: give one an --alias.
    """
    rows: dict[str, dict[str, Judged]] = {}
    titles: dict[str, str] = {}
    for run in runs:
        for name, one in judged(run).items():
            row = rows.setdefault(run.record.shown_as, {})
            if name in row:
                raise UsageError(
                    f"{row[name].run.folder} and {run.folder} are both {run.record.shown_as!r} on {name}: "
                    "name one of them with --alias FOLDER=NAME"
                )
            row[name] = one
            titles[name] = one.dataset.selection.benchmark.title
    cells = {}
    for name in titles:
        entries = {model: row[name] for model, row in rows.items() if name in row}
        ranks = _ranks(entries, flips, seed)
        # A run of a part stands beside whole ones: the table has to show that it is one.
        asked = max(len(one.scores) for one in entries.values())
        for model, one in entries.items():
            scored = [Row(sample, one.scores[sample.id]) for sample in one.samples]
            metric = headline(one.dataset, scored, one.run.record.scoring)
            answered = sum(score.status != "error" for score in one.scores.values())
            cells[model, name] = Cell(
                metric.value,
                metric.interval,
                metric.unit,
                None if metric.value is None else ranks[model],
                answered,
                asked,
            )
    return Board(tuple(rows), tuple(titles.items()), cells)


def _ranks(entries: Mapping[str, Judged], flips: int, seed: int) -> dict[str, int]:
    ranks = dict.fromkeys(entries, 1)
    duels = list(combinations(entries, 2))
    trees = [paired(entries[one], entries[two]) for one, two in duels]
    for (one, two), differences in zip(duels, compared(trees, flips=flips, seed=seed), strict=True):
        if not differences or differences[0].depth:
            continue
        if differences[0].verdict == "better":
            ranks[one] += 1
        elif differences[0].verdict == "worse":
            ranks[two] += 1
    return ranks
