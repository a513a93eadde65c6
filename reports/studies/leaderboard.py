"""Models x benchmarks as Markdown, LaTeX (booktabs), CSV and HTML."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """One model on one benchmark. `rank` is shared by models that the tests cannot tell apart; None without a
    value. `asked` are the most samples that any of the models was asked."""

    value: float | None
    interval: tuple[float, float] | None
    unit: str
    rank: int | None
    answered: int
    asked: int


@dataclass(frozen=True, slots=True)
class Board:
    """`benchmarks` are (name, title); `cells` are by (model, benchmark's name), absent where not run."""

    models: tuple[str, ...]
    benchmarks: tuple[tuple[str, str], ...]
    cells: Mapping[tuple[str, str], Cell]


NOTE = (
    "95 % intervals, clustered by video. Bold: rank 1. Models share a rank where the paired tests, adjusted "
    "for all pairs, do not tell them apart."
)


def markdown(board: Board) -> str:
    heads = ["model", *(title for _, title in board.benchmarks)]
    lines = ["| " + " | ".join(_piped(head) for head in heads) + " |"]
    lines.append("|" + " --- |" + " ---: |" * len(board.benchmarks))
    for model in board.models:
        cells = [
            _cell(board, model, name, lambda text: f"**{text}**", " to ") for name, _ in board.benchmarks
        ]
        lines.append("| " + " | ".join([_piped(model), *cells]) + " |")
    return "\n".join([*lines, "", NOTE, ""])


def latex(board: Board) -> str:
    r"""A `tabular` for the booktabs package; `\%` and other signs of names are escaped."""
    heads = " & ".join(["Model", *(_tex(title) for _, title in board.benchmarks)])
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{tabular}{l" + "r" * len(board.benchmarks) + "}",
        r"\toprule",
    ]
    lines += [heads + r" \\", r"\midrule"]
    for model in board.models:
        cells = [
            _cell(board, model, name, lambda text: rf"\textbf{{{text}}}", "--")
            for name, _ in board.benchmarks
        ]
        lines.append(" & ".join([_tex(model), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", "% " + NOTE, ""])


def to_csv(board: Board) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("model", "benchmark", "value", "unit", "low", "high", "rank", "answered", "asked"))
    for (model, name), cell in board.cells.items():
        low, high = cell.interval or ("", "")
        writer.writerow((model, name, cell.value, cell.unit, low, high, cell.rank, cell.answered, cell.asked))
    return out.getvalue()


def page(board: Board) -> str:
    heads = "".join(f"<th>{html.escape(title)}</th>" for _, title in board.benchmarks)
    rows = []
    for model in board.models:
        cells = "".join(
            f"<td>{_cell(board, model, name, lambda text: f'<b>{text}</b>', ' to ')}</td>"
            for name, _ in board.benchmarks
        )
        rows.append(f"<tr><th>{html.escape(model)}</th>{cells}</tr>")
    style = "table{border-collapse:collapse;font:14px sans-serif}th,td{padding:4px 10px}"
    return (
        f'<!doctype html><meta charset="utf-8"><title>Leaderboard</title><style>{style}td{{text-align:right}}'
        f"</style><table><tr><th>model</th>{heads}</tr>{''.join(rows)}</table><p>{html.escape(NOTE)}</p>\n"
    )


FORMS: dict[str, Callable[[Board], str]] = {"markdown": markdown, "latex": latex, "csv": to_csv, "html": page}


def _cell(board: Board, model: str, name: str, bold: Callable[[str], str], to: str) -> str:
    cell = board.cells.get((model, name))
    if cell is None or cell.value is None:
        return "-"
    text = f"{cell.value:.1f}"
    if cell.rank == 1:
        text = bold(text)
    if cell.interval is not None:
        text += f" ({cell.interval[0]:.1f}{to}{cell.interval[1]:.1f})"
    text += f" [{cell.rank}]"
    return text if cell.answered == cell.asked else text + f" {cell.answered}/{cell.asked}"


def _piped(text: str) -> str:
    return text.replace("|", "\\|")


def _tex(text: str) -> str:
    signs = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(signs.get(sign, "\\" + sign if sign in "&%$#_{}" else sign) for sign in text)
