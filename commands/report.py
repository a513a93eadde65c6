"""`report`: the page of a run, or of several side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sightbench.commands.parameters import RUN_FOLDER, data_option
from sightbench.terminal import say


@click.command()
@click.argument("runs", type=RUN_FOLDER, nargs=-1, required=True)
@data_option
@click.option("--out", type=click.Path(path_type=Path), help="Page to write.  [default: RUN/report.html]")
@click.option("--single-file/--folder", default=None, help="Everything in one file.  [default: below 20 MB]")
@click.option("--pack", type=click.Path(path_type=Path), help="A zip with the page and the images it shows.")
@click.option(
    "--embed-frames", type=click.IntRange(0), default=0, help="Small images of each sample to put in."
)
@click.pass_context
def report(ctx: click.Context, /, runs: tuple[Path, ...], data: Path | None, **flags: Any) -> None:
    """Build the page of a run, or of two to four side by side: numbers, answers, masks."""
    from sightbench.commands.terminal import note
    from sightbench.evaluation.report import report as build
    from sightbench.evaluation.run import open_run

    built = build([open_run(run, data) for run in runs], **flags)
    if built.missing:
        note(f"{built.missing} images are not where they were, and not in the zip")
    say(f"{built.path} ({built.bytes / 1e6:.1f} MB)")
