"""`download`: models, and benchmarks' files where their references take them from."""

from __future__ import annotations

from pathlib import Path

import click

from sightbench.terminal import say


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder to put it in.")
@click.option(
    "--kind", type=click.Choice(["model", "dataset"]), help="What an ORGANISATION/NAME is.  [default: model]"
)
@click.option(
    "--cache-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the files here, shared with the hub's own programs; the folder gets links to them.",
)
def download(names: tuple[str, ...], out: Path | None, kind: str | None, cache_dir: Path | None) -> None:
    """Download models, or benchmarks' files; a broken download continues.

    A benchmark (or a group of them) comes from where its reference's pages say: the hub, VLMEvalKit's tables
    with their MD5, InternVL's converted files. What no address gives is said in a line. HF_ENDPOINT names
    another hub.
    """
    from sightbench.evaluation.download import bring

    for name in names:
        say(str(bring(name, out, kind, cache_dir, lambda line: say(line, err=True))))
