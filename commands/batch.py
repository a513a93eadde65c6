"""`batch`: the batches of a run, looked at, collected or ended from another day's shell."""

from __future__ import annotations

from pathlib import Path

import click

from sightbench.commands.parameters import RUN_FOLDER, data_option
from sightbench.terminal import say

_key = click.option(
    "--api-key-env", help="Environment variable that holds the key.  [default: the provider's]"
)
_command = click.option("--header-command", help="Command that prints a token or NAME: VALUE.", metavar="CMD")


@click.group()
def batch() -> None:
    """See, collect or cancel the batches of a run asked with --batch."""


@batch.command()
@click.argument("run", type=RUN_FOLDER)
@_key
@_command
def status(run: Path, api_key_env: str | None, header_command: str | None) -> None:
    """How every batch stands at the provider's."""
    from sightbench.evaluation import batches

    for standing in batches.status(run, api_key_env, say, header_command):
        say(str(standing))


@batch.command()
@click.argument("run", type=RUN_FOLDER)
@_key
@_command
@data_option
@click.pass_context
def collect(
    ctx: click.Context, /, run: Path, api_key_env: str | None, header_command: str | None, data: Path | None
) -> None:
    """Take the answers of ended batches into the run, and score it."""
    from sightbench.commands.terminal import finish
    from sightbench.evaluation import batches, rescore

    found = batches.collect(run, api_key_env, say, header_command)
    say(f"{found.answered} answered, {found.failed} failed, {found.waiting} still wait")
    ctx.exit(finish(rescore.score(run, data=data)))


@batch.command()
@click.argument("run", type=RUN_FOLDER)
@_key
@_command
def cancel(run: Path, api_key_env: str | None, header_command: str | None) -> None:
    """Ask the provider to end every open batch; what is answered can still be collected."""
    from sightbench.evaluation import batches

    batches.cancel(run, api_key_env, say, header_command)
