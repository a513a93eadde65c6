"""Lists as people and programs read them: a table on a terminal, tab-separated lines in a pipe, JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

PROSE = 22
"""The least width of a column whose text may go over several lines."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list. Names are never broken over two lines; `prose` may be, between words."""

    title: str
    prose: bool = False

    def width(self, cells: Sequence[Sequence[str]]) -> int:
        """The least it needs."""
        lines = [line for cell in cells for line in cell]
        longest = max(map(len, lines), default=0)
        if self.prose:
            words = (len(word) for line in lines for word in line.split())
            longest = min(longest, max(PROSE, *words))
        return max(len(self.title), longest)


Row = Sequence[Sequence[str]]
"""The cells of a row, each the lines of it."""


def show(columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Prints rows: on a terminal as many columns from the left as its width holds, else tab-separated."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from sightbench.console import Console

    console = Console()
    if not console.is_terminal:
        for row in rows:
            click.echo("\t".join(", ".join(cell) for cell in row))
        return
    widths = [column.width([row[at] for row in rows]) for at, column in enumerate(columns)]
    shown = fitting(widths, console.width)
    table = Table(box=box.SIMPLE_HEAD)
    for column in columns[:shown]:
        table.add_column(column.title, no_wrap=not column.prose)
    for row in rows:
        table.add_row(*(Text("\n".join(cell)) for cell in row[:shown]))
    # A terminal narrower than the longest name breaks the line itself.
    console.width = max(console.width, widths[0] + 4)
    console.print(table)


def fitting(widths: Sequence[int], room: int) -> int:
    """How many columns of these least widths fit side by side; at least one."""
    total = 2
    for count, width in enumerate(widths):
        total += width + 2
        if total > room:
            return max(count, 1)
    return len(widths)


def show_json(records: Sequence[Mapping[str, Any]]) -> None:
    """Prints records as one JSON list."""
    import orjson

    click.echo(orjson.dumps(records, option=orjson.OPT_INDENT_2).decode())


def has_word(word: str, *texts: str) -> bool:
    """Whether one of the texts has `word` in it; case, `-` and `_` make no difference."""
    return any(folded(word) in folded(text) for text in texts)


def folded(text: str) -> str:
    return text.lower().replace("_", "-")
