"""`synth`: a synthetic benchmark rendered anew."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from sightbench.errors import UsageError
from sightbench.terminal import say


@click.command()
@click.option("--scenes", type=click.IntRange(1), default=40, show_default=True)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="A new seed is a new test."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to make.")
@click.option("--frames", type=int, default=8, show_default=True, help="Per video.")
@click.option("--size", default="320x240", show_default=True)
@click.option("--objects", default="3-6", show_default=True, help="Per scene.")
@click.option("--movers", default="0-3", show_default=True, help="Objects that move.")
@click.option("--occlusion", type=float, default=0.3, show_default=True, help="Share of half-hidden objects.")
@click.option("--look-alikes", type=float, default=0.25, show_default=True, help="Share of shared colours.")
@click.option("--motion", type=float, default=1.0, show_default=True, help="How far movers travel.")
@click.option("--camera-speed", type=float, default=1.0, show_default=True, help="0: it stands still.")
@click.option("--twins", is_flag=True, help="Also each scene reversed in time and mirrored.")
@click.option("--depth", is_flag=True, help="Also depth images.")
@click.option("--layout", help="Expressions and masks as mevis, refdavis, revos or refcoco has them.")
def synth(out: Path, scenes: int, seed: int, layout: str | None, **flags: Any) -> None:
    """Render a synthetic benchmark with exactly known answers and masks."""
    from sightbench.evaluation.synthetic import render, render_layout
    from sightbench.tasks.synthetic.knobs import Knobs

    spans = {name: span(flags[name], f"--{name}") for name in ("objects", "movers")}
    knobs = Knobs(**{**flags, **spans, "size": size(flags["size"])})
    if layout is not None:
        count = render_layout(out, layout, scenes, seed, knobs, rendered if sys.stderr.isatty() else None)
        click.echo(f"{out}: {count} expressions in the layout of {layout}, seed {seed}")
        return
    manifest = render(out, scenes, seed, knobs, rendered if sys.stderr.isatty() else None)
    counts = ", ".join(f"{count} {task}" for task, count in manifest.tasks.items())
    frames = manifest.knobs["frames"]
    say(f"{out}: {manifest.videos} videos of {frames} frames, seed {manifest.seed}\n{counts}")


def rendered(done: int, total: int) -> None:
    """A line of progress on stderr."""
    print(f"\rrendered {done}/{total} scenes", end="\n" if done == total else "", file=sys.stderr)


def span(text: str, flag: str) -> tuple[int, int]:
    """(3, 6) of "3-6", (4, 4) of "4"."""
    low, _, high = text.partition("-")
    if not low.isdigit() or not (high or low).isdigit():
        raise UsageError(f"{flag} {text}: a number or a range such as 3-6")
    return int(low), int(high or low)


def size(text: str) -> tuple[int, int]:
    """(width, height) of "320x240"."""
    width, _, height = text.partition("x")
    if not width.isdigit() or not height.isdigit():
        raise UsageError(f"--size {text}: width x height, such as 320x240")
    return int(width), int(height)
