"""`plan`: how much data a difference needs."""

from __future__ import annotations

from pathlib import Path

import click

from sightbench.commands.parameters import RUN_FOLDER, FiniteRange, data_option
from sightbench.terminal import say


@click.command()
@click.argument("runs", type=RUN_FOLDER, nargs=-1, required=True)
@data_option
@click.option(
    "--difference",
    type=FiniteRange(0, min_open=True),
    multiple=True,
    help="A difference you want to show, in points.  [default: 5, 3, 2 and 1]",
)
def plan(runs: tuple[Path, ...], data: Path | None, difference: tuple[float, ...]) -> None:
    """From a run (or two): the smallest difference it can show, and how many videos others need."""
    from sightbench.evaluation.run import open_run
    from sightbench.evaluation.studies.budget import WANTED, budgets

    for one in budgets([open_run(run, data) for run in runs], difference or WANTED):
        source = (
            "as these two differ" if one.paired else "if two runs were independent, which paired ones are not"
        )
        say(f"{one.title}: {one.n:,} answers in {one.clusters:,} clusters (videos)")
        say(f"  shows a difference of {one.smallest:.1f} with 80 % chance ({source})")
        for wanted, needed in one.needs:
            say(f"  {wanted:g} needs {needed:,} videos")
        if one.correlation is not None:
            say(f"  two questions about one video agree by {one.correlation:.2f} (intraclass correlation)")
        say(f"  {one.advice}")
