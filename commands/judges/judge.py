"""`judge`: a judge's verdicts on the answers of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sightbench.commands.flags import judge_flags
from sightbench.commands.parameters import RUN_FOLDER, data_option


@click.command()
@click.argument("runs", type=RUN_FOLDER, nargs=-1, required=True)
@data_option
@judge_flags
@click.option("--quiet", is_flag=True, help="No progress display.")
@click.pass_context
def judge(
    ctx: click.Context, /, runs: tuple[Path, ...], data: Path | None, quiet: bool, **flags: Any
) -> None:
    """Judge the free-form answers of runs, or judge them again with another judge; both are kept.

    A rule goes first: the judge is asked only where the benchmark's reference cannot decide without one.
    """
    from sightbench.commands.evaluate import progress_display
    from sightbench.commands.terminal import finish, note
    from sightbench.evaluation.judges.judge import judge as judged
    from sightbench.evaluation.judges.options import JudgeOptions
    from sightbench.evaluation.run import open_run

    options = JudgeOptions(**flags)
    opened = [open_run(run, data) for run in runs]
    code = 0
    with progress_display(quiet) as progress:
        done = judged(opened, options, note=note, progress=progress)
    for run, outcome in done:
        for line in outcome.lines():
            note(line)
        code = max(code, finish(run), int(outcome.failed > 0 or outcome.stopped is not None))
    ctx.exit(code)
