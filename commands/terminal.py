"""What every command prints in the same way: notes, the tables of a run, where everything is."""

from __future__ import annotations

from sightbench.evaluation.run import Run
from sightbench.program import program
from sightbench.terminal import say


def note(line: str) -> None:
    say(f"note: {line}", err=True)


def finish(run: Run) -> int:
    """Builds the page, prints the tables and where everything is; the exit code says whether every sample
    was answered."""
    from sightbench.console import Console
    from sightbench.evaluation.report import leave_page
    from sightbench.reports import tables

    summary = run.summary
    Console().print(tables.render(summary))
    if run.outcome is not None and run.outcome.stopped:
        say(f"stopped: {run.outcome.stopped}", err=True)
        say("Start the same command again to continue; answered samples are kept.", err=True)
    page, why = leave_page(run)
    if page is None:
        note(f"the report page was not built ({why}); {program()} report {run.folder} tries again")
    say(f"report: {page or run.folder / 'report.txt'}   every answer and score: {run.folder}/")
    return 0 if summary.complete else 1
