"""`audit`: how repeatable a server's answers are."""

from __future__ import annotations

from typing import Any

import click

from sightbench.commands.flags import evaluation_flags
from sightbench.commands.grouped_help import Spread


@click.command(cls=Spread)
@click.option(
    "--samples", type=click.IntRange(2), default=64, show_default=True, help="How many, and how many at once."
)
@evaluation_flags
def audit(samples: int, **flags: Any) -> None:
    """Ask the same samples alone and all at once, twice each: how many answers change, and the score.

    Engines' answers depend on what else is in the batch, also at temperature 0.
    """
    from sightbench.commands.terminal import note
    from sightbench.console import Console
    from sightbench.evaluation.options import Options
    from sightbench.evaluation.studies.audit import audit as audited
    from sightbench.reports.studies.audit import render

    Console().print(render(audited(Options(**flags), samples, note=note)))
