"""Two runs beside each other, as a person reads it on the terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sightbench.scorers.statistics.comparison import Comparison, Difference
from sightbench.scorers.statistics.intervals import FEW_CLUSTERS

_STYLES = {"better": "bold green", "worse": "bold red", "equivalent": "cyan", "undecided": ""}


def render(comparisons: Sequence[Comparison]) -> RenderableType:
    """A table and a sentence for each comparison."""
    parts: list[RenderableType] = []
    for one in comparisons:
        parts += [
            _table(one),
            *(Text(line, style="bold yellow") for line in remarks(one)),
            Text(sentence(one)),
            "",
        ]
    return Group(*parts)


def to_json(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """The comparisons as plain JSON values, under the names of their fields."""
    return [asdict(one) for one in comparisons]


def sentence(one: Comparison) -> str:
    """The headline's verdict in words that can be quoted."""
    head = one.differences[0]
    size = (
        f"{head.value:+.1f} {_unit(head)}{_interval(head)}, p = {p_value(head.adjusted_p)} by {head.method}"
    )
    if one.control:
        return f"Gain of {one.candidate} over the control {one.control} on {one.title}: {size}."
    if head.verdict in ("better", "worse"):
        return f"{one.candidate} is {head.verdict} than {one.baseline} on {one.title}: {size}."
    if head.verdict == "equivalent":
        return (
            f"{one.candidate} and {one.baseline} are equivalent on {one.title} within {one.margin:g}: {size}."
        )
    needed = (
        ""
        if head.needed is None
        else f" About {head.needed:,} clusters (videos) would settle it; there are {head.clusters:,}."
    )
    return f"{one.candidate} and {one.baseline} on {one.title}: undecided, {size}.{needed}"


def remarks(one: Comparison) -> list[str]:
    """What a reader must know before quoting the verdict."""
    lines = [f"not only the model: {line}" for line in one.warnings]
    if one.only_baseline or one.only_candidate:
        lines.append(
            f"left out of both: {one.only_baseline:,} samples that only {one.baseline} answered, and "
            f"{one.only_candidate:,} that only {one.candidate} answered."
        )
    if one.differences[0].clusters < FEW_CLUSTERS:
        lines.append(
            f"{one.differences[0].clusters} clusters (videos) only: take p and interval as rough guesses."
        )
    return lines


def p_value(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.01 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _table(one: Comparison) -> Table:
    table = Table(
        title=f"{one.title}  ·  {one.candidate} against {one.baseline}",
        caption=f"{one.shared:,} samples that both answered; 95 % intervals; p of the rest adjusted together",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("", overflow="fold", min_width=12)
    for column in ("base", "run", "difference", "adj. p", "won/lost"):
        table.add_column(column, justify="right", no_wrap=column != "difference")
    table.add_column("verdict", min_width=10)
    for entry in one.differences:
        verdict = entry.verdict + (f" (needs {entry.needed:,})" if entry.needed else "")
        table.add_row(
            "  " * entry.depth + entry.name,
            f"{entry.baseline:.1f}",
            f"{entry.candidate:.1f}",
            f"{entry.value:+.1f}{_interval(entry)}",
            p_value(entry.adjusted_p),
            "" if entry.wins is None else f"{entry.wins}/{entry.losses}",
            Text(verdict, style=_STYLES[entry.verdict]),
        )
    return table


def _interval(entry: Difference) -> str:
    if entry.interval is None:
        return ""
    return f" ({entry.interval[0]:+.1f} to {entry.interval[1]:+.1f})"


def _unit(entry: Difference) -> str:
    return "points" if entry.unit == "%" else entry.unit
