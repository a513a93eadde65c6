"""`sweep`: one run for each point of a grid."""

from __future__ import annotations

from typing import Any

import click

from sightbench.commands.flags import evaluation_flags


@click.command()
@click.option(
    "--over",
    multiple=True,
    metavar="NAME=VALUES",
    help="What to sweep: frames=4,8,16; again for a grid. The first point is the baseline.",
)
@evaluation_flags
@click.option("--quiet", is_flag=True, help="No progress display.")
def sweep(over: tuple[str, ...], quiet: bool, **flags: Any) -> None:
    """Evaluate at each point of a grid (frames, temperature, model, ...), and compare with the first.

    Typing the same command again continues. Models of one server: --over model=checkpoint-200,checkpoint-400.
    """
    from rich.console import Console

    from sightbench.commands.evaluate import progress_display
    from sightbench.commands.terminal import note
    from sightbench.evaluation.options import Options
    from sightbench.evaluation.studies.sweep import points, run, steps
    from sightbench.reports.sweep import Line, render

    grid = points(Options(**flags), over)
    with progress_display(quiet) as progress:
        runs = run(grid, progress=progress, note=note)
    lines = [
        Line(step.benchmark, step.label, step.headline, step.gain, step.tokens, step.answered, step.asked)
        for step in steps(grid, runs)
    ]
    Console().print(render(lines))
    complete = all(line.answered == line.asked for line in lines)
    click.get_current_context().exit(0 if complete else 1)
