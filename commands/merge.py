"""`merge`: the shards of one run brought together."""

from __future__ import annotations

from pathlib import Path

import click

from sightbench.commands.parameters import RUN_FOLDER, data_option
from sightbench.terminal import say


@click.command()
@click.argument("runs", type=RUN_FOLDER, nargs=-1, required=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run folder to make  [default: the run itself, of shards that lie in it]",
)
@data_option
@click.pass_context
def merge(ctx: click.Context, /, runs: tuple[Path, ...], out: Path | None, data: Path | None) -> None:
    """Bring the shards of one run together, and score them.

    Shards that share --out come together by themselves when the last is done; `merge RUN` does it before.
    """
    from sightbench.commands.terminal import finish
    from sightbench.evaluation import rescore
    from sightbench.evaluation.shards import merge as shards

    run, merged = shards.merge(runs, out, data)
    say(f"{merged.replies} replies, {merged.duplicates} duplicates left out")
    ctx.exit(finish(rescore.score(run)))
