"""`judge`: a judge's verdicts on the answers of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sightbench.commands.flags import judge_flags
from sightbench.commands.parameters import RUN_FOLDER, data_option
from sightbench.errors import UsageError


@click.command()
@click.argument("runs", type=RUN_FOLDER, nargs=-1)
@data_option
@judge_flags
@click.option(
    "--equate",
    type=click.Path(path_type=Path, exists=True),
    metavar="ANCHORS",
    help="Compare with a reference judge: LLaVA's eval/table, or a file of VLMEvalKit's after its judge.",
)
@click.option("--quiet", is_flag=True, help="No progress display.")
@click.pass_context
def judge(
    ctx: click.Context,
    /,
    runs: tuple[Path, ...],
    data: Path | None,
    equate: Path | None,
    quiet: bool,
    **flags: Any,
) -> None:
    """Judge the free-form answers of runs, or judge them again with another judge; both are kept.

    A rule goes first: the judge is asked only where the benchmark's reference cannot decide without one.
    """
    from sightbench.commands.evaluate import progress_display
    from sightbench.commands.terminal import finish, note
    from sightbench.evaluation.judges.judge import equate_runs, open_judge_now
    from sightbench.evaluation.judges.judge import judge as judged
    from sightbench.evaluation.judges.options import JudgeOptions
    from sightbench.evaluation.run import open_run

    options = JudgeOptions(**flags)
    if not runs and equate is None:
        raise UsageError("name the runs to judge, or --equate ANCHORS")
    opened = [open_run(run, data) for run in runs]
    code = 0
    asked = open_judge_now(options, note)
    with progress_display(quiet) as progress:
        if equate is not None:
            found, outcome = equate_runs(asked, equate, opened, options, note=note, progress=progress)
            code = int(outcome.failed > 0 or outcome.stopped is not None)
        done = judged(opened, options, opened=asked, note=note, progress=progress)
    if equate is not None:
        click.echo("\n".join(found.lines()))
    for run, outcome in done:
        for line in outcome.lines():
            note(line)
        code = max(code, finish(run), int(outcome.failed > 0 or outcome.stopped is not None))
    ctx.exit(code)
