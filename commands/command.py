"""The command: `bench.py --endpoint URL --model M --task all --data DIR`, and what goes with it.

Brings the commands together and turns errors into exit codes. Heavy imports happen inside commands, so
that `--help` is instant.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sightbench.commands.batch import batch
from sightbench.commands.download import download
from sightbench.commands.export import export
from sightbench.commands.flags import evaluation_flags
from sightbench.commands.grade import grade
from sightbench.commands.grouped_help import Front
from sightbench.commands.import_ import import_
from sightbench.commands.judges.judge import judge
from sightbench.commands.judges.review import review
from sightbench.commands.merge import merge
from sightbench.commands.models import models
from sightbench.commands.parameters import FiniteRange
from sightbench.commands.report import report
from sightbench.commands.score import score
from sightbench.commands.studies.audit import audit
from sightbench.commands.studies.compare import compare
from sightbench.commands.studies.leaderboard import leaderboard
from sightbench.commands.studies.needs import needs
from sightbench.commands.studies.plan import plan
from sightbench.commands.studies.plot import plot
from sightbench.commands.studies.repeats import repeats
from sightbench.commands.studies.sweep import sweep
from sightbench.commands.synth import synth
from sightbench.commands.tasks import tasks
from sightbench.errors import SightbenchError, UsageError
from sightbench.program import program
from sightbench.terminal import plain, printable, use_any_encoding

if TYPE_CHECKING:
    from sightbench.evaluation.options import Options


def _version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if asked:
        from sightbench.scorers.masks.boundary import core
        from sightbench.version import version

        click.echo(f"sightbench {version()} (mask core: {core()})")
        ctx.exit()


def _config(ctx: click.Context, _param: click.Parameter, path: Path | None) -> Path | None:
    if path is not None:
        from sightbench.commands.config_file import MODELS, defaults, models

        named = [parameter for parameter in ctx.command.params if parameter.name]
        names = {str(parameter.name) for parameter in named}
        multiple = {str(parameter.name) for parameter in named if getattr(parameter, "multiple", False)}
        ctx.default_map = {**(ctx.default_map or {}), **defaults(path, names, multiple)}
        ctx.meta[MODELS] = models(path, names, multiple)
    return path


@click.group(cls=Front, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@evaluation_flags
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the plan and the request of one sample, as it would go out; send no sample.",
)
@click.option(
    "--calibrate",
    type=click.IntRange(2),
    metavar="N",
    help="With --dry-run: ask N samples, which the run keeps, and print what it will cost.",
)
@click.option(
    "--repeats",
    type=click.IntRange(1),
    default=1,
    metavar="K",
    help="Ask everything K times, each with a seed of its own; `repeats RUN` shows them again.",
)
@click.option(
    "--confirm-above",
    type=FiniteRange(0),
    metavar="USD",
    help="Ask first if the run may cost more than this (learned from five samples).",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_config,
    metavar="FILE",
    help="YAML file with any of these flags by name.",
)
@click.option("--quiet", is_flag=True, help="No progress display.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and which mask core is active.",
)
@click.pass_context
def cli(
    ctx: click.Context,
    /,
    dry_run: bool,
    calibrate: int | None,
    repeats: int,
    confirm_above: float | None,
    quiet: bool,
    **flags: Any,
) -> None:
    """Evaluate a served vision-language model: answers and masks.

    Without a command: ask, score and report. Starting the same run again continues it.
    """
    if ctx.invoked_subcommand is not None:
        return
    from sightbench.commands.evaluate import one_table
    from sightbench.evaluation.options import Options

    if calibrate is not None and not dry_run:
        raise UsageError("--calibrate goes with --dry-run: it asks its samples and prints the bill")
    every = [Options(**each) for each in _each_model(ctx, flags)]
    if repeats > 1:
        every = [replace(options, seed=options.seed or 0) for options in every]
    codes = []
    for options in every:
        if dry_run:
            codes.append(_show(options, repeats, calibrate))
        else:
            codes.append(_evaluate(options, repeats, confirm_above, quiet=quiet))
    if len(every) > 1 and not dry_run:
        one_table(every)
    ctx.exit(max(codes))


def _each_model(ctx: click.Context, flags: dict[str, Any]) -> list[dict[str, Any]]:
    """The flags of each model that --config lists, else the flags themselves; those on the line go before."""
    from sightbench.commands.config_file import MODELS

    entries = ctx.meta.get(MODELS, ())
    if not entries or ctx.get_parameter_source("model") is ParameterSource.COMMANDLINE:
        return [flags]
    types = {parameter.name: parameter for parameter in ctx.command.params}
    every = []
    for entry in entries:
        own = {
            name: types[name].process_value(ctx, value)
            for name, value in entry.items()
            if ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE
        }
        if flags["out"] is not None and "out" not in own:
            own["out"] = Path(flags["out"]) / (own.get("alias") or own["model"]).rsplit("/", 1)[-1]
        every.append({**flags, **own})
    return every


def _show(options: Options, repeats: int, calibrate: int | None) -> int:
    from sightbench.commands.plan import show

    show(options, calibrate)
    if repeats > 1:
        click.echo(f"all of it {repeats} times (--repeats)")
    if calibrate is not None:
        from sightbench.commands.terminal import note
        from sightbench.evaluation.costs.calibrate import calibrate as learn

        click.echo(str(learn(options, calibrate, note)))
    return 0


def _evaluate(options: Options, repeats: int, confirm_above: float | None, *, quiet: bool) -> int:
    from sightbench.commands.evaluate import confirmed, evaluate, evaluate_repeats

    if confirm_above is not None and not confirmed(options, confirm_above, repeats):
        return 1
    if repeats > 1:
        return evaluate_repeats(options, repeats, quiet=quiet)
    return evaluate(options, quiet=quiet)


for command in (
    report,
    score,
    judge,
    review,
    compare,
    batch,
    plan,
    leaderboard,
    sweep,
    needs,
    repeats,
    audit,
    plot,
    tasks,
    models,
    grade,
    import_,
    export,
    merge,
    synth,
    download,
):
    cli.add_command(command)


def main() -> None:
    """Runs the command. Exit code 2 for usage, 1 for a run that failed or is incomplete, 0 otherwise."""
    use_any_encoding()
    try:
        sys.exit(cli(prog_name=program(), standalone_mode=False))
    except click.exceptions.Abort:
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"error: {plain(error.format_message(), 300)}", err=True)
        sys.exit(error.exit_code)
    except SightbenchError as error:
        click.echo(f"error: {printable(str(error))}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing more can be written, not even at exit.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        sys.exit(1)
    except OSError as error:
        click.echo(f"error: {error.filename or 'output'}: {error.strerror}", err=True)
        sys.exit(1)
