"""Everything after replies.jsonl: scores.jsonl, summary.json and report.txt, rebuilt from it at any time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from sightbench.client.journal import Journal
from sightbench.evaluation.costs.spending import Spending
from sightbench.evaluation.selection import Chosen, broken_notes
from sightbench.evaluation.tiles import tile_note
from sightbench.files import replace_file
from sightbench.reports import tables
from sightbench.reports.submission import Answer
from sightbench.reports.summary import BenchmarkSummary, Summary, totals
from sightbench.sample import MaskTruth, Reply, Sample, Turn, Video
from sightbench.scorers import dynbench_overall
from sightbench.scorers.answer import boxed_or_rest, final_answer, set_aside_reasoning
from sightbench.scorers.choice.rotation import rotation
from sightbench.scorers.masks.reply import grade_masks
from sightbench.scorers.masks.truth import Cache, open_cache
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scoring import coverage, score
from sightbench.scorers.scoring_options import ScoringOptions
from sightbench.scorers.table import SCORERS
from sightbench.tasks.controls import control

Grader = Callable[[Sample, Reply], Grade]
DEFAULT = ScoringOptions()


def score_run(
    folder: Path,
    journal: Journal,
    chosen: Sequence[Chosen],
    run: Mapping[str, Any],
    options: ScoringOptions = DEFAULT,
) -> Summary:
    """Scores every sample of the run in file order and writes the three files; returns the Summary.

    The same replies always give the same bytes in scores.jsonl, whatever order they came in.
    """
    judged = judge_run(journal, chosen, run, options)
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
    journal: Journal, chosen: Sequence[Chosen], run: Mapping[str, Any], options: ScoringOptions = DEFAULT
) -> Judged:
    """Scores every sample of the run in file order and writes nothing."""
    usages = []
    benchmarks = []
    lines = []
    spending = Spending(run)
    for one in chosen:
        rows = []
        for row, reply in _scored(one, journal, options):
            if reply is not None:
                usages.append(reply.usage)
                spending.add(reply)
            lines.append(orjson.dumps(row.score, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
            rows.append(row)
        benchmarks.append(_summarise(one, rows, run, tile_note(one, journal)))
    summary = Summary(
        str(run.get("alias") or run["model"]), tuple(benchmarks), totals(usages), run, spending.spent()
    )
    return Judged(summary, tuple(lines))


def rows_of(one: Chosen, journal: Journal, options: ScoringOptions = DEFAULT) -> list[Row]:
    """The scored samples of one benchmark, in file order."""
    return [row for row, _ in _scored(one, journal, options)]


def answers(one: Chosen, journal: Journal, options: ScoringOptions = DEFAULT) -> Iterator[Answer]:
    """The answered samples of one benchmark for a submission, in file order."""
    for row, reply in _scored(one, journal, options):
        if reply is not None and reply.status == "ok":
            yield Answer(row.sample, answer_of(row.sample, reply, options), row.score.parsed)


def _scored(one: Chosen, journal: Journal, options: ScoringOptions) -> Iterator[tuple[Row, Reply | None]]:
    grade = grader(one, options)
    for sample in one.samples():
        reply = journal.read(sample.id)
        yield Row(lean(sample), score(sample, reply, grade, options.on_error)), reply


def lean(sample: Sample) -> Sample:
    """The sample without its texts and images, which no number needs; videos stay, by their id."""
    turns = (
        Turn(turn.role, tuple(Video(part.id) for part in turn.parts if isinstance(part, Video)))
        for turn in sample.turns
    )
    return replace(sample, turns=tuple(turn for turn in turns if turn.parts))


def grader(one: Chosen, options: ScoringOptions) -> Grader:
    """The function that judges replies of this benchmark: masks against ground truth, texts by its scorer."""
    benchmark = one.selection.benchmark
    scorer = SCORERS[benchmark.scorer]
    profile = benchmark.scored_as(one.profile)
    truth = true_masks(one) if one.only(masks=True) else None
    extra: dict[str, Any] = {}
    if options.box_mode:
        extra["box_mode"] = options.box_mode
    if options.unparsed == "random":
        # One generator through the file, as the references draw.
        extra |= {"unparsed": "random", "seed": options.seed, "generator": random.Random(options.seed)}

    def grade(sample: Sample, reply: Reply) -> Grade:
        if sample.wants == "masks":
            assert truth is not None and isinstance(sample.gold, MaskTruth)
            rles = truth.object_rles(sample.gold.folder, sample.gold.object, sample.gold.frames)
            return grade_masks(sample.gold.frames, reply.masks, rles)
        if benchmark.family == "judged":
            return Grade(None, None, "ungraded", "needs a judge")
        if sample.gold is None and "choices" not in sample.meta:
            return Grade(None, None, "ungraded", "no gold")
        fields = {**sample.meta, "id": sample.id, "category": sample.category, **extra}
        return scorer.grade(answer_of(sample, reply, options), sample.gold, fields, profile)

    return grade


def true_masks(one: Chosen) -> Cache:
    """The ground-truth masks of a benchmark, those that are not cached yet read in parallel."""
    cache = open_cache(one.data)
    truths = (sample.gold for sample in one.samples() if isinstance(sample.gold, MaskTruth))
    cache.build((truth.folder, truth.object, truth.frames) for truth in truths)
    return cache


def answer_of(sample: Sample, reply: Reply, options: ScoringOptions) -> str:
    """What an extractor sees of a reply: reasoning set aside, and where the prompt (a sample's `cot`) or the
    model family (`answer`) asked for a marked answer after the reasons, what the mark holds."""
    if options.answer == "boxed":
        return boxed_or_rest(reply.text or "")
    text, _ = set_aside_reasoning(reply.text or "")
    marked = sample.meta.get("cot")
    return final_answer(text, str(marked)) if marked else text


def headline(one: Chosen, rows: Sequence[Row]) -> Metric:
    """The number people quote of this benchmark, and those it is made of; rows in the source's order."""
    benchmark = one.selection.benchmark
    if benchmark.mask_tasks:
        return dynbench_overall.dynbench(rows)
    return SCORERS[benchmark.scorer].aggregate(rows, benchmark.scored_as(one.profile))


def _summarise(
    one: Chosen, rows: list[Row], run: Mapping[str, Any], warning: str | None = None
) -> BenchmarkSummary:
    benchmark = one.selection.benchmark
    rows.sort(key=lambda row: row.sample.order)
    extras: tuple[Metric, ...] = ()
    baselines = None
    if benchmark.mask_tasks:
        extras = dynbench_overall.dynbench_extras(rows)
        baselines = {"QA by chance": dynbench_overall.dynbench_chance(rows)}
    if one.control == "options-rotated":
        extras = (*extras, *rotation(rows))
    return BenchmarkSummary(
        benchmark.name,
        benchmark.title,
        one.profile,
        benchmark.metric,
        benchmark.reference,
        headline(one, rows),
        extras,
        coverage(rows),
        tuple((*filter(None, [warning]), *_notes(one, rows, run))),
        baselines,
    )


def _examples(rows: Sequence[Row]) -> Iterator[str]:
    """One failed request of each kind in the server's words; the first mask something was decided about."""
    kinds: dict[str, Row] = {}
    for row in rows:
        if row.score.status == "error" and "message" in row.score.detail:
            kinds.setdefault(row.score.detail["error"], row)
    for kind, row in kinds.items():
        yield f"{kind}, for example {row.score.sample}: {row.score.detail['message']}"
    noted = [row for row in rows if row.score.detail.get("notes")]
    if noted:
        first = noted[0].score
        example = f"{first.sample}: {first.detail['notes'][0]}"
        yield f"scores.jsonl has notes on {len(noted)} masks, for example {example}"


def _notes(one: Chosen, rows: Sequence[Row], run: Mapping[str, Any]) -> Iterator[str]:
    benchmark = one.selection.benchmark
    if one.limit is not None and benchmark.whole:
        yield f"asked for the first {one.limit} only; this metric means something else on a part of the data."
    if benchmark.submission and all(row.sample.gold is None for row in rows):
        yield f"no gold: write the submission with `bench.py export RUN --format {benchmark.submission}`."
    if one.control is not None:
        yield f"under the control {one.control}: {control(one.control).shows}; no score of the benchmark."
    yield from broken_notes(one)
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
