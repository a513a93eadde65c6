"""`export`: a run in another tool's form."""

from __future__ import annotations

from pathlib import Path

import click

from sightbench.commands.parameters import RUN_FOLDER, data_option
from sightbench.terminal import say


@click.command()
@click.argument("run", type=RUN_FOLDER)
@click.option(
    "--format",
    "form",
    required=True,
    help="dynbench, leap, vlmevalkit, mmvet, mathvista, blind_10, submission (hidden-gold splits), "
    "results, pngs, davis or youtube-vos (masks), lmms-eval, inspect, hf or every-eval-ever.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Where to.  [default: inside the run folder]")
@click.option(
    "--dataset",
    multiple=True,
    metavar="ORG/NAME:TASK",
    help="Of hf: the hub's dataset that holds the leaderboard; BENCHMARK=ORG/NAME in a run of several.",
)
@click.option(
    "--organization", default="unknown", metavar="NAME", help="Of every-eval-ever: who gives the data."
)
@data_option
def export(
    run: Path, form: str, out: Path | None, dataset: tuple[str, ...], organization: str, data: Path | None
) -> None:
    """Write a run in another tool's form."""
    from sightbench.evaluation.export import export as write
    from sightbench.evaluation.run import open_run

    for written in write(open_run(run, data), form, out, datasets=dataset, organization=organization):
        say(f"{written.path}: {written.count} {written.of}")
