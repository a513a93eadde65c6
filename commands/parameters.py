"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

RUN_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)

data_option = click.option(
    "--data", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the benchmark's files."
)

unparsed_seed = click.option(
    "--unparsed-seed",
    # 0.1 called it --seed, which in an evaluation is the seed of the server's sampling.
    "--seed",
    "unparsed_seed",
    type=int,
    help="Seed of --unparsed random.  [default: 42]",
)
