"""`sweep`: one run for each point of a grid."""

from __future__ import annotations

from typing import Any

import click

from sightbench.commands.flags import evaluation_flags
from sightbench.commands.grouped_help import Spread
from sightbench.terminal import say


@click.command(cls=Spread)
@click.option(
    "--over",
    multiple=True,
    metavar="NAME=VALUES",
    help="What to sweep: frames=4,8,16; again for a grid. The first point is the baseline.",
)
@click.option(
    "--checkpoints",
    multiple=True,
    metavar="DIR...",
    help="Folders of checkpoints or adapters (or of a training run that holds them), or hub ids: a server "
    "is started for each, and stopped.",
)
@click.option(
    "--serve",
    default="",
    metavar="FLAGS",
    help="Flags of launch_server.sh for those servers, in one word: '--gpus 2 -- --max-model-len 8192'.",
)
@click.option(
    "--models",
    metavar="NAMES",
    help="Models of one running server, as --over model=A,B; all: whatever it lists, adapters in the order "
    "of their steps.",
)
@evaluation_flags
@click.option("--quiet", is_flag=True, help="No progress display.")
def sweep(
    over: tuple[str, ...],
    checkpoints: tuple[str, ...],
    serve: str,
    models: str | None,
    quiet: bool,
    **flags: Any,
) -> None:
    """Evaluate at each point of a grid (checkpoints, frames, temperature, ...), and compare with the first.

    Typing the same command again continues. It leaves sweep.html with the curves, and sweep.json, beside
    the runs.
    """
    from sightbench.commands.evaluate import progress_display
    from sightbench.commands.terminal import note
    from sightbench.console import Console
    from sightbench.evaluation.options import Options
    from sightbench.evaluation.studies import sweep as study
    from sightbench.evaluation.studies.checkpoints import checkpoints as found
    from sightbench.evaluation.studies.sweep_files import leave, lines
    from sightbench.reports.studies.sweep import render

    options = Options(**flags)
    if models is not None:
        names = study.served_models(options) if models == "all" else tuple(models.split(","))
        over = (f"model={','.join(names)}", *over)
    grid = study.points(options, over, found(checkpoints))
    with progress_display(quiet) as progress:
        swept = study.run(grid, serve=serve, progress=progress, note=note)
    shown = lines(grid, swept)
    if shown:
        Console().print(render(shown))
        say(f"curves: {leave(grid, swept, shown)}")
    for point, why in swept.failed:
        say(f"no run of {point.label}: {why}", err=True)
    if swept.stopped:
        say(f"stopped: {swept.stopped}. Type the same command again to continue.", err=True)
    complete = len(swept.done) == len(grid) and all(line.answered == line.asked for line in shown)
    click.get_current_context().exit(0 if complete else 1)
