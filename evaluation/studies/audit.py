"""Does a server answer the same question in the same way? Asked alone, and among many, twice each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from sightbench.client.journal import Journal
from sightbench.client.run import ask
from sightbench.errors import EndpointError
from sightbench.evaluation.evaluate import ask_first
from sightbench.evaluation.options import Options
from sightbench.evaluation.score import headline, rows_of
from sightbench.evaluation.selection import Dataset
from sightbench.evaluation.start.begin import Note
from sightbench.reports.studies.audit import Audit, Change
from sightbench.sample import Reply, Sample
from sightbench.scorers.score import Metric, Row
from sightbench.scorers.scoring_options import ScoringOptions
from sightbench.scorers.statistics.means import mean

SAMPLES = 64

ROUNDS = ("alone", "together", "alone again", "together again")
"""In this order, so that what a server's caches do to a second time shows in both."""

PAIRS = (("alone", "alone again"), ("together", "together again"), ("alone", "together"))


def audit(options: Options, count: int = SAMPLES, *, note: Note) -> tuple[Audit, ...]:
    """Asks `count` samples, spread evenly over the run, one at a time and all at once, twice each.

    Each round is a folder below `out` (runs/audit-MODEL); the same call continues what was interrupted.
    Raises what `evaluate` raises, and EndpointError if a round could not be asked to its end.
    """
    rounds: dict[str, Mapping[str, Reply]] = {}
    datasets: tuple[Dataset, ...] = ()
    scoring = ScoringOptions()
    folders: dict[str, Path] = {}
    for name in ROUNDS:
        root = Path(options.out or Path("runs") / f"audit-{options.folder(options.model or 'model').name}")
        folder = root / name.replace(" ", "-")
        width = 1 if name.startswith("alone") else count
        with ExitStack() as stack, asyncio.Runner() as runner:
            told = note if name == ROUNDS[0] else _silent
            ready = ask_first(replace(options, out=folder, concurrency=width), stack, runner, told)
            asked = _spread(ready.samples(), ready.total, count)
            note(f"{name}: {len(asked)} samples")
            outcome = runner.run(ask(asked, ready.settings, ready.journal))
            if outcome.stopped:
                raise EndpointError(f"stopped ({outcome.stopped}): the same command again continues")
            datasets, scoring = ready.datasets, ready.record.scoring
            replies = {sample.id: ready.journal.read(sample.id) for sample in asked}
            rounds[name] = {
                sample: reply
                for sample, reply in replies.items()
                if reply is not None and reply.status == "ok"
            }
            folders[name] = folder
    return tuple(_benchmark(dataset, rounds, folders, scoring, count) for dataset in datasets)


def _spread(samples: Iterable[Sample], total: int, count: int) -> list[Sample]:
    """`count` of the samples at even distances; those that follow another are passed over."""
    wanted = {int((at + 0.5) * total / count) for at in range(min(count, total))}
    return [sample for at, sample in enumerate(samples) if at in wanted and sample.follows is None]


def _benchmark(
    dataset: Dataset,
    rounds: Mapping[str, Mapping[str, Reply]],
    folders: Mapping[str, Path],
    scoring: ScoringOptions,
    count: int,
) -> Audit:
    benchmark = dataset.selection.benchmark
    shared = set.intersection(*(set(replies) for replies in rounds.values()))
    rows: dict[str, list[Row]] = {}
    for name, folder in folders.items():
        with Journal.open(folder, write=False) as journal:
            rows[name] = [row for row in rows_of(dataset, journal, scoring) if row.sample.id in shared]
    ids = [row.sample.id for row in rows[ROUNDS[0]]]
    clusters = [row.sample.affinity for row in rows[ROUNDS[0]]]
    changes = []
    for one, two in PAIRS:
        said = [_said(rounds[one][name]) != _said(rounds[two][name]) for name in ids]
        values = [a.score.value != b.score.value for a, b in zip(rows[one], rows[two], strict=True)]
        changes.append(Change(one, two, _share(said, clusters), _share(values, clusters)))
    scores = tuple((name, headline(dataset, found, scoring)) for name, found in rows.items())
    return Audit(benchmark.name, benchmark.title, len(ids), count, scores, tuple(changes))


def _said(reply: Reply) -> tuple[object, ...]:
    """What counts as the answer: its words without the space around them, and its masks."""
    return re.sub(r"\s+", " ", reply.text or "").strip(), reply.masks


def _silent(_line: str) -> None:
    pass


def _share(differ: Sequence[bool], clusters: Sequence[str]) -> Metric:
    return mean("changed", [float(one) for one in differ], clusters)
