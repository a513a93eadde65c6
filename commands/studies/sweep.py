"""`sweep`: one run for each point of a grid."""

from __future__ import annotations

import shlex
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
    "--gpus",
    metavar="LIST",
    help="GPUs those servers share, by number: 0,1,2,3 (default: all that are visible). As many servers run "
    "at once as fit; cpu,cpu: two at once without a GPU.",
)
@click.option(
    "--servers-per-gpu",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="2: the next server loads on a GPU while the one before still answers. Each gets its share of the "
    "memory.",
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
    gpus: str | None,
    servers_per_gpu: int,
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
    from sightbench.errors import UsageError
    from sightbench.evaluation.options import Options
    from sightbench.evaluation.studies.checkpoint_queue import Serving, places
    from sightbench.evaluation.studies.checkpoints import checkpoints as found
    from sightbench.evaluation.studies.grid import points, served_models
    from sightbench.evaluation.studies.sweep import run
    from sightbench.evaluation.studies.sweep_files import leave, lines
    from sightbench.reports.studies.sweep import render

    options = Options(**flags)
    if not checkpoints and (gpus is not None or servers_per_gpu != 1):
        raise UsageError("--gpus and --servers-per-gpu are for servers that --checkpoints starts")
    if models is not None:
        names = served_models(options) if models == "all" else tuple(models.split(","))
        over = (f"model={','.join(names)}", *over)
    grid = points(options, over, found(checkpoints))
    serving = Serving(tuple(shlex.split(serve)), places(gpus, servers_per_gpu)) if checkpoints else None
    with progress_display(quiet) as progress:
        swept = run(grid, serving=serving, progress=progress, note=note)
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
