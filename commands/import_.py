"""`import`: a run of masks that are already on disk."""

from __future__ import annotations

from pathlib import Path

import click

from sightbench.commands.grouped_help import Spread
from sightbench.commands.parameters import data_option


@click.command("import", cls=Spread)
@click.option("--task", multiple=True, default=("mask",), show_default=True, metavar="NAME...")
@data_option
@click.option(
    "--masks",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of mask PNGs, a results.json or a .jsonl of RLEs.",
)
@click.option("--profile", help="Whose scoring: sa2va, unipixel, visa, lisa, ...  [default: the benchmark's]")
@click.option(
    "--masks-as", help="Whose J and F judge the masks: davis, mevis, ...; all prints them side by side."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder to make.")
@click.option("--model", default="imported", show_default=True, help="Name to show in the report.")
@click.pass_context
def import_(
    ctx: click.Context,
    /,
    task: tuple[str, ...],
    data: Path | None,
    masks: Path,
    profile: str | None,
    masks_as: str | None,
    out: Path,
    model: str,
) -> None:
    """Make a run of masks that are already on disk, and score it."""
    from sightbench.commands.score import show_by_definition
    from sightbench.commands.terminal import finish, note
    from sightbench.evaluation.imports import import_masks
    from sightbench.evaluation.rescore import score

    names = [name for entry in task for name in entry.split(",") if name]
    imported = import_masks(names, data, masks, out, model, profile)
    missing = imported.missing
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        note(f"{len(missing)} of {imported.total} samples have no saved masks: {shown}")
    every = masks_as == "all"
    code = finish(score(imported.run, masks_as=None if every else masks_as))
    if every:
        show_by_definition(imported.run)
    ctx.exit(code)
