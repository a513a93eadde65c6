"""`--dry-run`: the plan as a table, and one request of each kind."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import orjson
from rich import box
from rich.table import Table

from sightbench.commands.terminal import note
from sightbench.console import Console
from sightbench.evaluation.options import Options
from sightbench.evaluation.plan import plan


def show(options: Options, ask: int | None = None) -> None:
    """Prints what would be asked, how often, and how much goes over the wire.

    `ask` samples are asked after it, None for none.
    """
    planned = plan(options, note)
    console = Console(highlight=False)
    where = ", ".join(planned.endpoints)
    console.print(f"{planned.model} at {where}, concurrency {planned.concurrency}", markup=False)
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("benchmark", "task", "category", "requests", "about"):
        table.add_column(column, justify="right" if column in ("requests", "about") else "left")
    for row in planned.rows:
        table.add_row(row.benchmark, row.task, row.category, f"{row.requests:,}", _bytes(row.size))
    table.add_row("", "", "total", f"{planned.requests:,}", _bytes(planned.size), style="bold")
    console.print(table)
    profiles = ", ".join(f"{name}: {profile}" for name, profile in planned.profiles.items())
    console.print(f"profiles: {profiles}", markup=False)
    for way in planned.ways:
        console.print(way, markup=False)
    for sample, request in planned.examples.items():
        # Whichever wire it is.
        for message in (part for name in _TURNS for part in request.get(name, ())):
            for name in message.keys() & {"content", "parts"}:
                message[name] = _short(message[name])
        text = orjson.dumps(request, option=orjson.OPT_INDENT_2).decode()
        console.print(f"request of {sample}, media left out here:\n{text}", markup=False, soft_wrap=True)
    if ask is None:
        console.print("no sample was sent" if planned.seen else "nothing was sent")
    else:
        console.print(f"asks {ask} samples to learn what the run will cost; it will not ask them again")


_TURNS = ("messages", "input", "contents")


def _short(content: Any) -> Any:
    """Message content in which a row of media parts is its first part and how many more there are."""
    if not isinstance(content, list):
        return content
    kept: list[Any] = []
    for kind, parts in groupby(content, key=lambda part: part.get("type") or next(iter(part))):
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
