"""`download`: models, and benchmarks' files from the hub or as VLMEvalKit's tables."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder to put it in.")
@click.option(
    "--kind", type=click.Choice(["model", "dataset"]), help="What an ORGANISATION/NAME is.  [default: model]"
)
def download(names: tuple[str, ...], out: Path | None, kind: str | None) -> None:
    """Download models, or benchmarks' files; a broken download continues.

    A benchmark comes from the hub, or as VLMEvalKit's table (MMStar, OCRBench, ...), whose MD5 is checked.
    """
    from sightbench.evaluation.download import fetch, table_of
    from sightbench.servers.download import BENCHMARKS
    from sightbench.servers.download import download as from_the_hub
    from sightbench.tasks.web_files import VLABENCH_PROMPTS

    for name in names:
        table = None if kind or name.lower() in BENCHMARKS else table_of(name)
        if table is not None:
            click.echo(str(fetch(table, out or Path("data"))))
            continue
        folder = from_the_hub(name, "dataset" if kind == "dataset" else None, out)
        if name.lower() == "vlabench":
            for prompt in VLABENCH_PROMPTS:
                fetch(prompt, folder)
        click.echo(str(folder))
