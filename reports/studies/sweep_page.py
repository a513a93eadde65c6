"""A sweep as a page of its own: curves with intervals, what each point costs, and the table behind them."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence

from sightbench.reports.studies.sweep import PICKED, Line, best, by_benchmark, cells

_WIDE, _HIGH = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 14, 44

_STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--soft:#6b6b6b;--line:#d9d9d9;--back:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#eaeaea;--soft:#a0a0a0;--line:#444;--back:#161616}}
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:60rem;
margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:1rem 0}
th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left}tr.best td{font-weight:600}
.wide{overflow-x:auto}figure{margin:1rem 0}figcaption,.note{color:var(--soft);font-size:.9em}
svg{width:100%;max-width:44rem;height:auto;font:12px system-ui,sans-serif}
svg text{fill:var(--soft)}.axis{stroke:var(--line)}.mark{stroke-width:2;fill:none}
"""
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, which colour-blind people tell apart; a curve's dashes tell it apart without colour."""

_DASHES = ("none", "7 4", "2 3", "9 3 2 3", "4 2", "1 4")


def page(lines: Sequence[Line], title: str, unfinished: Sequence[str] = ()) -> str:
    """The whole document, nothing outside it needed; `unfinished` are lines on points that have no run."""
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{_text(title)}</title>',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<style>{_STYLE}</style><h1>{_text(title)}</h1>",
    ]
    parts += [f'<p class="note"><b>no run:</b> {_text(line)}</p>' for line in unfinished]
    for name, own in by_benchmark(lines).items():
        unit = own[0].headline.unit
        parts.append(f"<h2>{_text(name)}</h2>")
        parts.append(
            _figure(own, f"{own[0].headline.name} ({unit}), 95 % intervals", lambda one: _score(one))
        )
        if any(line.tokens_each for line in own):
            parts.append(_figure(own, "tokens of prompt and answer for one sample", lambda one: _cost(one)))
        parts.append(_table(own))
    return "".join([*parts, f'<p class="note">{_text(PICKED)}</p></html>\n'])


Place = tuple[float, float, float]
"""A value with the ends of its interval."""


def _score(line: Line) -> Place | None:
    value = line.headline.value
    if value is None:
        return None
    low, high = line.headline.interval or (value, value)
    return value, low, high


def _cost(line: Line) -> Place | None:
    each = line.tokens_each
    return None if each is None else (each, each, each)


def _figure(lines: Sequence[Line], what: str, place: Callable[[Line], Place | None]) -> str:
    """One curve a series, a whisker for each interval; points without a number stand side by side."""
    known = [(line, at) for line in lines if (at := place(line)) is not None]
    if not known:
        return ""
    numbered = all(line.x is not None for line, _ in known)
    labels = [line.label for line, _ in known]
    xs = [line.x or 0.0 for line, _ in known] if numbered else [float(at) for at in range(len(known))]
    low, high = min(at[1] for _, at in known), max(at[2] for _, at in known)
    pad = (high - low or abs(high) or 1.0) * 0.08
    low, high = (0.0 if low >= 0 and low - pad < 0 else low - pad), high + pad
    left, right = min(xs), max(xs)

    def across(x: float) -> float:
        share = 0.5 if right == left else (x - left) / (right - left)
        return _LEFT + 14 + share * (_WIDE - _LEFT - _RIGHT - 28)

    def down(y: float) -> float:
        return _HIGH - _BOTTOM - (y - low) / (high - low) * (_HIGH - _TOP - _BOTTOM)

    drawn = [_axes(low, high, down)]
    ticks = zip(xs, (f"{x:g}" for x in xs) if numbered else labels, strict=True)
    for x, text in dict(ticks).items():
        short = text if len(text) <= 18 else "…" + text[-17:]
        drawn.append(
            f'<text x="{across(x):.1f}" y="{_HIGH - _BOTTOM + 18}" text-anchor="middle">{_text(short)}</text>'
        )
    names = list(dict.fromkeys(line.series for line, _ in known)) if numbered else [""]
    for number, name in enumerate(names):
        mark = f'stroke="{_COLOURS[number % 6]}"'
        own = sorted(
            (
                (x, at, line)
                for x, (line, at) in zip(xs, known, strict=True)
                if not numbered or line.series == name
            ),
            key=lambda entry: entry[0],
        )
        if numbered:
            curve = " ".join(f"{across(x):.1f},{down(at[0]):.1f}" for x, at, _ in own)
            drawn.append(
                f'<polyline class="mark" {mark} stroke-dasharray="{_DASHES[number % 6]}" points="{curve}"/>'
            )
        top = best(lines)
        for x, at, line in own:
            drawn.append(
                f'<line {mark} x1="{across(x):.1f}" x2="{across(x):.1f}" y1="{down(at[1]):.1f}" '
                f'y2="{down(at[2]):.1f}"/><circle cx="{across(x):.1f}" cy="{down(at[0]):.1f}" '
                f'r="{6 if line is top else 4}" fill="{_COLOURS[number % 6]}">'
                f"<title>{_text(line.label)}: {at[0]:.1f}</title></circle>"
            )
    legend = (
        ""
        if len(names) < 2
        else " · ".join(
            f'<span style="color:{_COLOURS[at % 6]}">●</span> {_text(name or "first")}'
            for at, name in enumerate(names)
        )
    )
    return (
        f'<figure><svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{_text(what)}">'
        f"{''.join(drawn)}</svg>"
        f"<figcaption>{_text(what)} {legend}</figcaption></figure>"
    )


def _axes(low: float, high: float, down: Callable[[float], float]) -> str:
    """A line and a label at each round number between."""
    size = 10 ** math.floor(math.log10((high - low) / 4))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor * 6 >= high - low)
    lines = []
    for tick in range(math.ceil(low / step), math.floor(high / step) + 1):
        y = down(tick * step)
        lines.append(
            f'<line class="axis" x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick * step:,g}</text>'
        )
    return "".join(lines)


def _table(lines: Sequence[Line]) -> str:
    top = best(lines)
    heads, rows = cells(lines)
    body = []
    for line, texts in zip(lines, rows, strict=True):
        first, *rest = map(_text, texts)
        if line.folder:
            first = f'<a href="{_text(line.folder)}/report.html">{first}</a>'
        kind = ' class="best"' if line is top else ""
        body.append(f"<tr{kind}>" + "".join(f"<td>{text}</td>" for text in (first, *rest)) + "</tr>")
    head = "".join(f"<th>{_text(head)}</th>" for head in heads)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    # On a phone the table is scrolled and not the page, with a keyboard too.
    label = f'aria-label="{_text(lines[0].benchmark)}: points"'
    return f'<div class="wide" tabindex="0" role="region" {label}>{table}</div>'


def _text(text: str) -> str:
    return html.escape(text)
