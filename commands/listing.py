"""`bench.py tasks`: what can be run, and what it needs on disk."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from sightbench.commands.parameters import data_option
from sightbench.errors import UsageError
from sightbench.sample import Sample, Text
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Benchmark, Selection

LOOKED_AT = 1000


@click.command()
@click.argument("name", required=False)
@data_option
def tasks(name: str | None, data: Path | None) -> None:
    """List the benchmarks, or show one: files, prompt, metric, reference."""
    if name is None:
        list_tasks(data)
    else:
        show_task(name, data)


@click.command()
def models() -> None:
    """List the model families: what they can do, and which engines serve them."""
    list_models()


def list_tasks(data: Path | None) -> None:
    """Prints every benchmark: its name, its headline, what it needs (and whether `data` has it)."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("name", "benchmark", "headline", "needs below --data"):
        table.add_column(column, overflow="fold")
    if data is not None:
        table.add_column("there")
    for benchmark in catalog.BENCHMARKS:
        needs = "\n".join(needed.paths[0] for needed in benchmark.files if not needed.media)
        row = [benchmark.name, benchmark.title, benchmark.headline, needs]
        if data is not None:
            row.append("yes" if all(catalog.located(needed, data) for needed in benchmark.files) else "no")
        table.add_row(*row)
    console = Console()
    console.print(table)
    console.print(f"groups: {', '.join(catalog.GROUPS)}. `bench.py tasks NAME` shows one.", style="dim")


def list_models() -> None:
    """Prints every family of models: what its members are called and can do, and which engines have them."""
    from sightbench.families import families

    table = Table(box=box.SIMPLE_HEAD)
    for column in ("family", "can", "engines", "models"):
        table.add_column(column, overflow="fold")
    for family in families():
        engines = ", ".join(family.serving.engines)
        table.add_row(family.name, ", ".join(family.can), engines, "\n".join(family.models))
    Console().print(table)


def show_task(name: str, data: Path | None) -> None:
    """Prints one benchmark in full; with `data`, the prompt of its first sample. UsageError if unknown."""
    for selection in catalog.resolve([name]):
        _show(selection, data)


def _show(selection: Selection, data: Path | None) -> None:
    benchmark = selection.benchmark
    console = Console(highlight=False)
    console.print(f"[bold]{benchmark.name}[/bold]  {benchmark.title}")
    for label, text in _facts(benchmark):
        if text:
            console.print(f"  {label:10}", text.replace("\n", "\n" + " " * 13), markup=False, soft_wrap=True)
    console.print("  files")
    for needed in benchmark.files:
        there = "" if data is None else "  [there]" if catalog.located(needed, data) else "  [missing]"
        console.print(f"    {needed.what}: {' or '.join(needed.paths)}{there}", markup=False, soft_wrap=True)
    if data is not None:
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
        ("max tokens", str(benchmark.max_tokens or "")),
        ("submission", benchmark.submission or ""),
    )
