"""Runs judged after they were answered, or judged again by another judge."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sightbench.client.journal import Journal
from sightbench.evaluation import run_record
from sightbench.evaluation.judges.anchors import read as read_anchors
from sightbench.evaluation.judges.ask import (
    Judged,
    Note,
    OnProgress,
    OpenJudge,
    judged_cases,
    open_judge,
)
from sightbench.evaluation.judges.equate import Equating, equate, keep
from sightbench.evaluation.judges.options import JudgeOptions
from sightbench.evaluation.judges.stage import judge_answers
from sightbench.evaluation.run import Run
from sightbench.evaluation.score import score_run


def judge(
    runs: Sequence[Run],
    options: JudgeOptions,
    *,
    opened: OpenJudge | None = None,
    note: Note = lambda line: None,
    progress: OnProgress | None = None,
) -> list[tuple[Run, Judged]]:
    """Asks a judge about the answers of runs that no rule decides, and scores them by its verdicts.

    `opened` is the judge, where it was probed before. What another judge said stays in judgements.jsonl.
    Raises EndpointError for a judge that cannot be used, UsageError for a form that a benchmark's judge does
    not have.
    """
    with asyncio.Runner() as runner:
        opened = opened or runner.run(open_judge(options, note))
        done = []
        for run in runs:
            with Journal.open(run.folder, write=False) as replies:
                asked_about = judged_cases(run.datasets, replies, run.record.scoring, opened.record.profile)
                outcome = runner.run(
                    judge_answers(run.folder, opened, asked_about, options, note=note, progress=progress)
                )
                record = replace(run.record, judge=opened.record)
                run_record.write(run.folder, record)
                score_run(run.folder, replies, run.datasets, record.to_json(), record.scoring)
            done.append((replace(run, record=record), outcome))
        return done


def open_judge_now(options: JudgeOptions, note: Note) -> OpenJudge:
    """`open_judge` outside an event loop."""
    return asyncio.run(open_judge(options, note))


def equate_runs(
    opened: OpenJudge,
    anchors: Path,
    runs: Sequence[Run],
    options: JudgeOptions,
    *,
    note: Note = lambda line: None,
    progress: OnProgress | None = None,
) -> tuple[Equating, Judged]:
    """Compares the judge with the reference judge of an anchor set, and has the runs' numbers equated by it.

    The judge's replies are kept with those of the first run, in `--judgements`, or else in
    runs/equating-ANCHORS.
    """
    found = read_anchors(anchors)
    folder = runs[0].folder if runs else options.judgements or Path("runs") / f"equating-{anchors.stem}"
    equating, outcome = equate(opened, found, folder, options, note=note, progress=progress)
    for run in runs:
        keep(run.folder, equating)
    return equating, outcome
