"""Figures for papers, drawn with matplotlib: told apart without colour, with their fonts in the file."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightbench.errors import UsageError
from sightbench.scorers.statistics.comparison import Difference

ENDINGS = (".svg", ".pdf", ".png")

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")
"""Okabe and Ito (2008), which colour-blind people tell apart, neighbours of different lightness."""

_HATCHES = ("", "///", "...", "xxx", "---", "\\\\\\", "+++", "ooo")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 3)), "-")

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "figure.dpi": 150,
    "savefig.dpi": 300,
    # Outlines in SVG and TrueType in PDF: what a journal asks for, and the same on every machine.
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "svg.hashsalt": "sightbench",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One number with its 95 % interval; at `x` where it lies on a curve."""

    label: str
    value: float
    interval: tuple[float, float] | None = None
    x: float | None = None

    @property
    def reach(self) -> tuple[float, float]:
        """How far the interval reaches below and above; 0 where there is none."""
        low, high = self.interval or (self.value, self.value)
        return max(0.0, self.value - low), max(0.0, high - self.value)


@dataclass(frozen=True, slots=True)
class Series:
    """One model, or one curve."""

    name: str
    points: tuple[Point, ...]


def bars(path: Path, title: str, unit: str, series: Sequence[Series]) -> None:
    """A group of bars for each dimension, a bar for each model, with its interval."""
    labels = _labels(series)
    with _figure(path, _wide(len(labels), len(series))) as (_, axes):
        width = 0.8 / len(series)
        for at, one in enumerate(series):
            known = {point.label: point for point in one.points}
            places = [number for number, label in enumerate(labels) if label in known]
            points = [known[labels[number]] for number in places]
            axes.bar(
                [place + (at + 0.5) * width - 0.4 for place in places],
                [point.value for point in points],
                width * 0.94,
                yerr=list(zip(*(point.reach for point in points), strict=True)),
                label=one.name,
                color=COLOURS[at % 8],
                hatch=_HATCHES[at % 8],
                edgecolor="black",
                linewidth=0.5,
                error_kw={"elinewidth": 0.8, "capsize": 1.5},
            )
        slanted = len(labels) > 8
        texts = labels if slanted else _wrapped(labels)
        axes.set_xticks(
            range(len(labels)), texts, rotation=30 if slanted else 0, ha="right" if slanted else "center"
        )
        _finish(axes, title, unit, len(series))
        axes.grid(axis="y", linewidth=0.4, color="#cccccc")


def radar(path: Path, title: str, unit: str, series: Sequence[Series]) -> None:
    """One axis for each dimension, a closed line for each model. Raises UsageError for fewer than three."""
    labels = _labels(series)
    if len(labels) < 3:
        raise UsageError(f"a radar needs three dimensions or more; {title} has {len(labels)}: take bars")
    angles = [2 * math.pi * at / len(labels) for at in range(len(labels))]
    with _figure(path, (5.0, 4.4), polar=True) as (_, axes):
        axes.set_theta_offset(math.pi / 2)
        axes.set_theta_direction(-1)
        for at, one in enumerate(series):
            known = {point.label: point.value for point in one.points}
            values = [known.get(label, math.nan) for label in labels]
            axes.plot(
                [*angles, angles[0]], [*values, values[0]], label=one.name, color=COLOURS[at % 8],
                linestyle=_DASHES[at % 8], marker=_MARKERS[at % 8], markersize=3.5, linewidth=1.3,
            )  # fmt: skip
        axes.set_xticks(angles, _wrapped(labels))
        for text, angle in zip(axes.get_xticklabels(), angles, strict=True):
            side = math.sin(angle)
            text.set_horizontalalignment("center" if abs(side) < 0.1 else "left" if side > 0 else "right")
        axes.set_rlabel_position(180 / len(labels))
        axes.tick_params(axis="y", labelsize=6)
        axes.set_ylim(bottom=0)
        axes.grid(linewidth=0.4, color="#cccccc")
        axes.spines["polar"].set_linewidth(0.5)
        axes.set_title(f"{title} ({unit})", pad=14)
        if len(series) > 1:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=min(3, len(series)))


def gains(
    path: Path, title: str, baseline: str, unit: str, found: Sequence[tuple[str, Sequence[Difference]]]
) -> None:
    """The difference to the baseline for each number, with its interval; filled: a test tells it from 0."""
    labels = list(dict.fromkeys(entry.name for _, differences in found for entry in differences))
    with _figure(path, (5.2, 0.9 + 0.2 * len(labels) * max(1, len(found) * 0.75))) as (_, axes):
        axes.axvline(0, color="black", linewidth=0.8)
        for at, (name, differences) in enumerate(found):
            colour = COLOURS[at % 8]
            for entry in differences:
                y = labels.index(entry.name) + ((at + 0.5) / len(found) - 0.5) * 0.7
                low, high = entry.interval or (entry.value, entry.value)
                axes.plot([low, high], [y, y], color=colour, linewidth=1.1, linestyle=_DASHES[at % 8])
                sure = entry.verdict in ("better", "worse")
                axes.plot(
                    entry.value, y, marker=_MARKERS[at % 8], markersize=5, color=colour,
                    markerfacecolor=colour if sure else "white",
                    label=name if entry is differences[0] else None, linestyle="none",
                )  # fmt: skip
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.set_xlabel(f"gain over {baseline} ({unit}); filled: adjusted p below 5 %")
        axes.set_title(title)
        axes.grid(axis="x", linewidth=0.4, color="#cccccc")
        if len(found) > 1:
            axes.legend(loc="best")


def curves(path: Path, title: str, unit: str, along: str, series: Sequence[Series]) -> None:
    """Score over what was swept, with intervals; points without a place stand side by side."""
    numbered = all(point.x is not None for one in series for point in one.points)
    labels = _labels(series)
    with _figure(path, (4.6, 3.0)) as (_, axes):
        for at, one in enumerate(series):
            points = sorted(one.points, key=lambda point: point.x or 0.0) if numbered else one.points
            axes.errorbar(
                [point.x if numbered else labels.index(point.label) for point in points],
                [point.value for point in points],
                list(zip(*(point.reach for point in points), strict=True)),
                label=one.name or "all", color=COLOURS[at % 8],
                linestyle=_DASHES[at % 8] if numbered else "none",
                marker=_MARKERS[at % 8], markersize=4, linewidth=1.3, elinewidth=0.8, capsize=2,
            )  # fmt: skip
        if not numbered:
            axes.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
        elif len(places := sorted({point.x or 0.0 for one in series for point in one.points})) <= 8:
            axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.set_xlabel(along)
        _finish(axes, title, unit, len(series))
        axes.grid(linewidth=0.4, color="#cccccc")


def histograms(path: Path, title: str, unit: str, values: Sequence[tuple[str, Sequence[float]]]) -> None:
    """How single scores (0 to 100) are spread: a line of steps for each model, its mean marked."""
    edges = [5 * at for at in range(21)]
    with _figure(path, (4.6, 2.9)) as (_, axes):
        for at, (name, scores) in enumerate(values):
            look = {"color": COLOURS[at % 8], "linestyle": _DASHES[at % 8]}
            mean = math.fsum(scores) / len(scores)
            weights = [100 / len(scores)] * len(scores)
            axes.hist(
                scores, edges, weights=weights, histtype="step", linewidth=1.3,
                label=f"{name} (mean {mean:.1f}, n = {len(scores):,})", **look,
            )  # fmt: skip
            axes.plot(mean, 0, marker=_MARKERS[at % 8], color=COLOURS[at % 8], markersize=6, clip_on=False)
        axes.set_xlim(0, 100)
        axes.set_xlabel(unit)
        axes.set_ylabel("% of the samples")
        axes.set_title(title)
        axes.legend(loc="best", fontsize=7)
        axes.grid(axis="y", linewidth=0.4, color="#cccccc")


def _labels(series: Sequence[Series]) -> list[str]:
    return list(dict.fromkeys(point.label for one in series for point in one.points))


def _wrapped(labels: Sequence[str]) -> list[str]:
    return [textwrap.fill(label, 14, break_long_words=False, break_on_hyphens=False) for label in labels]


def _wide(labels: int, series: int) -> tuple[float, float]:
    return min(9.0, max(3.4, 1.6 + max(0.28 * series, 1.02) * labels)), 2.9


def _finish(axes: Any, title: str, unit: str, count: int) -> None:
    axes.set_ylabel(unit)
    axes.set_title(title)
    if count > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))


@contextmanager
def _figure(path: Path, size: tuple[float, float], *, polar: bool = False) -> Iterator[tuple[Any, Any]]:
    """A figure that is written to `path` afterwards, in the form its ending says. Raises UsageError."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: a figure ends in {', '.join(ENDINGS)}")
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("figures are drawn with matplotlib: pip install 'sightbench[plot]'") from None
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        yield figure, figure.add_subplot(projection="polar" if polar else None)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without the time of day, so that the same numbers give the same file.
        undated: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
        figure.savefig(path, metadata=undated.get(path.suffix.lower()))
