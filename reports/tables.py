"""What a person reads on the terminal and in report.txt."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sightbench.console import Console
from sightbench.reports.summary import BenchmarkSummary, JudgeSummary, Summary, flatten
from sightbench.scorers.score import Metric
from sightbench.scorers.scoring import Coverage
from sightbench.scorers.statistics.intervals import FEW_CLUSTERS

FEW_PARTS = 8
"""So many lines a benchmark may add to its own on a terminal."""


def number(metric: Metric) -> str:
    """`63.2 ±1.4 (120)`: value, standard error, n; `n/a` where there is no value."""
    return value(metric) if metric.value is None else f"{value(metric)} ({metric.n:,})"


def value(metric: Metric) -> str:
    """`63.2 ±1.4`: value and standard error; `n/a` where there is no value."""
    if metric.value is None:
        return "n/a"
    digits = 1 if metric.unit == "%" else 2
    error = "" if metric.stderr is None else f" ±{metric.stderr:.{digits}f}"
    return f"{metric.value:.{digits}f}{error}"


def render(summary: Summary, *, full: bool = False) -> RenderableType:
    """The tables of a run: one of its own where a headline's parts form one, the rest a line each (`full`:
    with parts)."""
    parts: list[RenderableType] = []
    plain = []
    for benchmark in summary.benchmarks:
        if benchmark.columns and benchmark.headline.parts:
            parts.append(_grid(summary.model, benchmark))
        else:
            plain.append(benchmark)
    if plain:
        parts.append(_overview(summary.model, plain, full))
    # What is true of the whole run is said once, below.
    common = {str(note) for note in summary.run.get("notes", ())}
    imported = "imported" in (summary.run.get("request") or {})
    for benchmark in summary.benchmarks:
        own = tuple(note for note in benchmark.notes if note not in common)
        parts += [
            Text(line, style=style)
            for line, style in remarks(replace(benchmark, notes=own), imported=imported)
        ]
    if absent := summary.run.get("absent"):
        parts.append(Text(f"left out, their files are not there: {', '.join(absent)}", style="yellow"))
    parts += [Text(str(note), style="yellow") for note in summary.run.get("notes", ())]
    if summary.spent is not None:
        parts += [Text(line, style="dim") for line in summary.spent.lines]
    return Group(*parts)


def text(summary: Summary, *, full: bool = True, width: int = 110) -> str:
    """The same tables as plain text, without colour."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None)
    console.print(render(summary, full=full))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def precision(metric: Metric) -> str:
    """How sure the number is: its interval, and what its answers weigh; "" where that is not known."""
    if metric.value is None or metric.interval is None:
        return ""
    digits = 1 if metric.unit == "%" else 2
    low, high = (f"{end:.{digits}f}" for end in metric.interval)
    line = f"95 % interval {low} to {high}"
    if metric.clusters is not None and metric.clusters < metric.n:
        line += f", from {metric.n:,} answers in {metric.clusters:,} clusters (videos, pairs)"
        if metric.effective_n is not None:
            line += f", worth {metric.effective_n:,.0f} independent ones"
    return line


def remarks(benchmark: BenchmarkSummary, *, imported: bool = False) -> list[tuple[str, str]]:
    """(line, style) pairs: what a reader must know before quoting the number; `imported`, not asked."""
    cover = benchmark.coverage
    lines = []
    if sure := precision(benchmark.headline):
        lines.append((f"{benchmark.title}: {sure}.", "dim"))
    clusters = benchmark.headline.clusters
    if clusters == 1:
        lines.append((f"{benchmark.title}: one cluster (video) only: its error is not known.", "yellow"))
    elif clusters is not None and clusters < FEW_CLUSTERS:
        few = f"{clusters} independent clusters (videos) only"
        lines.append((f"{benchmark.title}: {few}: take the interval as a rough guess.", "yellow"))
    if benchmark.extras and benchmark.baselines is not None:
        told = "   ".join(f"{extra.name} {value(extra)}" for extra in benchmark.extras)
        lines.append((f"beside Overall:  {told}", "dim"))
    if benchmark.judged is not None:
        lines += [(f"{benchmark.title}: {line}", style) for line, style in judge_lines(benchmark.judged)]
    if not cover.complete:
        kinds = ", ".join(f"{n} {kind}" for kind, n in cover.errors.items())
        told = (
            f"{benchmark.title}: {cover.answered} of {cover.asked} answered ({kinds}). The others are in no "
        )
        ask = "what was imported does not hold them" if imported else "run the same command again to ask them"
        lines.append((f"{told}number above; {ask}.", "bold red"))
    odd = [
        f"{count} {what}"
        for count, what in (
            (cover.unparsed, "without a readable answer (counted wrong)"),
            (cover.truncated, "cut off at the token limit"),
            (cover.refused, "refused"),
            (cover.empty, "empty"),
            (cover.ungraded, "without gold or judge (not counted)"),
        )
        if count
    ]
    if odd:
        lines.append((f"{benchmark.title}: of {cover.answered} answers, " + "; ".join(odd) + ".", "yellow"))
    lines += [(f"{benchmark.title}: {note}", "yellow") for note in benchmark.notes]
    return lines


def judge_lines(judged: JudgeSummary) -> list[tuple[str, str]]:
    """(line, style) pairs: who judged, how much, and what has no verdict."""
    counts = [f"{judged.by_judge:,} by the judge", f"{judged.by_rule:,} by rule"]
    lost = ", ".join(f"{count:,} {why}" for why, count in judged.without.items())
    if lost:
        counts.append(f"without a verdict: {lost}")
    lines = [(f"judged by {judged.judge}, {judged.form}: {'; '.join(counts)}.", "yellow" if lost else "dim")]
    lines += [(f"judge card: {line}", "dim") for line in judged.card]
    return lines + [(note, "yellow") for note in judged.notes]


def coverage_cell(cover: Coverage) -> str:
    return f"{cover.answered}/{cover.asked}"


def _grid(model: str, benchmark: BenchmarkSummary) -> Table:
    columns = benchmark.columns
    table = Table(
        title=f"{benchmark.title}  ·  {model}",
        caption=f"%, ±standard error clustered by video; answered {coverage_cell(benchmark.coverage)}",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("")
    for column in (*columns, benchmark.headline.name):
        table.add_column(column, justify="right")
    parts = {metric.name: metric for metric in benchmark.headline.parts}
    for row in dict.fromkeys(_row(name, columns) for name in parts):
        cells = [parts.get(f"{column} {row}") for column in columns]
        table.add_row(row, *("-" if cell is None else value(cell) for cell in cells), "")
        table.add_row("  n", *("" if cell is None else f"{cell.n:,}" for cell in cells), "", style="dim")
    table.add_row(benchmark.headline.name, *[""] * len(columns), value(benchmark.headline), style="bold")
    for name, values in (benchmark.baselines or {}).items():
        if not values:
            continue
        table.add_row(name, *(_baseline(values, column) for column in columns), "", style="dim")
    return table


def _row(name: str, columns: tuple[str, ...]) -> str:
    column = next(column for column in columns if name.startswith(column))
    return name.removeprefix(column).strip()


def _baseline(values: Mapping[str, float], column: str) -> str:
    return f"{values[column]:.1f}" if column in values else "-"


def _first_look(headline: Metric) -> list[tuple[int, Metric]]:
    """The headline, and the few numbers it is made of where those are made of something too (dimensions,
    domains, halves)."""
    nested = any(part.parts for part in headline.parts) and len(headline.parts) <= FEW_PARTS
    return [(0, headline), *((1, part) for part in headline.parts if nested)]


def _overview(model: str, benchmarks: list[BenchmarkSummary], full: bool) -> Table:
    table = Table(
        title=model,
        caption="value ±standard error (n)",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    for column in ("benchmark", "metric", "value", "answered", "profile"):
        table.add_column(column, justify="right" if column in ("value", "answered") else "left")
    for benchmark in benchmarks:
        for depth, metric in flatten(benchmark.headline) if full else _first_look(benchmark.headline):
            first = depth == 0
            table.add_row(
                benchmark.title if first else "",
                "  " * depth + metric.name + (f" ({metric.unit})" if first and metric.unit else ""),
                number(metric) + (f"  {metric.note}" if metric.note and metric.value is None else ""),
                coverage_cell(benchmark.coverage) if first else "",
                benchmark.profile if first else "",
                style="" if first else "dim",
            )
        if full:
            for extra in benchmark.extras:
                table.add_row("", "  " + extra.name, number(extra), "", "", style="dim")
    return table
