"""`--dry-run`: what would be asked, how often, and how much goes over the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import orjson
from rich import box
from rich.console import Console
from rich.table import Table

from sightbench.client.address import label
from sightbench.client.run import preview
from sightbench.client.settings import Settings
from sightbench.evaluation.selection import Chosen
from sightbench.sample import Sample


@dataclass(slots=True)
class Tally:
    """Samples counted by (benchmark, task, category), and the first of each task."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], Sample] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.counts.total()

    def add(self, sample: Sample) -> None:
        self.counts[sample.benchmark, sample.task, sample.category] += 1
        self.first.setdefault((sample.benchmark, sample.task), sample)


async def show(tally: Tally, chosen: Sequence[Chosen], settings: Settings) -> None:
    """Prints the plan. Reads media of one sample per task to estimate the bytes; sends nothing."""
    console = Console(highlight=False)
    where = ", ".join(label(target.url) for target in settings.endpoints)
    console.print(f"{settings.model} at {where}, concurrency {settings.concurrency}", markup=False)
    sizes = {}
    examples: dict[str, tuple[Sample, Any]] = {}
    for key, sample in tally.first.items():
        shown, sizes[key] = await preview(sample, settings)
        examples.setdefault(sample.wants, (sample, shown))
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("benchmark", "task", "category", "requests", "about"):
        table.add_column(column, justify="right" if column in ("requests", "about") else "left")
    total = 0
    for (benchmark, task, category), count in tally.counts.items():
        size = count * sizes[benchmark, task]
        total += size
        table.add_row(benchmark, task, category, f"{count:,}", _bytes(size))
    table.add_row("", "", "total", f"{tally.total:,}", _bytes(total), style="bold")
    console.print(table)
    profiles = ", ".join(f"{one.selection.benchmark.name}: {one.profile}" for one in chosen)
    console.print(f"profiles: {profiles}", markup=False)
    for sample, shown in examples.values():
        for message in shown["messages"]:
            message["content"] = _short(message["content"])
        text = orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()
        console.print(f"request of {sample.id}, media left out here:\n{text}", markup=False, soft_wrap=True)
    console.print("nothing was sent")


def _short(content: Any) -> Any:
    """Message content in which a row of media parts is its first part and how many more there are."""
    if not isinstance(content, list):
        return content
    kept: list[Any] = []
    for kind, parts in groupby(content, key=lambda part: part["type"]):
        several = list(parts)
        kept += several if kind == "text" else several[:1]
        if kind != "text" and len(several) > 1:
            kept.append(f"... {len(several) - 1} more {kind} parts")
    return kept


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
