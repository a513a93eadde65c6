"""The command: `bench.py --endpoint URL --model M --task all --data DIR`, and what goes with it.

Declares commands and turns errors into exit codes; commands/ does the work. Heavy imports happen inside
commands, so that `--help` is instant.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from client.errors import SightbenchError
from commands.flags import evaluation

VERSION = "0.1.0"


def _version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if asked:
        from scorers.rims import core

        click.echo(f"sightbench {VERSION} (mask core: {core()})")
        ctx.exit()


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and which mask core is active.",
)
@evaluation
@click.pass_context
def cli(ctx: click.Context, /, **flags: Any) -> None:
    """Evaluate a served vision-language model: answers and masks.

    Without a command: ask, score and report. Starting the same run again continues it.
    """
    if ctx.invoked_subcommand is None:
        from commands.evaluate import evaluate
        from commands.options import Options

        ctx.exit(evaluate(Options(**flags)))


RUN_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
data_option = click.option("--data", type=click.Path(path_type=Path), help="Folder of the benchmark's files.")


@cli.command()
@click.argument("run", type=RUN_FOLDER)
@data_option
@click.option("--on-error", type=click.Choice(["leave-out", "zero"]), help="As in the run, if not given.")
@click.option("--unparsed", type=click.Choice(["wrong", "random"]))
@click.option("--seed", type=int, default=42, show_default=True, help="Of --unparsed random.")
@click.option("--box-mode", help="Convention of the model's boxes.")
@click.pass_context
def score(ctx: click.Context, /, run: Path, data: Path | None, **flags: Any) -> None:
    """Score a run again from its replies; nothing is asked."""
    from commands.runs import rescore

    extra = {}
    if flags["unparsed"]:
        extra = {"unparsed": flags["unparsed"], "seed": flags["seed"]}
    if flags["box_mode"]:
        extra["box_mode"] = flags["box_mode"]
    ctx.exit(rescore(run, data, flags["on_error"], extra))


@cli.command()
@click.argument("name", required=False)
@data_option
def tasks(name: str | None, data: Path | None) -> None:
    """List the benchmarks, or show one: files, prompt, metric, reference."""
    from commands.listing import list_tasks, show_task

    if name is None:
        list_tasks(data)
    else:
        show_task(name, data)


@cli.command("import")
@click.option("--task", multiple=True, default=("mask",), show_default=True)
@data_option
@click.option("--masks", type=click.Path(path_type=Path), required=True, help="Folder of saved mask PNGs.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder to make.")
@click.option("--model", default="imported", show_default=True, help="Name to show in the report.")
@click.pass_context
def import_(ctx: click.Context, /, **flags: Any) -> None:
    """Make a run of masks that are already on disk, and score it."""
    from commands.runs import import_masks

    ctx.exit(import_masks(flags["task"], flags["data"], flags["masks"], flags["out"], flags["model"]))


@cli.command()
@click.argument("run", type=RUN_FOLDER)
@click.option("--format", "form", required=True, help="dynbench, or submission (hidden-gold splits).")
@click.option("--out", type=click.Path(path_type=Path), help="Where to.  [default: inside the run folder]")
@data_option
@click.pass_context
def export(ctx: click.Context, /, run: Path, form: str, out: Path | None, data: Path | None) -> None:
    """Write a run in another tool's form."""
    from commands.runs import export as write

    ctx.exit(write(run, form, out, data))


@cli.command()
@click.argument("runs", type=RUN_FOLDER, nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder to make.")
@data_option
@click.pass_context
def merge(ctx: click.Context, /, runs: tuple[Path, ...], out: Path, data: Path | None) -> None:
    """Bring the shards of one run together, and score them."""
    from commands.runs import merge as bring_together

    ctx.exit(bring_together(runs, out, data))


def main() -> None:
    """Runs the command. Exit code 2 for usage, 1 for a run that failed or is incomplete, 0 otherwise."""
    try:
        sys.exit(cli(standalone_mode=False))
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SightbenchError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
