"""Is one run better than another? Paired by sample, clustered by video, on what both answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sightbench.errors import UsageError
from sightbench.evaluation.run import Run
from sightbench.evaluation.score import headline, lean
from sightbench.evaluation.selection import Dataset
from sightbench.sample import Sample
from sightbench.scorers.score import Metric, Row, Score
from sightbench.scorers.statistics.comparison import Comparison, compared
from sightbench.scorers.statistics.paired import FLIPS

MARGIN = 1.0
"""What counts as no difference unless told otherwise: one point of the metric's unit."""

_TOLD = {
    "temperature": "sampling", "top_p": "sampling", "top_k": "sampling", "repetition_penalty": "sampling",
    "max_tokens": "sampling", "extra_body": "sampling", "seed": "sampling",
    "frames": "frames", "fps": "frames", "min_pixels": "frames", "max_pixels": "frames",
    "detail": "frames", "system": "prompt", "suffix": "prompt",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """One benchmark of a run: its samples in file order and the score of each by the sample's id."""

    run: Run
    dataset: Dataset
    samples: tuple[Sample, ...]
    scores: Mapping[str, Score]


def compare(
    runs: Sequence[Run], *, margin: float = MARGIN, flips: int = FLIPS, seed: int = 0
) -> tuple[Comparison, ...]:
    """Every run but the first against the first, one Comparison for each benchmark both have.

    The runs are scored already. All candidates share the flips of a benchmark, and their p are adjusted
    together. Raises UsageError where there is nothing to compare, RunFolderError for a run without scores.
    """
    if len(runs) < 2:
        raise UsageError("a comparison needs two runs or more: the first is the baseline")
    baseline = judged(runs[0])
    candidates = [judged(run, baseline) for run in runs[1:]]
    found: list[Comparison] = []
    for name, base in baseline.items():
        others = [candidate[name] for candidate in candidates if name in candidate]
        compared_with_base = against(base, others, margin=margin, flips=flips, seed=seed)
        for other, one in zip(others, compared_with_base, strict=True):
            if one is None:
                title = base.dataset.selection.benchmark.name
                raise UsageError(
                    f"{title}: {base.run.folder} and {other.run.folder} share too few graded answers: it "
                    "takes some about two videos or images"
                )
            found.append(one)
    if not found:
        raise UsageError("the runs have no benchmark in common")
    return tuple(found)


def judged(run: Run, like: Mapping[str, Judged] | None = None) -> dict[str, Judged]:
    """The benchmarks of a scored run by name; `like` is another run of them, whose samples are not read
    again where these are the same. Raises RunFolderError if it is not scored."""
    if like and (found := _as_before(run, like)) is not None:
        return found
    rows: dict[str, list[tuple[Sample, Score]]] = {}
    datasets: dict[str, Dataset] = {}
    for dataset, sample, score in run.scored():
        name = dataset.selection.benchmark.name
        datasets[name] = dataset
        rows.setdefault(name, []).append((lean(sample), score))
    return {
        name: Judged(
            run,
            datasets[name],
            tuple(sample for sample, _ in sorted(entries, key=lambda entry: entry[0].order)),
            {sample.id: score for sample, score in entries},
        )
        for name, entries in rows.items()
    }


def _as_before(run: Run, like: Mapping[str, Judged]) -> dict[str, Judged] | None:
    """The run with the samples of another one; None where it was not asked the very same."""
    before = {dataset.selection.benchmark.name: dataset for dataset in run.datasets}
    if any(name not in like or like[name].dataset != dataset for name, dataset in before.items()):
        return None
    listed = list(run.scores())
    scores = {score.sample: score for score in listed}
    if len(scores) < len(listed):
        return None
    found = {}
    for name, dataset in before.items():
        own = {sample.id: scores.pop(sample.id, None) for sample in like[name].samples}
        if None in own.values():
            return None
        kept = {sample: score for sample, score in own.items() if score is not None}
        found[name] = Judged(run, dataset, like[name].samples, kept)
    return None if scores else found


def paired(base: Judged, other: Judged) -> tuple[Metric, Metric]:
    """The number of both runs over the samples both answered; the others have no value in either."""
    shared = answered(base) & answered(other)
    trees = []
    for one in (base, other):
        rows = [Row(sample, _without(one.scores.get(sample.id), sample, shared)) for sample in base.samples]
        trees.append(headline(one.dataset, rows, one.run.record.scoring))
    return trees[0], trees[1]


def _without(score: Score | None, sample: Sample, shared: set[str]) -> Score:
    if score is None or sample.id not in shared:
        return Score(sample.id, None, None, "error", {"error": "not in both runs"})
    return score


def answered(one: Judged) -> set[str]:
    """The samples with a value that is a judgement, not the 0 that --on-error zero gives a failed request."""
    return {name for name, score in one.scores.items() if score.value is not None and score.status != "error"}


def against(
    base: Judged, others: Sequence[Judged], *, margin: float = MARGIN, flips: int = FLIPS, seed: int = 0
) -> Iterator[Comparison | None]:
    """Each of the others against `base` on one benchmark, their p adjusted together; None for one that shares
    too few graded answers with it."""
    trees = [paired(base, other) for other in others]
    ours = answered(base)
    for other, differences in zip(
        others, compared(trees, margin=margin, flips=flips, seed=seed), strict=True
    ):
        theirs = answered(other)
        benchmark = base.dataset.selection.benchmark
        if not differences:
            yield None
            continue
        yield Comparison(
            benchmark.name,
            benchmark.title,
            _name(base),
            _name(other),
            differences,
            margin,
            flips,
            shared=len(ours & theirs),
            only_baseline=len(ours - theirs),
            only_candidate=len(theirs - ours),
            warnings=tuple(warnings(base, other)),
            control=base.dataset.control if _is_control(base, other) else None,
        )


def warnings(base: Judged, other: Judged) -> Iterator[str]:
    """Where the two differ in more than the model: data, prompts, sampling, frames, scoring, coverage."""
    one, two = base.dataset, other.dataset
    if one.digest != two.digest:
        yield f"the data differ (digest {one.digest} and {two.digest}); samples are matched by their ids"
    if one.profile != two.profile:
        yield f"the prompt profiles differ: {one.profile} and {two.profile}"
    if one.prompt_profile != two.prompt_profile:
        words = (each.prompt_profile or "not told" for each in (one, two))
        yield "asked for masks in other words: prompt profile {} and {}".format(*words)
    if one.control != two.control and not _is_control(base, other):
        yield f"asked under different conditions: control {_shown(one.control)} and {_shown(two.control)}"
    if one.selection.tasks != two.selection.tasks or one.limit != two.limit:
        yield "they did not ask for the same part of the benchmark"
    old, new = base.run.record.request, other.run.record.request
    if "imported" in old or "imported" in new:
        yield "the answers of one were imported: how they were asked for is not known"
    else:
        for name, kind in _TOLD.items():
            was, now = _plain(old.get(name)), _plain(new.get(name))
            if was != now:
                yield f"{kind} differs: {name} {_shown(was)} and {_shown(now)}"
    for name in ("on_error", "unparsed", "masks_as", "tolerance"):
        was, now = (getattr(one.run.record.scoring, name) for one in (base, other))
        if was != now:
            yield f"scoring differs: {name} {_shown(was)} and {_shown(now)}"
    for judged_run in (base, other):
        failed = sum(score.status == "error" for score in judged_run.scores.values())
        if failed:
            asked = len(judged_run.scores)
            yield f"{judged_run.run.record.shown_as} answered {asked - failed:,} of {asked:,}"


def _name(one: Judged) -> str:
    shown = one.run.record.shown_as
    return shown if one.dataset.control is None else f"{shown} ({one.dataset.control})"


def _is_control(base: Judged, other: Judged) -> bool:
    """Whether the baseline is the same model under a control condition."""
    same = base.run.record.model == other.run.record.model
    return same and base.dataset.control is not None and other.dataset.control is None


def _plain(value: Any) -> Any:
    """Absent and empty are the same: a version that knew no such parameter had it at its default."""
    return None if value in ({}, [], "") else value


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
