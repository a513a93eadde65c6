"""The command: `bench.py --endpoint URL --model M --task all --data DIR`, and what goes with it.

Declares commands and turns errors into exit codes; commands/ does the work. Heavy imports happen inside
commands, so that `--help` is instant.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from sightbench.commands.flags import evaluation
from sightbench.errors import SightbenchError, UsageError


def _version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if asked:
        from sightbench.scorers.masks.boundary import core
        from sightbench.version import version

        click.echo(f"sightbench {version()} (mask core: {core()})")
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
        from sightbench.commands.evaluate import evaluate
        from sightbench.commands.options import Options

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
    from sightbench.commands.runs import rescore

    changes = {name: flags[name] for name in ("on_error", "unparsed", "box_mode") if flags[name]}
    if "unparsed" in changes:
        changes["seed"] = flags["seed"]
    ctx.exit(rescore(run, data, changes))


@cli.command()
@click.argument("name", required=False)
@data_option
def tasks(name: str | None, data: Path | None) -> None:
    """List the benchmarks, or show one: files, prompt, metric, reference."""
    from sightbench.commands.listing import list_tasks, show_task

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
    from sightbench.commands.runs import import_masks

    ctx.exit(import_masks(flags["task"], flags["data"], flags["masks"], flags["out"], flags["model"]))


@cli.command()
@click.argument("run", type=RUN_FOLDER)
@click.option("--format", "form", required=True, help="dynbench, or submission (hidden-gold splits).")
@click.option("--out", type=click.Path(path_type=Path), help="Where to.  [default: inside the run folder]")
@data_option
@click.pass_context
def export(ctx: click.Context, /, run: Path, form: str, out: Path | None, data: Path | None) -> None:
    """Write a run in another tool's form."""
    from sightbench.commands.runs import export as write

    ctx.exit(write(run, form, out, data))


@cli.command()
@click.argument("runs", type=RUN_FOLDER, nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder to make.")
@data_option
@click.pass_context
def merge(ctx: click.Context, /, runs: tuple[Path, ...], out: Path, data: Path | None) -> None:
    """Bring the shards of one run together, and score them."""
    from sightbench.commands.runs import merge as bring_together

    ctx.exit(bring_together(runs, out, data))


@cli.command(add_help_option=False)
@click.option("--metric", help="Grade standard input, one JSON object per line, by this metric.")
@click.option("--task", help="Grade the answers in --predictions to this benchmark.")
@data_option
@click.option("--predictions", type=click.Path(path_type=Path), help="Answers: ours or another tool's file.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder to make.  [default: runs/FILE-TASK]")
@click.option("--profile", help="Whose scoring.  [default: the metric's or benchmark's]")
@click.option("--unparsed", type=click.Choice(["wrong", "random"]), default="wrong", show_default=True)
@click.option("--seed", type=int, default=42, show_default=True, help="Of --unparsed random.")
@click.option("--box-mode", help="Convention of the boxes in the answers.")
@click.option("-h", "--help", "asked", is_flag=True, help="Show this, or with --metric the metric's fields.")
@click.pass_context
def grade(ctx: click.Context, /, metric: str | None, task: str | None, asked: bool, **flags: Any) -> None:
    """Grade answers that already exist; nothing is asked."""
    if asked or (metric is None) == (task is None):
        if metric is None:
            click.echo(ctx.get_help(), err=not asked)
            ctx.exit(0 if asked else 2)
        elif asked:
            from sightbench.commands.grade import describe, scorer_named

            click.echo(describe(*scorer_named(metric, flags["profile"])))
            ctx.exit()
        raise UsageError("give --metric or --task, not both")
    changes: dict[str, Any] = {}
    if flags["unparsed"] == "random":
        changes = {"unparsed": "random", "seed": flags["seed"]}
    if flags["box_mode"]:
        changes["box_mode"] = flags["box_mode"]
    if metric is not None:
        from sightbench.commands.grade import filter_lines

        ctx.exit(filter_lines(sys.stdin.buffer, sys.stdout.buffer, metric, flags["profile"], changes))
    from sightbench.commands.grade import grade_predictions

    assert task is not None
    ctx.exit(
        grade_predictions(task, flags["data"], flags["predictions"], flags["out"], flags["profile"], changes)
    )


@cli.command()
@click.option("--scenes", type=click.IntRange(1), default=40, show_default=True)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="A new seed is a new test."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to make.")
@click.option("--frames", type=int, default=8, show_default=True, help="Per video.")
@click.option("--size", default="320x240", show_default=True)
@click.option("--objects", default="3-6", show_default=True, help="Per scene.")
@click.option("--movers", default="0-3", show_default=True, help="Objects that move.")
@click.option("--occlusion", type=float, default=0.3, show_default=True, help="Share of half-hidden objects.")
@click.option("--look-alikes", type=float, default=0.25, show_default=True, help="Share of shared colours.")
@click.option("--motion", type=float, default=1.0, show_default=True, help="How far movers travel.")
@click.option("--camera-speed", type=float, default=1.0, show_default=True, help="0: it stands still.")
@click.option("--twins", is_flag=True, help="Also each scene reversed in time and mirrored.")
@click.option("--depth", is_flag=True, help="Also depth images.")
def synth(out: Path, scenes: int, seed: int, **knobs: Any) -> None:
    """Render a synthetic benchmark with exactly known answers and masks."""
    from sightbench.commands import synth as synthetic

    click.echo(synthetic.told(synthetic.synth(out, scenes, seed, synthetic.knobs_of(knobs)), out))


@cli.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to put it in.")
def download(name: str, out: Path | None) -> None:
    """Download a model or a benchmark's files from the hub; a broken download resumes."""
    from sightbench.servers.download import download as fetch

    click.echo(str(fetch(name, dest=out)))


@cli.command()
def models() -> None:
    """List the model families: what they can do, and which engines serve them."""
    from sightbench.commands.listing import list_models

    list_models()


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
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more can be written, not even at exit.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        sys.exit(1)
    except OSError as error:
        click.echo(f"error: {error.filename or 'output'}: {error.strerror}", err=True)
        sys.exit(1)
