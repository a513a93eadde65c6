"""`tasks`: what can be run, and what it needs on disk."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click

from sightbench.commands.listing import Column, folded, has_word, json_option, show, show_json
from sightbench.commands.parameters import data_option
from sightbench.console import Console
from sightbench.errors import UsageError
from sightbench.program import program
from sightbench.sample import Sample, Text
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Benchmark, Selection
from sightbench.tasks.wording import words_for

LOOKED_AT = 1000


@click.command()
@click.argument("word", required=False)
@data_option
@json_option
@click.option(
    "--blind-check",
    is_flag=True,
    help="With NAME and --data: how much can be answered from the texts alone, by a classifier.",
)
def tasks(word: str | None, data: Path | None, as_json: bool, blind_check: bool) -> None:
    """List the benchmarks, or those with WORD in their name, or show the one that is called so: its files,
    prompt, metric and reference. With --data, say which files are there. A pipe gets tab-separated lines.
    """
    if data is not None and not data.is_dir():
        raise UsageError(f"--data {data}: there is no such folder")
    if blind_check:
        if word is None or data is None:
            raise UsageError("--blind-check needs the benchmark's name and --data DIR")
        _check_blind(word, data)
        return
    called = _called(word) if word else ()
    others = [
        benchmark
        for benchmark in catalog.BENCHMARKS
        if word is None or has_word(word, benchmark.name, benchmark.title, *benchmark.aliases)
        if benchmark not in [selection.benchmark for selection in called]
    ]
    if word and not called and not others:
        catalog.resolve([word])
    if as_json:
        shown = [*(selection.benchmark for selection in called), *others]
        show_json([_record(benchmark, data) for benchmark in shown])
        return
    for selection in called:
        _show(selection, data)
    if called and others:
        click.echo("also: " + ", ".join(benchmark.name for benchmark in others))
    elif not called:
        _list(others, data)


def _check_blind(name: str, data: Path) -> None:
    from sightbench.evaluation.studies.blind import blind_check
    from sightbench.reports.tables import precision, value

    for one in blind_check(name, data):
        left = f", {one.left_out:,} without a known answer of one text left out" if one.left_out else ""
        click.echo(f"{one.title}: {one.n:,} questions answered without looking{left}")
        for metric in (one.accuracy, one.usual, one.gain):
            click.echo(f"  {metric.name:42} {value(metric):>12}  {precision(metric).partition(',')[0]}")
        click.echo(f"  {'by guessing':42} {one.chance:>7.1f}")
        for part in one.accuracy.parts:
            click.echo(f"    {part.name:40} {value(part):>12}  n = {part.n:,}")


def _called(name: str) -> Sequence[Selection]:
    """What a name stands for; nothing if it is none."""
    known = {folded(entry) for entry in catalog.names()}
    return catalog.resolve([name]) if folded(name) in known else ()


def _list(benchmarks: Sequence[Benchmark], data: Path | None) -> None:
    columns = [Column("name"), Column("benchmark", prose=True), Column("headline", prose=True)]
    columns.append(Column("needs below --data"))
    rows = []
    for benchmark in benchmarks:
        needs = [needed.paths[0] for needed in benchmark.files if not needed.media]
        rows.append([[benchmark.name], [benchmark.title], [benchmark.headline], needs])
    if data is not None:
        columns.insert(1, Column("there"))
        for row, benchmark in zip(rows, benchmarks, strict=True):
            row.insert(1, ["yes" if _is_there(benchmark, data) else "no"])
    show(columns, rows)
    if Console().is_terminal:
        groups = ", ".join(catalog.GROUPS)
        click.echo(f"groups: {groups}. `{program()} tasks NAME` shows one.")


def _is_there(benchmark: Benchmark, data: Path) -> bool:
    return all(catalog.located(needed, data) for needed in benchmark.files)


def _record(benchmark: Benchmark, data: Path | None) -> dict[str, Any]:
    """A benchmark as `--json` shows it."""
    files = []
    for needed in benchmark.files:
        there = {} if data is None else {"there": bool(catalog.located(needed, data))}
        files.append({"what": needed.what, "paths": needed.paths, **there})
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "aliases": benchmark.aliases,
        "tasks": benchmark.tasks,
        "headline": benchmark.headline,
        "metric": benchmark.metric,
        "reference": benchmark.reference,
        "prompt": benchmark.prompt,
        "profile": benchmark.profile,
        "profiles": benchmark.profiles,
        "prompt_profiles": words_for(benchmark),
        "max_tokens": benchmark.max_tokens,
        "submission": benchmark.submission,
        "files": files,
    }


def _show(selection: Selection, data: Path | None) -> None:
    benchmark = selection.benchmark
    console = Console(highlight=False)
    console.print(f"{benchmark.name}  {benchmark.title}", style="bold", soft_wrap=True)
    for label, text in _facts(benchmark):
        if text:
            console.print(f"  {label:10}", text.replace("\n", "\n" + " " * 13), markup=False, soft_wrap=True)
    console.print("  files")
    for needed in benchmark.files:
        there = "" if data is None else "  [there]" if catalog.located(needed, data) else "  [missing]"
        console.print(f"    {needed.what}: {' or '.join(needed.paths)}{there}", markup=False, soft_wrap=True)
    if data is not None and _is_there(benchmark, data):
        _show_prompts(console, selection, data)
    console.print()


def _show_prompts(console: Console, selection: Selection, data: Path) -> None:
    """The first prompt of each task among the first samples."""
    first: dict[str, Sample] = {}
    for sample in islice(catalog.read(selection, data), LOOKED_AT):
        first.setdefault(sample.task, sample)
    if not first:
        raise UsageError(f"{data} holds no sample of {selection.benchmark.name}")
    for sample in first.values():
        console.print(f"  prompt of {sample.id}", markup=False)
        for turn in sample.turns:
            for part in turn.parts:
                shown = part.text if isinstance(part, Text) else f"<{type(part).__name__.lower()}>"
                text = shown.replace("\n", "\n      ")
                console.print(f"    {turn.role}: {text}", markup=False, soft_wrap=True)


def _facts(benchmark: Benchmark) -> tuple[tuple[str, str], ...]:
    others = [profile for profile in benchmark.profiles if profile != benchmark.profile]
    return (
        ("also", ", ".join(benchmark.aliases)),
        ("tasks", ", ".join(benchmark.tasks)),
        ("prompt", benchmark.prompt),
        ("headline", benchmark.headline),
        ("metric", benchmark.metric),
        ("reference", benchmark.reference),
        ("profile", benchmark.profile + (f" (also: {', '.join(others)})" if others else "")),
        ("words of", ", ".join(words_for(benchmark))),
        ("max tokens", str(benchmark.max_tokens or "")),
        ("submission", benchmark.submission or ""),
    )
