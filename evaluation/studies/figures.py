"""Runs as figures for papers: which numbers of which runs are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from sightbench.errors import RunFolderError, UsageError
from sightbench.evaluation.judging import scorer_of
from sightbench.evaluation.report import labels
from sightbench.evaluation.run import Run
from sightbench.evaluation.studies.compare import compare, judged
from sightbench.json_record import from_json
from sightbench.reports.studies import figures
from sightbench.reports.studies.figures import Point, Series
from sightbench.reports.summary import BenchmarkSummary
from sightbench.scorers.score import Metric


def draw(kind: str, runs: Sequence[Run], path: Path, benchmark: str | None = None) -> None:
    """Writes the figure `kind` of one benchmark of the runs (the first they share, if none is named).

    Raises UsageError for a figure nobody knows or that these runs cannot give.
    """
    if kind not in KINDS:
        raise UsageError(f"{kind}: there are {', '.join((*KINDS, 'curve'))}")
    KINDS[kind](runs, path, _shared(runs, benchmark))


def draw_curve(sweep: Path, path: Path, benchmark: str | None = None) -> None:
    """Writes the curves of a sweep's folder. Raises RunFolderError where there is no sweep.json."""
    place = sweep / "sweep.json"
    try:
        entries = from_json(place.read_bytes(), list[_Swept])
    except OSError:
        raise RunFolderError(f"{sweep} holds no sweep.json: the command `sweep` leaves one") from None
    except ValueError as error:
        raise RunFolderError(f"{place}: damaged ({error}); the command `sweep` writes it again") from None
    names = list(dict.fromkeys(entry.benchmark for entry in entries))
    name = benchmark or next(iter(names), "any benchmark")
    own = [entry for entry in entries if entry.benchmark == name and entry.headline.value is not None]
    if not own:
        raise UsageError(f"{sweep} has no numbers of {name}; it has {', '.join(names) or 'none'}")
    # A point without a number to lie at (the base model) is left to bars and tables.
    placed = [entry for entry in own if entry.x is not None]
    drawn = placed if len(placed) > 1 else own
    series = [
        Series(curve, tuple(_placed(entry) for entry in drawn if entry.series == curve))
        for curve in dict.fromkeys(entry.series for entry in drawn)
    ]
    if not placed:
        series = [Series("", tuple(_placed(entry) for entry in own))]
    headline = own[0].headline
    along = _along([entry.label for entry in drawn])
    figures.curves(path, name, f"{headline.name} ({headline.unit})", along, series)


class _Headline(msgspec.Struct):
    name: str
    unit: str
    value: float | None
    interval: tuple[float, float] | None = None


class _Swept(msgspec.Struct):
    """A line of sweep.json, as far as it is drawn."""

    benchmark: str
    label: str
    series: str
    x: float | None
    headline: _Headline


def _placed(entry: _Swept) -> Point:
    assert entry.headline.value is not None
    return Point(entry.label, entry.headline.value, entry.headline.interval, entry.x)


def _along(names: Sequence[str]) -> str:
    """What the points differ in, for the axis: "frames" of frames=4, steps of checkpoints."""
    axes = {name.rpartition(",")[2].partition("=")[0] for name in names if "=" in name}
    return axes.pop() if len(axes) == 1 and "model" not in axes else "training step"


def _bars(runs: Sequence[Run], path: Path, name: str) -> None:
    first = _of(runs[0], name)
    figures.bars(path, first.title, first.headline.unit, _series(runs, name))


def _radar(runs: Sequence[Run], path: Path, name: str) -> None:
    first = _of(runs[0], name)
    figures.radar(path, first.title, first.headline.unit, _series(runs, name))


def _gain(runs: Sequence[Run], path: Path, name: str) -> None:
    found = [one for one in compare(runs) if one.benchmark == name]
    shown = labels(runs)
    named = [(label, one.differences) for label, one in zip(shown[1:], found, strict=True)]
    unit = "points" if found[0].differences[0].unit == "%" else found[0].differences[0].unit
    figures.gains(path, found[0].title, shown[0], unit, named)


def _histogram(runs: Sequence[Run], path: Path, name: str) -> None:
    values = []
    for label, run in zip(labels(runs), runs, strict=True):
        one = judged(run)[name]
        masks = [sample for sample in one.samples if sample.wants == "masks"]
        scores = [one.scores[sample.id] for sample in masks or one.samples]
        best = scorer_of(one.dataset.selection.benchmark, "masks" if masks else "text").full_marks
        known = [
            100 * score.value / best
            for score in scores
            if score.value is not None and score.status != "error"
        ]
        if not known:
            raise UsageError(f"{run.folder}: no sample of {name} has a score")
        values.append((label, known))
    what = "J&F (%)" if masks else "score of a sample (%)"
    figures.histograms(path, _of(runs[0], name).title, what, values)


KINDS: Mapping[str, Callable[[Sequence[Run], Path, str], None]] = {
    "bars": _bars,
    "radar": _radar,
    "gain": _gain,
    "histogram": _histogram,
}
"""The figures of runs, by the word that asks for them."""


def _shared(runs: Sequence[Run], wanted: str | None) -> str:
    names = [[one.name for one in run.summary.benchmarks] for run in runs]
    shared = [name for name in names[0] if all(name in others for others in names)]
    if wanted is None and shared:
        return shared[0]
    if wanted not in shared:
        raise UsageError(f"these runs share {', '.join(shared) or 'no benchmark'}")
    return wanted


def _of(run: Run, name: str) -> BenchmarkSummary:
    return next(one for one in run.summary.benchmarks if one.name == name)


def _series(runs: Sequence[Run], name: str) -> list[Series]:
    for run in runs:
        if _of(run, name).headline.value is None:
            raise UsageError(f"{run.folder}: {name} has no value there")
    return [
        Series(label, tuple(_dimensions(_of(run, name).headline)))
        for label, run in zip(labels(runs), runs, strict=True)
    ]


def _dimensions(headline: Metric) -> list[Point]:
    """The numbers the headline is made of; the headline itself where it is made of none."""
    parts = [part for part in headline.parts if part.value is not None]
    return [_point(part) for part in parts] or [_point(headline)]


def _point(metric: Metric) -> Point:
    assert metric.value is not None
    return Point(metric.name, metric.value, metric.interval)
