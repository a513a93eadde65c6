"""`leaderboard`: models x benchmarks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from sightbench.commands.parameters import RUN_FOLDER, data_option
from sightbench.errors import UsageError
from sightbench.terminal import say


@click.command()
@click.argument("runs", type=RUN_FOLDER, nargs=-1, required=True)
@data_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "latex", "csv", "html"]),
    default="markdown",
    show_default=True,
)
@click.option(
    "--alias", multiple=True, metavar="MODEL=NAME", help="Name to show instead; repeat for several."
)
@click.option(
    "--flips", type=click.IntRange(99), default=100_000, show_default=True, help="Random sign patterns."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the flips.")
def leaderboard(
    runs: tuple[Path, ...], data: Path | None, form: str, alias: tuple[str, ...], flips: int, seed: int
) -> None:
    """A table of models and benchmarks, with intervals and ranks the tests stand behind."""
    from sightbench.evaluation.run import open_run
    from sightbench.evaluation.studies.leaderboard import leaderboard as board
    from sightbench.reports.studies.leaderboard import FORMS

    names = dict(_alias(text) for text in alias)
    opened = [open_run(folder, data) for folder in runs]
    known = {name for run in opened for name in (run.folder.name, run.record.shown_as)}
    if unknown := names.keys() - known:
        raise UsageError(
            f"--alias {min(unknown)}: no run here is called so; there are {', '.join(sorted(known))}"
        )
    named = []
    for run in opened:
        # A folder's name goes before a model's: it tells two runs of one model apart.
        shown = names.get(run.folder.name) or names.get(run.record.shown_as)
        named.append(replace(run, record=replace(run.record, alias=shown)) if shown else run)
    say(FORMS[form](board(named, flips=flips, seed=seed)), end="")


def _alias(text: str) -> tuple[str, str]:
    model, separator, name = text.rpartition("=")
    if not separator or not model or not name:
        raise UsageError(f"--alias {text}: write MODEL=NAME or RUN-FOLDER=NAME")
    return model, name
