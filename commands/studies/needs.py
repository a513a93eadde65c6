"""`needs`: what a server must hold to be asked a benchmark."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from sightbench.commands.flags import evaluation_flags


@click.command()
@evaluation_flags
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def needs(as_json: bool, **flags: Any) -> None:
    """Say what one prompt of a benchmark holds at most; `launch_server.sh --task` reads it."""
    import orjson

    from sightbench.commands.terminal import note
    from sightbench.evaluation.costs.needs import needs as read
    from sightbench.evaluation.options import Options

    found = read(Options(**flags), note)
    if as_json:
        click.echo(orjson.dumps(asdict(found)))
        return
    click.echo(
        f"{found.images} images and {found.videos} videos of {found.frames} frames in one prompt at most, up "
        f"to {found.width}x{found.height} pixels; {found.characters:,} characters of text; "
        f"answers of up to {found.max_tokens:,} tokens"
    )
