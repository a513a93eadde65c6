"""`repeats`: several answers to each question, taken together."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sightbench.commands.parameters import RUN_FOLDER, data_option
from sightbench.terminal import say


@click.command()
@click.argument("runs", type=RUN_FOLDER, nargs=-1, required=True)
@data_option
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def repeats(runs: tuple[Path, ...], data: Path | None, as_json: bool) -> None:
    """Mean, shares of variance, pass@k, majority vote and consistency: of one run that was asked with
    --repeats, or of several that differ in their seed.
    """
    import orjson

    from sightbench.evaluation.run import open_run
    from sightbench.evaluation.studies.repeats import repeats as taken_together
    from sightbench.evaluation.studies.repeats import with_repeats
    from sightbench.reports.studies.repeats import lines, to_json

    folders = with_repeats(runs[0]) if len(runs) == 1 else runs
    found = taken_together([open_run(folder, data) for folder in folders])
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(to_json(found), option=orjson.OPT_INDENT_2) + b"\n")
        return
    for line in lines(found):
        say(line)
