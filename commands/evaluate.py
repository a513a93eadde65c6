"""`bench.py` without a command: ask, score, report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from sightbench.client.progress import Progress, shown
from sightbench.commands.terminal import finish, note
from sightbench.errors import UsageError
from sightbench.evaluation.evaluate import OnProgress
from sightbench.evaluation.evaluate import evaluate as run_evaluation
from sightbench.evaluation.options import Options
from sightbench.evaluation.run import Run
from sightbench.evaluation.shards.ledger import SHARDS
from sightbench.program import program
from sightbench.terminal import say

BASELINE_NOTE = (
    "The embedded baseline is a rule-based reference that looks at the pixels and knows the synthetic "
    "benchmark's grammar. It is no model and is never ranked among models."
)


def evaluate(options: Options, *, quiet: bool = False) -> int:
    """Runs the evaluation; returns the exit code: 0, or 1 if anything is left unanswered."""
    with progress_display(quiet) as progress:
        run = run_evaluation(options, progress=progress, note=note)
    code = _shard_done(run) if run.record.shard else finish(run)
    if not options.endpoints and options.batch != "file":
        say(BASELINE_NOTE)
    return code


def evaluate_repeats(options: Options, count: int, *, quiet: bool = False) -> int:
    """Asks everything `count` times and prints what the answers say together; the exit code as `evaluate`."""
    from sightbench.evaluation.studies.repeats import ask_repeats, repeats
    from sightbench.reports.studies.repeats import lines

    with progress_display(quiet) as progress:
        runs = ask_repeats(options, count, progress=progress, note=note)
    if shards := [run for run in runs if run.record.shard]:
        return max(_shard_done(run) for run in shards)
    code = finish(runs[0])
    if len(runs) < count or not all(run.summary.complete for run in runs):
        say("Not every repeat is complete: start the same command again to continue.", err=True)
        code = 1
    if len(runs) > 1:
        say("\n".join(lines(repeats(runs))))
    return code


def one_table(every: Sequence[Options]) -> None:
    """Prints the runs of several models as one table, as the command `leaderboard` does."""
    from sightbench.evaluation.run import open_run
    from sightbench.evaluation.studies.leaderboard import leaderboard
    from sightbench.reports.studies.leaderboard import FORMS

    folders = [options.folder(options.model or "") for options in every]
    runs = [open_run(folder) for folder in folders if (folder / "scores.jsonl").exists()]
    if len(runs) > 1:
        print(FORMS["markdown"](leaderboard(runs)), end="")


def confirmed(options: Options, dollars: float, repeats: int = 1) -> bool:
    """Whether the run may be paid for: what it will cost is learned from five samples, and asked about if it
    may be more than `dollars` or has no price. Raises UsageError where nobody can be asked."""
    from sightbench.evaluation.costs.calibrate import calibrate

    bill = calibrate(options, 5, note)
    say(str(bill))
    if repeats > 1:
        say(f"and that {repeats} times (--repeats)")
    if bill.estimate is not None and bill.estimate.high * repeats <= dollars:
        return True
    if not sys.stdin.isatty():
        raise UsageError(
            f"this may cost more than ${dollars:g} and nobody can be asked: raise --confirm-above"
        )
    return input("go on? [y/N] ").strip().lower() in ("y", "yes")


@contextmanager
def progress_display(quiet: bool) -> Iterator[OnProgress | None]:
    """A live line on stderr from the first count on; a new one for what is counted anew (the judge)."""
    if quiet:
        yield None
        return
    with ExitStack() as stack:
        show: list[tuple[Progress, Callable[[Progress], None]]] = []

        def progress(counts: Progress, total: int | None) -> None:
            if not show or show[0][0] is not counts:
                stack.close()
                show[:] = [(counts, stack.enter_context(shown(total, sys.stderr)))]
            show[0][1](counts)

        yield progress


def _shard_done(run: Run) -> int:
    assert run.record.shard is not None and run.outcome is not None
    index, count = run.record.shard
    outcome = run.outcome
    say(
        f"shard {index} of {count}: {outcome.answered} answered, {outcome.kept} kept, {outcome.failed} failed"
    )
    if run.folder.parent.name != SHARDS:
        say(f"when all shards are done: {program()} merge {run.folder} ... --out RUN")
    if outcome.stopped:
        say(f"stopped: {outcome.stopped}; start the same command again to continue", err=True)
    return 1 if outcome.failed or outcome.stopped else 0
