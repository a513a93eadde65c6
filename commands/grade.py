"""`grade`: answers that already exist, from standard input or a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from sightbench.commands.parameters import data_option, unparsed_seed
from sightbench.errors import UsageError


@click.command(add_help_option=False)
@click.option("--metric", help="Grade standard input, one JSON object per line, by this metric.")
@click.option("--task", help="Grade the answers in --predictions to this benchmark.")
@data_option
@click.option("--predictions", type=click.Path(path_type=Path), help="Answers: ours or another tool's file.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder to make.  [default: runs/FILE-TASK]")
@click.option("--profile", help="Whose scoring.  [default: the metric's or benchmark's]")
@click.option("--unparsed", type=click.Choice(["wrong", "random"]), default="wrong", show_default=True)
@unparsed_seed
@click.option("--box-mode", help="Convention of the boxes in the answers.")
@click.option(
    "--total", is_flag=True, help='With --metric: a last line {"total": ...} with what all lines come to.'
)
@click.option(
    "--reasoning",
    type=click.Choice(["strip", "keep"]),
    default="keep",
    show_default=True,
    help="With --metric: take <think>...</think> and its kin out of the answers first.",
)
@click.option("--tolerance", type=int, help="Of the boundaries in Dyn-Bench's F, in pixels.")
@click.option(
    "-h", "--help", "asked", is_flag=True, help="Show this and the metrics, or with --metric one's fields."
)
@click.pass_context
def grade(
    ctx: click.Context,
    /,
    metric: str | None,
    task: str | None,
    data: Path | None,
    predictions: Path | None,
    out: Path | None,
    profile: str | None,
    asked: bool,
    unparsed: Literal["wrong", "random"],
    unparsed_seed: int | None,
    box_mode: str | None,
    tolerance: int | None,
    total: bool,
    reasoning: Literal["strip", "keep"],
) -> None:
    """Grade answers that already exist; nothing is asked.

    With --metric each line of standard input is answered as soon as it has come.
    """
    if asked or (metric is None) == (task is None):
        if metric is None:
            click.echo(_help(ctx), err=not asked)
            ctx.exit(0 if asked else 2)
        elif asked:
            from sightbench.evaluation.grade import describe, scorer_named

            click.echo(describe(*scorer_named(metric, profile)))
            ctx.exit()
        raise UsageError("give --metric or --task, not both")
    if metric is not None:
        from sightbench.evaluation.grade import filter_lines
        from sightbench.scorers.scoring_options import scoring_options

        scoring = scoring_options(
            {"unparsed": unparsed, "box_mode": box_mode, "tolerance": tolerance}
            | ({} if unparsed_seed is None else {"seed": unparsed_seed})
        )
        strip = reasoning == "strip"
        lines, out_lines = sys.stdin.buffer, sys.stdout.buffer
        ctx.exit(filter_lines(lines, out_lines, metric, profile, scoring, strip=strip, total=total))
    assert task is not None
    if total or reasoning == "strip":
        raise UsageError(
            "--total and --reasoning go with --metric: a run has its total, and sets reasons aside"
        )
    if predictions is None:
        raise UsageError("--task needs --predictions FILE: the answers to grade")
    from sightbench.commands.terminal import finish
    from sightbench.evaluation.imports import import_predictions
    from sightbench.evaluation.rescore import score

    run = import_predictions(task, data, predictions, out, profile).run
    ctx.exit(finish(score(run, unparsed=unparsed, seed=unparsed_seed, box_mode=box_mode)))


def _help(ctx: click.Context) -> str:
    """The command's help, and below it every metric."""
    from sightbench.evaluation.grade import listed

    formatter = ctx.make_formatter()
    with formatter.section("Metrics (`grade --metric NAME -h` shows one's fields)"):
        formatter.write_dl(listed())
    return f"{ctx.get_help()}\n\n{formatter.getvalue().rstrip()}"
