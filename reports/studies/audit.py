"""How repeatable a server's answers are, as a person reads it on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sightbench.reports.tables import value
from sightbench.scorers.score import Metric


@dataclass(frozen=True, slots=True)
class Change:
    """Two rounds beside each other: the shares, in percent, of answers whose words (or masks) differ, and of
    those that are judged differently."""

    first: str
    second: str
    answers: Metric
    judged: Metric


@dataclass(frozen=True, slots=True)
class Audit:
    """One benchmark: how many samples, how many were asked at once, the score of each round over them, and
    every pair of rounds."""

    benchmark: str
    title: str
    samples: int
    together: int
    scores: tuple[tuple[str, Metric], ...]
    changes: tuple[Change, ...]

    @property
    def spread(self) -> float | None:
        """The largest difference of two rounds' scores; None where one has no score."""
        known = [metric.value for _, metric in self.scores if metric.value is not None]
        return max(known) - min(known) if known and len(known) == len(self.scores) else None


def render(audits: Sequence[Audit]) -> RenderableType:
    """Two tables and a sentence for each benchmark."""
    parts: list[RenderableType] = []
    for one in audits:
        parts += [_scores(one), _changes(one), Text(sentence(one)), ""]
    return Group(*parts)


def sentence(one: Audit) -> str:
    """What the numbers mean for a comparison, in words that can be quoted."""
    if one.spread is None:
        return f"{one.title}: a round has no score, so nothing is known about it."
    most = max((change.answers.value or 0.0 for change in one.changes), default=0.0)
    if most == 0:
        return f"{one.title}: all {one.samples} answers are the same, alone and {one.together} at a time."
    unit = "points" if one.scores[0][1].unit == "%" else one.scores[0][1].unit
    return (
        f"{one.title}: up to {most:.1f} % of the answers change and the score moves by {one.spread:.1f} "
        f"{unit} over {one.samples} samples, with nothing changed but the load. Over n samples it moves by "
        f"about √({one.samples}/n) of that; a smaller difference of two runs says nothing about the models."
    )


def _scores(one: Audit) -> Table:
    table = Table(
        title=f"{one.title}  ·  the same {one.samples} samples, alone and {one.together} at a time",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        min_width=76,
    )
    table.add_column("round")
    table.add_column("score", justify="right")
    for name, metric in one.scores:
        table.add_row(name, value(metric))
    return table


def _changes(one: Audit) -> Table:
    caption = "in brackets: 95 % intervals of the share, clustered by video"
    table = Table(caption=caption, box=box.SIMPLE_HEAD, caption_justify="left")
    table.add_column("between")
    table.add_column("answers that change", justify="right")
    table.add_column("judged differently", justify="right")
    for change in one.changes:
        table.add_row(f"{change.first} and {change.second}", _share(change.answers), _share(change.judged))
    return table


def _share(metric: Metric) -> str:
    if metric.value is None:
        return "n/a"
    count = round(metric.value * metric.n / 100)
    ends = "" if metric.interval is None else f" ({metric.interval[0]:.0f} to {metric.interval[1]:.0f} %)"
    return f"{count} of {metric.n}{ends}"
