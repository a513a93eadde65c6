"""`compare`: is one run better than another?"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sightbench.commands.parameters import RUN_FOLDER, FiniteRange, data_option


@click.command()
@click.argument("runs", type=RUN_FOLDER, nargs=-1, required=True)
@data_option
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="A published prediction file as one more run, graded into runs/FILE-BENCHMARK.",
)
@click.option(
    "--margin", type=FiniteRange(0), default=1.0, show_default=True, help="Points that count as equal."
)
@click.option(
    "--flips", type=click.IntRange(99), default=100_000, show_default=True, help="Random sign patterns."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the flips.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def compare(
    runs: tuple[Path, ...],
    data: Path | None,
    against: tuple[Path, ...],
    margin: float,
    flips: int,
    seed: int,
    as_json: bool,
) -> None:
    """Compare runs with the first one: paired by sample, clustered by video, one verdict a number."""
    import orjson

    from sightbench.console import Console
    from sightbench.evaluation.run import open_run
    from sightbench.evaluation.studies.compare import compare as compared
    from sightbench.evaluation.studies.published import graded
    from sightbench.reports import comparison

    opened = [open_run(run, data) for run in runs]
    opened += [run for file in against for run in graded(file, opened[0])]
    found = compared(opened, margin=margin, flips=flips, seed=seed)
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(comparison.to_json(found), option=orjson.OPT_INDENT_2) + b"\n")
    else:
        Console().print(comparison.render(found))
