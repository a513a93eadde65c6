"""A sweep as a table: score over what was swept, with its cost and its gain over the first point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sightbench.reports.comparison import p_value
from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.comparison import Difference

PICKED = (
    "* the best point was picked on these very answers, so its number is a little too good: "
    "confirm it on other data."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One point on one benchmark."""

    benchmark: str
    label: str
    headline: Metric
    gain: Difference | None
    tokens: int
    answered: int
    asked: int


def render(lines: Sequence[Line]) -> RenderableType:
    """One table a benchmark, points in the order they were run, the best one marked."""
    parts: list[RenderableType] = []
    for name in dict.fromkeys(line.benchmark for line in lines):
        own = [line for line in lines if line.benchmark == name]
        known = [line for line in own if line.headline.value is not None]
        best = max(known, key=lambda line: line.headline.value or 0.0, default=None)
        table = Table(title=name, box=box.SIMPLE_HEAD, title_justify="left")
        table.add_column("point", overflow="fold")
        for column in ("score", "95 %", "gain over the first", "adj. p", "tokens/answer", "answered"):
            table.add_column(column, justify="right")
        for line in own:
            table.add_row(*_cells(line, line is best and len(own) > 1))
        parts.append(table)
    return Group(*parts, Text(PICKED, style="yellow"))


def _cells(line: Line, best: bool) -> tuple[str, ...]:
    metric, gain = line.headline, line.gain
    return (
        line.label + (" *" if best else ""),
        "n/a" if metric.value is None else f"{metric.value:.1f}",
        "" if metric.interval is None else f"{metric.interval[0]:.1f} to {metric.interval[1]:.1f}",
        "" if gain is None else f"{gain.value:+.1f} ({gain.verdict})",
        "" if gain is None else p_value(gain.adjusted_p),
        f"{line.tokens / line.answered:,.0f}" if line.tokens and line.answered else "",
        f"{line.answered}/{line.asked}",
    )
