"""Answers of several runs compared blind: by judges who see no model's name, each pair in both orders."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from statistics import median

import numpy as np

from sightbench.client.journal import JUDGEMENTS, Journal
from sightbench.errors import UsageError
from sightbench.evaluation.judges.ask import Note, OnProgress, OpenJudge, ask_judge
from sightbench.evaluation.judges.options import JudgeOptions
from sightbench.evaluation.judges.verdicts import Verdicts
from sightbench.evaluation.judging import answer_of
from sightbench.evaluation.run import Run
from sightbench.sample import Sample
from sightbench.scorers.judged.blind import PAIR, REVIEW
from sightbench.scorers.judged.form import Case, Form
from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.agreement import krippendorffs_alpha
from sightbench.scorers.statistics.means import mean
from sightbench.scorers.statistics.preference import Duel, Strength, at_equal_length, strengths, win_rate

TIE = 0.5


@dataclass(frozen=True, slots=True)
class Item:
    """One question that all runs answered, with their answers in the runs' order."""

    sample: Sample
    answers: tuple[str, ...]

    @property
    def cluster(self) -> Hashable:
        return self.sample.affinity


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two runs compared: how often the first is preferred, and what became of their duels. `biased` were
    judged otherwise in the other order, and count as ties; `first_place` of those went to the answer shown
    first; `without` have no verdict."""

    one: int
    other: int
    rate: Metric
    at_equal_length: Metric
    ties: int
    biased: int
    first_place: int
    without: int


@dataclass(frozen=True, slots=True)
class Review:
    """What judges said of runs, blind. `marks` is the mean mark of each run, empty where none were asked for;
    `alpha` is Krippendorff's over the judges, None for one judge."""

    labels: tuple[str, ...]
    judges: tuple[str, ...]
    items: int
    pairings: tuple[Pairing, ...] = ()
    strengths: tuple[Strength, ...] = ()
    marks: tuple[Metric, ...] = ()
    marks_without: int = 0
    pair_alpha: float | None = None
    mark_alpha: float | None = None
    warnings: tuple[str, ...] = ()
    verdicts: tuple[dict[str, object], ...] = field(default=(), repr=False)
    stopped: str | None = None


def items_of(runs: Sequence[Run], limit: int | None = None, seed: int = 0) -> list[Item]:
    """The questions that all runs answered in words, in file order; `limit` of them drawn by a seed.

    Raises UsageError where there are none.
    """
    if len(runs) < 2:
        raise UsageError("a blind review compares two runs or more")
    with ExitStack() as stack:
        journals = [stack.enter_context(Journal.open(run.folder, write=False)) for run in runs]
        found = []
        for dataset in runs[0].datasets:
            for sample in dataset.samples():
                replies = [journal.read(sample.id) for journal in journals]
                if sample.wants != "text" or any(reply is None or reply.status != "ok" for reply in replies):
                    continue
                answers = tuple(
                    answer_of(sample, reply, run.record.scoring)
                    for reply, run in zip(replies, runs, strict=True)
                    if reply is not None
                )
                found.append(Item(sample, answers))
    if not found:
        raise UsageError("these runs have no question in common that all of them answered in words")
    if limit is not None and limit < len(found):
        kept = sorted(random.Random(seed).sample(range(len(found)), limit))
        found = [found[at] for at in kept]
    return found


def review(
    runs: Sequence[Run],
    judges: Sequence[OpenJudge],
    items: Sequence[Item],
    folder: Path,
    options: JudgeOptions,
    *,
    pairs: bool = True,
    marks: bool = True,
    media: bool = False,
    note: Note = lambda line: None,
    progress: OnProgress | None = None,
) -> Review:
    """Has the judges compare and mark the answers; what they said is kept in the folder's judgements.jsonl.

    Raises RunFolderError where that cannot be written.
    """
    pair = replace(PAIR, images=True, name="pair/ours with media") if media else PAIR
    mark = replace(REVIEW, images=True, name="review/ours with media") if media else REVIEW
    duels = list(combinations(range(len(runs)), 2)) if pairs else []
    asked: list[tuple[str, Form, Case]] = []
    for item in items:
        for one, other in duels:
            asked += [("review", pair, _shown(item, one, other)), ("review", pair, _shown(item, other, one))]
        if marks:
            asked += [("review", mark, Case(item.sample, answer)) for answer in item.answers]
    stopped = None
    for judge in judges:
        outcome = asyncio.run(ask_judge(folder, judge, asked, options, note=note, progress=progress))
        stopped = stopped or outcome.stopped
    with Journal.open(folder, write=False, name=JUDGEMENTS) as journal:
        panels = [Verdicts(judge.record, journal.read) for judge in judges]
        told = [_verdicts(item, panels, pair, mark, duels, marks, len(runs)) for item in items]
    return _summed(runs, judges, items, told, duels, marks, stopped)


@dataclass(frozen=True, slots=True)
class _Told:
    """The verdicts on one item: of each duel, by judge, (first order, other order) with the first run's share
    of each (1 won, 0.5 tie, 0 lost; None: no verdict); of each run, by judge, its mark."""

    duels: tuple[tuple[tuple[float | None, float | None], ...], ...]
    marks: tuple[tuple[float | None, ...], ...]


def _shown(item: Item, one: int, other: int) -> Case:
    return Case(item.sample, item.answers[one], other=item.answers[other])


def _verdicts(
    item: Item,
    panels: Sequence[Verdicts],
    pair: Form,
    mark: Form,
    duels: Sequence[tuple[int, int]],
    marks: bool,
    runs: int,
) -> _Told:
    shares = {"A": 1.0, "B": 0.0, "tie": TIE}

    def share(panel: Verdicts, one: int, other: int) -> float | None:
        said = panel.of(pair, _shown(item, one, other)).text
        return None if said is None else shares[said]

    fought = tuple(
        tuple(
            (share(panel, one, other), None if (back := share(panel, other, one)) is None else 1 - back)
            for panel in panels
        )
        for one, other in duels
    )
    given = tuple(
        tuple(
            None if (said := panel.of(mark, Case(item.sample, answer)).text) is None else float(said)
            for panel in panels
        )
        for answer in (item.answers if marks else ())
    )
    return _Told(fought, given)


def _settled(orders: tuple[float | None, float | None]) -> float | None:
    """One judge's verdict on a duel: what both orders say, a tie where they differ."""
    first, second = orders
    if first is None or second is None:
        return None
    return first if first == second else TIE


def majority(votes: Sequence[float]) -> float:
    """What most judges say; a tie where no side has more than half."""
    word, count = Counter(votes).most_common(1)[0]
    return word if 2 * count > len(votes) else TIE


def _summed(
    runs: Sequence[Run],
    judges: Sequence[OpenJudge],
    items: Sequence[Item],
    told: Sequence[_Told],
    duels: Sequence[tuple[int, int]],
    marks: bool,
    stopped: str | None,
) -> Review:
    labels = _labels(runs)
    pairings, fought = [], []
    for at, (one, other) in enumerate(duels):
        own, ties, biased, first_place, without = [], 0, 0, 0, 0
        for item, verdict in zip(items, told, strict=True):
            orders = verdict.duels[at]
            for first, second in orders:
                if first is not None and second is not None and first != second:
                    biased += 1
                    # The first run stood first in the first order, and second in the other.
                    first_place += first > second
            votes = [vote for each in orders if (vote := _settled(each)) is not None]
            if not votes:
                without += 1
                continue
            won = majority(votes)
            ties += won == TIE
            lengths = (len(item.answers[one]), len(item.answers[other]))
            own.append(Duel(one, other, won, item.cluster, lengths))
        name = f"{labels[one]} against {labels[other]}"
        pairings.append(
            Pairing(one, other, win_rate(name, own), at_equal_length(own), ties, biased, first_place, without)
        )
        fought += own
    clusters = [item.cluster for item in items]
    means = (
        [
            _mean_mark(labels[run], [verdict.marks[run] for verdict in told], clusters)
            for run in range(len(runs))
        ]
        if marks
        else []
    )
    given = [mark for verdict in told for run in verdict.marks for mark in run]
    return Review(
        labels=labels,
        judges=tuple(judge.record.model for judge in judges),
        items=len(items),
        pairings=tuple(pairings),
        strengths=tuple(strengths(fought, len(runs))) if len(runs) > 2 and fought else (),
        marks=tuple(means),
        marks_without=sum(mark is None for mark in given),
        pair_alpha=_alpha(
            [[_settled(orders) for orders in duel] for verdict in told for duel in verdict.duels], "nominal"
        ),
        mark_alpha=_alpha([list(run) for verdict in told for run in verdict.marks], "interval"),
        warnings=tuple(_kinship(runs, judges)),
        verdicts=tuple(
            {"sample": item.sample.id, "duels": verdict.duels, "marks": verdict.marks}
            for item, verdict in zip(items, told, strict=True)
        ),
        stopped=stopped,
    )


def _mean_mark(label: str, given: Sequence[Sequence[float | None]], clusters: Sequence[Hashable]) -> Metric:
    """The mean over items of the judges' median mark."""
    kept = [
        (median(known), cluster)
        for marks, cluster in zip(given, clusters, strict=True)
        if (known := [mark for mark in marks if mark is not None])
    ]
    values, keys = [value for value, _ in kept], [cluster for _, cluster in kept]
    return mean(label, values, keys, scale=1.0, unit="of 10", bounds=(1.0, 10.0))


def _alpha(ratings: Sequence[Sequence[float | None]], level: str) -> float | None:
    """Krippendorff's alpha of the judges over items; None for one judge."""
    if not ratings or len(ratings[0]) < 2:
        return None
    table = np.array([[np.nan if mark is None else mark for mark in each] for each in ratings]).T
    return krippendorffs_alpha(table, "nominal" if level == "nominal" else "interval")


def _labels(runs: Sequence[Run]) -> tuple[str, ...]:
    names = [run.record.shown_as for run in runs]
    return tuple(
        name if names.count(name) == 1 else f"{name} ({run.folder.resolve().name})"
        for name, run in zip(names, runs, strict=True)
    )


def _kinship(runs: Sequence[Run], judges: Sequence[OpenJudge]) -> list[str]:
    """A line for each judge that is of one family with a candidate: judges prefer their own kind."""
    lines = []
    for judge in judges:
        own = _family(judge.record.model) | _family(judge.record.root or "")
        kin = [run.record.shown_as for run in runs if own & _family(run.record.model)]
        if kin:
            lines.append(
                f"the judge {judge.record.model} is of one family with {', '.join(dict.fromkeys(kin))}, and "
                "judges prefer answers like their own: have another family's model judge too"
            )
    return lines


def _family(model: str) -> set[str]:
    """The words a model's family is known by: the letters its name begins with."""
    name = model.rstrip("/").rsplit("/", 1)[-1].lower()
    word = re.match(r"[a-z]+", name)
    return {word[0]} if word and len(word[0]) > 2 else set()
