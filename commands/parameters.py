"""Arguments and options that several commands have."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """A range of finite numbers: nan lies in every range of click's, and inf in those without an end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


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
