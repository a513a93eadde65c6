"""`score`: a run's scores once more, from its replies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sightbench.commands.parameters import RUN_FOLDER, data_option, unparsed_seed

if TYPE_CHECKING:
    from sightbench.evaluation.run import Run


@click.command()
@click.argument("run", type=RUN_FOLDER)
@data_option
@click.option("--on-error", type=click.Choice(["leave-out", "zero"]), help="As in the run, if not given.")
@click.option("--unparsed", type=click.Choice(["wrong", "random"]), help="As in the run, if not given.")
@unparsed_seed
@click.option("--box-mode", help="Convention of the model's boxes.")
@click.option(
    "--masks-as", help="Whose J and F judge the masks: davis, mevis, ...; all prints them side by side."
)
@click.option("--tolerance", type=int, help="Of the boundaries in Dyn-Bench's F, in pixels.")
@click.option(
    "--curves", is_flag=True, help="Print how many objects and frames reach which J, and F by tolerance."
)
@click.pass_context
def score(
    ctx: click.Context,
    /,
    run: Path,
    data: Path | None,
    unparsed_seed: int | None,
    curves: bool,
    **flags: Any,
) -> None:
    """Score a run again from its replies; nothing is asked."""
    from sightbench.commands.terminal import finish
    from sightbench.evaluation import rescore

    if curves:
        _print_curves(run, data)
        ctx.exit()
    if flags["masks_as"] == "all":
        from sightbench.evaluation.run import open_run

        show_by_definition(open_run(run, data))
        ctx.exit()
    ctx.exit(finish(rescore.score(run, data=data, seed=unparsed_seed, **flags)))


def show_by_definition(run: Run) -> None:
    """Prints J&F, J and F of a run's masks by every definition, a line each."""
    from sightbench.commands.listing import Column, show
    from sightbench.evaluation import rescore

    titles = ("benchmark", "definition", "J&F", "J", "F", "n")
    cells = []
    for row in rescore.by_every_definition(run):
        numbers = (row.headline.value, row.part("J"), row.part("F"))
        shown = ["-" if number is None else f"{number:.2f}" for number in numbers]
        cells.append([[text] for text in (row.benchmark, row.definition, *shown, str(row.headline.n))])
    show([Column(title) for title in titles], cells)


def _print_curves(run: Path, data: Path | None) -> None:
    from sightbench.commands.listing import Column, show
    from sightbench.evaluation.run import open_run
    from sightbench.evaluation.studies.curves import mask_curves

    rows = []
    for benchmark, found in mask_curves(open_run(run, data)).items():
        at_least = [f"J >= {level:.2f}" for level in found.levels]
        within = [f"F within {tolerance}" for tolerance in found.tolerances]
        for what, names, values, n in (
            ("objects", at_least, found.objects, found.n),
            ("frames", at_least, found.frames, found.n_frames),
            ("boundaries", within, found.f, found.n),
        ):
            rows += [
                [[text] for text in (benchmark, what, name, f"{100 * value:.2f}", str(n))]
                for name, value in zip(names, values, strict=True)
            ]
    show([Column(title) for title in ("benchmark", "of", "at", "%", "n")], rows)
