"""Everything after replies.jsonl: scores.jsonl, summary.json and report.txt, rebuilt from it at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson

from sightbench.client.journal import Journal
from sightbench.errors import DatasetError
from sightbench.evaluation.costs.spending import Spending
from sightbench.evaluation.judges.controls import read as read_cards
from sightbench.evaluation.judges.equate import read as read_equatings
from sightbench.evaluation.judges.grader import grader
from sightbench.evaluation.judges.summing import with_judge
from sightbench.evaluation.judges.verdicts import Verdicts, verdicts_in
from sightbench.evaluation.judging import answer_of, extracted, rule_of, scorer_of
from sightbench.evaluation.run_record import judge_in
from sightbench.evaluation.selection import Dataset, broken_notes
from sightbench.evaluation.tiles import tile_note
from sightbench.families import named
from sightbench.files import replace_file
from sightbench.program import program
from sightbench.reports import tables
from sightbench.reports.sent import SentTally
from sightbench.reports.submission import Answer
from sightbench.reports.summary import BenchmarkSummary, Summary, totals
from sightbench.rle import MaskError
from sightbench.sample import LabelTruth, MaskTruth, Reply, Sample, Turn, Video
from sightbench.scorers.choice.rotation import rotation
from sightbench.scorers.masks.truth import Cache, open_cache, truth_of
from sightbench.scorers.score import Metric, Row, Totals
from sightbench.scorers.scorer import Context, Together
from sightbench.scorers.scoring import coverage, score
from sightbench.scorers.scoring_options import ScoringOptions
from sightbench.scorers.table import AGGREGATES
from sightbench.tasks.controls import control
from sightbench.tasks.wording import words_note

DEFAULT = ScoringOptions()


def score_run(
    folder: Path,
    journal: Journal,
    datasets: Sequence[Dataset],
    run: Mapping[str, Any],
    options: ScoringOptions = DEFAULT,
) -> Summary:
    """Scores every sample of the run in file order and writes the three files; returns the Summary.

    The same replies always give the same bytes in scores.jsonl, whatever order they came in.
    """
    judged = judge_run(journal, datasets, run, options)
    summary = judged.summary
    replace_file(folder / "scores.jsonl", b"".join(judged.lines))
    replace_file(folder / "summary.json", orjson.dumps(summary.to_json(), option=orjson.OPT_INDENT_2) + b"\n")
    replace_file(folder / "report.txt", tables.text(summary).encode())
    return summary


@dataclass(frozen=True, slots=True)
class Judged:
    """A run scored: its numbers, and the lines of scores.jsonl in file order."""

    summary: Summary
    lines: tuple[bytes, ...]


def judge_run(
    journal: Journal, datasets: Sequence[Dataset], run: Mapping[str, Any], options: ScoringOptions = DEFAULT
) -> Judged:
    """Scores every sample of the run in file order and writes nothing."""
    usages = []
    benchmarks = []
    lines = []
    spending = Spending(run)
    folder = journal.path.parent
    with verdicts_in(folder, judge_in(run)) as verdicts:
        equatings = () if verdicts is None else read_equatings(folder)
        cards = () if verdicts is None else read_cards(folder)
        for dataset in datasets:
            rows = []
            reused: Counter[str] = Counter()
            sent = SentTally()
            for row, reply in _scored(dataset, journal, options, verdicts):
                if reply is not None:
                    usages.append(reply.usage)
                    spending.add(reply, dataset.selection.benchmark.name)
                    if reply.reused:
                        reused[reply.reused] += 1
                    sent.add(reply.sent)
                lines.append(orjson.dumps(row.score, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
                rows.append(row)
            told = (_reused(reused), *sent.lines(), tile_note(dataset, journal))
            summed = _summarise(dataset, rows, run, options, told)
            if verdicts is not None:
                summed = with_judge(summed, rows, verdicts, equatings, cards)
            benchmarks.append(summed)
    summary = Summary(
        str(run.get("alias") or run["model"]),
        tuple(benchmarks),
        totals(usages),
        run,
        spending.spent(benchmarks),
    )
    return Judged(summary, tuple(lines))


def rows_of(dataset: Dataset, journal: Journal, options: ScoringOptions = DEFAULT) -> list[Row]:
    """The scored samples of one benchmark, in file order."""
    return [row for row, _ in _scored(dataset, journal, options)]


def answers(dataset: Dataset, journal: Journal, options: ScoringOptions = DEFAULT) -> Iterator[Answer]:
    """The answered samples of one benchmark for a submission, in file order."""
    for row, reply in _scored(dataset, journal, options):
        if reply is not None and reply.status == "ok":
            yield Answer(row.sample, answer_of(row.sample, reply, options), row.score.parsed)


def _scored(
    dataset: Dataset, journal: Journal, options: ScoringOptions, verdicts: Verdicts | None = None
) -> Iterator[tuple[Row, Reply | None]]:
    benchmark = dataset.selection.benchmark
    truth = true_masks(dataset).truth if "masks" in benchmark.scorers else truth_of
    grade = grader(benchmark, dataset.profile, options, truth, verdicts)
    scorer = scorer_of(benchmark, "masks") if "masks" in benchmark.scorers else None
    if scorer is None or scorer.jointly is None:
        for sample in dataset.samples():
            reply = journal.read(sample.id)
            yield Row(lean(sample), score(sample, reply, grade, options.on_error)), reply
        return
    rule = rule_of(benchmark, dataset.profile, "masks", options.masks_as)
    context = Context(rule, options, truth=truth)
    for _, group in groupby(dataset.samples(), key=lambda sample: sample.group):
        replies = [(sample, journal.read(sample.id)) for sample in group]
        scores = [score(sample, reply, grade, options.on_error) for sample, reply in replies]
        read = [Together(sample, extracted(benchmark, sample, reply, context)) for sample, reply in replies]
        try:
            beside = scorer.jointly(read, context)
        except (MaskError, DatasetError) as error:
            # As for a sample that cannot be judged: it costs these numbers of the video, never the report.
            beside = [{"notes": [*own.detail.get("notes", ()), str(error)]} for own in scores]
        for (sample, reply), own, more in zip(replies, scores, beside, strict=True):
            yield Row(lean(sample), replace(own, detail={**own.detail, **more})), reply


def lean(sample: Sample) -> Sample:
    """The sample without its texts and images, which no number needs; videos stay, by their id."""
    turns = (
        Turn(turn.role, tuple(Video(part.id) for part in turn.parts if isinstance(part, Video)))
        for turn in sample.turns
    )
    return replace(sample, turns=tuple(turn for turn in turns if turn.parts))


def true_masks(dataset: Dataset) -> Cache:
    """The ground-truth masks of a benchmark, those that are not cached yet read in parallel."""
    cache = open_cache(dataset.data)
    golds = [sample.gold for sample in dataset.samples()]
    cache.build(gold for gold in golds if isinstance(gold, LabelTruth))
    named = (gold for gold in golds if isinstance(gold, MaskTruth))
    cache.build((gold.folder, gold.object, gold.frames) for gold in named)
    return cache


def _summarise(
    dataset: Dataset,
    rows: list[Row],
    run: Mapping[str, Any],
    options: ScoringOptions,
    told: tuple[str | None, ...],
) -> BenchmarkSummary:
    benchmark = dataset.selection.benchmark
    rows.sort(key=lambda row: row.sample.order)
    numbers = numbers_of(dataset, rows, options)
    extras = numbers.extras
    if dataset.control == "options-rotated":
        extras = (*extras, *rotation(rows))
    return BenchmarkSummary(
        benchmark.name,
        benchmark.title,
        dataset.profile,
        benchmark.metric,
        benchmark.reference,
        numbers.headline,
        extras,
        coverage(rows),
        tuple((*filter(None, told), *_notes(dataset, rows, run, options))),
        numbers.baselines,
        numbers.columns,
    )


def _reused(sources: Counter[str]) -> str | None:
    if not sources:
        return None
    shown = ", ".join(f"{folder} ({count:,})" for folder, count in sources.most_common(5))
    more = f" and {len(sources) - 5} more" if len(sources) > 5 else ""
    return f"{sources.total():,} answers were taken from earlier runs: {shown}{more}."


def headline(dataset: Dataset, rows: Sequence[Row], options: ScoringOptions = DEFAULT) -> Metric:
    """The number people quote of this benchmark, and those it is made of; rows in the source's order."""
    return numbers_of(dataset, rows, options).headline


def numbers_of(dataset: Dataset, rows: Sequence[Row], options: ScoringOptions) -> Totals:
    """What the rows come to; where they cannot be summed up, no value and a note that says why."""
    benchmark = dataset.selection.benchmark
    try:
        if benchmark.aggregate is not None:
            return AGGREGATES[benchmark.aggregate](rows)
        (kind,) = benchmark.scorers
        rule = rule_of(benchmark, dataset.profile, kind, options.masks_as)
        return Totals(scorer_of(benchmark, kind).aggregate(rows, rule))
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Totals(Metric(benchmark.headline, None, 0, "", note=f"cannot be summed up ({reason})"))


def _examples(rows: Sequence[Row]) -> Iterator[str]:
    """One failed request of each kind in the server's words; the first mask something was decided about."""
    kinds: dict[str, Row] = {}
    for row in rows:
        if row.score.status == "error" and "message" in row.score.detail:
            kinds.setdefault(row.score.detail["error"], row)
    for kind, row in kinds.items():
        yield f"{kind}, for example {row.score.sample}: {row.score.detail['message']}"
    unread = [row.score for row in rows if row.score.status == "unparsed" and "error" in row.score.detail]
    if unread:
        example = f"{unread[0].sample}: {unread[0].detail['error']}"
        yield f"{len(unread)} answers hold masks that cannot be judged, for example {example}"
    unusable = [row.score for row in rows if row.score.status == "ungraded" and "reason" in row.score.detail]
    if unusable:
        example = f"{unusable[0].sample}: {unusable[0].detail['reason']}"
        yield f"{len(unusable)} samples could not be judged, for example {example}"
    noted = [row for row in rows if row.score.detail.get("notes")]
    if noted:
        first = noted[0].score
        example = f"{first.sample}: {first.detail['notes'][0]}"
        yield f"scores.jsonl has notes on {len(noted)} masks, for example {example}"


def _notes(
    dataset: Dataset, rows: Sequence[Row], run: Mapping[str, Any], options: ScoringOptions
) -> Iterator[str]:
    benchmark = dataset.selection.benchmark
    family = run.get("request", {}).get("family")
    own = named(family).wording if isinstance(family, str) else None
    if said := words_note(benchmark, dataset.profile, dataset.prompt_profile, own):
        yield said
    if "masks" in benchmark.scorers and options.masks_as not in (None, benchmark.definition):
        yield f"J and F of the masks are those of {options.masks_as}, not the benchmark's own."
    if "masks" in benchmark.scorers and options.tolerance is not None:
        yield f"boundaries match within {options.tolerance} pixels (where the definition counts in pixels)."
    if dataset.limit is not None and benchmark.whole:
        limit = dataset.limit
        yield f"asked for the first {limit} only; this metric means something else on a part of the data."
    if benchmark.submission and all(row.sample.gold is None for row in rows):
        yield f"no gold: write the submission with `{program()} export RUN --format submission`."
    if dataset.control is not None:
        shows = control(dataset.control).shows
        yield f"under the control {dataset.control}: {shows}; no score of the benchmark."
    yield from broken_notes(dataset)
    yield from run.get("notes", ())
    yield from _examples(rows)
    differ = sum(row.score.detail.get("robust") not in (None, row.score.value) for row in rows)
    if differ:
        yield f"the robust extractor judges {differ} answers differently from the strict first-letter rule."
    prior = run.get("text_only_prior")
    if prior:
        yield (
            f"QA from the question's text alone, without the video: {prior['accuracy']:.1f} % "
            f"(chance {prior['chance']:.1f} ±{prior['stderr']:.1f} %)."
        )
