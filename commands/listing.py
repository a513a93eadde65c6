"""`bench.py tasks`: what can be run, and what it needs on disk."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from client.errors import UsageError
from client.sample import Text
from tasks import catalog
from tasks.benchmark import Benchmark, Selection


def list_tasks(data: Path | None) -> None:
    """Prints every benchmark: its name, its headline, what it needs (and whether `data` has it)."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("name", "benchmark", "headline", "needs below --data"):
        table.add_column(column, overflow="fold")
    if data is not None:
        table.add_column("there")
    for benchmark in catalog.BENCHMARKS:
        needs = "\n".join(" or ".join(needed.paths) for needed in benchmark.files)
        row = [benchmark.name, benchmark.title, benchmark.headline, needs]
        if data is not None:
            row.append("yes" if all(catalog.located(needed, data) for needed in benchmark.files) else "no")
        table.add_row(*row)
    console = Console()
    console.print(table)
    console.print(f"groups: {', '.join(catalog.GROUPS)}. `bench.py tasks NAME` shows one.", style="dim")


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
            console.print(f"  {label:10}", text, soft_wrap=True)
    console.print("  files")
    for needed in benchmark.files:
        there = "" if data is None else "  [there]" if catalog.located(needed, data) else "  [missing]"
        console.print(f"    {needed.what}: {' or '.join(needed.paths)}{there}", markup=False, soft_wrap=True)
    if data is not None:
        sample = next(iter(catalog.read(selection, data)), None)
        if sample is None:
            raise UsageError(f"{data} holds no sample of {benchmark.name}")
        console.print(f"  prompt of {sample.id}", markup=False)
        for turn in sample.turns:
            for part in turn.parts:
                shown = part.text if isinstance(part, Text) else f"<{type(part).__name__.lower()}>"
                console.print(
                    f"    {turn.role}: " + shown.replace("\n", "\n      "), markup=False, soft_wrap=True
                )
    console.print()


def _facts(benchmark: Benchmark) -> tuple[tuple[str, str], ...]:
    others = [profile for profile in benchmark.profiles if profile != benchmark.profile]
    return (
        ("also", ", ".join(benchmark.aliases)),
        ("tasks", ", ".join(benchmark.tasks)),
        ("headline", benchmark.headline),
        ("metric", benchmark.metric),
        ("reference", benchmark.reference),
        ("profile", benchmark.profile + (f" (also: {', '.join(others)})" if others else "")),
        ("max tokens", str(benchmark.max_tokens or "")),
        ("submission", benchmark.submission or ""),
    )
