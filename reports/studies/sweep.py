"""A sweep as a table and as JSON: score over what was swept, with its cost and its gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sightbench.reports.comparison import p_value
from sightbench.reports.summary import metric_json
from sightbench.scorers.score import Metric
from sightbench.scorers.statistics.comparison import Difference

PICKED = (
    "* the best point was picked on these very answers, so its number is a little too good: "
    "confirm it on other data."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One point on one benchmark. It lies at `x` of the curve `series`, None where what is swept is no
    number; `folder` is that of its run."""

    benchmark: str
    label: str
    headline: Metric
    gain: Difference | None
    tokens: int
    answered: int
    asked: int
    series: str = ""
    x: float | None = None
    dollars: float | None = None
    folder: str = ""

    @property
    def tokens_each(self) -> float | None:
        """Tokens of prompt and answer for one sample; None where the server does not count them."""
        return self.tokens / self.answered if self.tokens and self.answered else None


def best(lines: Sequence[Line]) -> Line | None:
    """The point with the highest score of a benchmark's; None where there are not two to choose from."""
    known = [line for line in lines if line.headline.value is not None]
    return max(known, key=lambda line: line.headline.value or 0.0) if len(known) > 1 else None


def by_benchmark(lines: Sequence[Line]) -> dict[str, list[Line]]:
    return {
        name: [line for line in lines if line.benchmark == name]
        for name in dict.fromkeys(line.benchmark for line in lines)
    }


def render(lines: Sequence[Line]) -> RenderableType:
    """One table a benchmark, points in the order they were run, the best one marked."""
    parts: list[RenderableType] = []
    for name, own in by_benchmark(lines).items():
        heads, rows = cells(own)
        table = Table(
            title=name,
            caption="gain over the first point; tokens of prompt and answer for one sample",
            box=box.SIMPLE_HEAD,
            title_justify="left",
            caption_justify="left",
            padding=(0, 1, 0, 0),
        )
        table.add_column("point", overflow="fold", min_width=10)
        for column in heads[1:]:
            table.add_column(column, justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        parts.append(table)
    return Group(*parts, Text(PICKED, style="yellow"))


def to_json(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The lines as sweep.json keeps them."""
    return [
        {
            **{name: getattr(line, name) for name in ("benchmark", "label", "series", "x", "folder")},
            **{name: getattr(line, name) for name in ("answered", "asked", "tokens", "dollars")},
            "best": line is best([other for other in lines if other.benchmark == line.benchmark]),
            "headline": metric_json(line.headline),
            "gain": None if line.gain is None else asdict(line.gain),
        }
        for line in lines
    ]


def cells(lines: Sequence[Line]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The table of one benchmark as texts: its heads, and a row a point; costs only where any are known."""
    top = best(lines)
    heads = ("point", "score", "95 %", "gain", "adj. p", "tokens", "answered")
    rows = [_cells(line, line is top) for line in lines]
    if all(line.dollars is None for line in lines):
        return heads, rows
    bills = ["" if line.dollars is None else f"{line.dollars:.2f}" for line in lines]
    return (*heads, "US$"), [(*row, bill) for row, bill in zip(rows, bills, strict=True)]


def _cells(line: Line, is_best: bool) -> tuple[str, ...]:
    metric, gain, each = line.headline, line.gain, line.tokens_each
    return (
        line.label + (" *" if is_best else ""),
        "n/a" if metric.value is None else f"{metric.value:.1f}",
        "" if metric.interval is None else f"{metric.interval[0]:.1f} to {metric.interval[1]:.1f}",
        "" if gain is None else f"{gain.value:+.1f} ({gain.verdict})",
        "" if gain is None else p_value(gain.adjusted_p),
        "" if each is None else f"{each:,.0f}",
        f"{line.answered}/{line.asked}",
    )
