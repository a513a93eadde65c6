"""`repeats`: runs of the same questions under several seeds, taken together."""

from __future__ import annotations

from pathlib import Path

import click

from sightbench.commands.parameters import RUN_FOLDER, data_option


@click.command()
@click.argument("runs", type=RUN_FOLDER, nargs=-1, required=True)
@data_option
def repeats(runs: tuple[Path, ...], data: Path | None) -> None:
    """Mean, share of variance from decoding, pass@k, majority vote and consistency of repeated runs."""
    from sightbench.evaluation.run import open_run
    from sightbench.evaluation.studies.repeats import repeats as taken_together
    from sightbench.reports.tables import precision, value

    for name, found in taken_together([open_run(run, data) for run in runs]).items():
        click.echo(f"{name}: {found.n:,} questions asked {found.tries} times")
        for metric in (found.average, *(at for _, at in found.pass_at), found.majority, found.consistency):
            click.echo(f"  {metric.name:18} {value(metric):>12}  {precision(metric)}")
        if found.decoding is not None:
            click.echo(f"  {100 * found.decoding:.0f} % of the variance of an answer is from decoding")
