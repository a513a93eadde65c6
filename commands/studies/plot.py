"""`plot`: figures for papers."""

from __future__ import annotations

from pathlib import Path

import click

from sightbench.commands.parameters import RUN_FOLDER, data_option
from sightbench.errors import UsageError


@click.command()
@click.argument("kind", type=click.Choice(["bars", "radar", "gain", "curve", "histogram"]))
@click.argument("runs", type=RUN_FOLDER, nargs=-1, required=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Ends in .svg, .pdf or .png; again for several.",
    multiple=True,
)
@click.option("--benchmark", metavar="NAME", help="Which one.  [default: the first that the runs share]")
@data_option
def plot(
    kind: str, runs: tuple[Path, ...], out: tuple[Path, ...], benchmark: str | None, data: Path | None
) -> None:
    """Draw runs for a paper: bars or a radar of the dimensions, the gain over the first run, the curve of
    a sweep's folder, a histogram of J&F (or of any score).
    """
    from sightbench.evaluation.run import open_run
    from sightbench.evaluation.studies.figures import draw, draw_curve

    if kind == "curve" and len(runs) > 1:
        raise UsageError("plot curve takes the folder of one sweep")
    opened = [] if kind == "curve" else [open_run(run, data) for run in runs]
    for path in out:
        if kind == "curve":
            draw_curve(runs[0], path, benchmark)
        else:
            draw(kind, opened, path, benchmark)
        click.echo(path)
