"""`download`: a model or a benchmark's files from the hub."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to put it in.")
def download(name: str, out: Path | None) -> None:
    """Download a model or a benchmark's files from the hub; a broken download resumes."""
    from sightbench.servers.download import download as fetch

    click.echo(str(fetch(name, dest=out)))
