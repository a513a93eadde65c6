"""The stage between replies and scores: the answers no rule decides, with controls among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sightbench.client.journal import JUDGEMENTS, Journal
from sightbench.evaluation.judges.ask import Judged, Note, OnProgress, OpenJudge, ask_judge
from sightbench.evaluation.judges.controls import Asked, card, controls, keep
from sightbench.evaluation.judges.options import JudgeOptions
from sightbench.evaluation.judges.verdicts import Verdicts


async def judge_answers(
    folder: Path,
    judge: OpenJudge,
    asked_about: Sequence[Asked],
    options: JudgeOptions,
    *,
    note: Note,
    progress: OnProgress | None = None,
) -> Judged:
    """Asks about the answers and about one control item for every twenty of them, and leaves the judge's card
    in the folder. Raises RunFolderError where the judgements cannot be written."""
    made = controls(asked_about)
    everything = [*asked_about, *(control.asked for control in made)]
    outcome = await ask_judge(folder, judge, everything, options, note=note, progress=progress)
    with Journal.open(folder, write=False, name=JUDGEMENTS) as journal:
        keep(folder, card(judge.record, Verdicts(judge.record, journal.read), asked_about, made))
    return replace(outcome, cases=len(asked_about), controls=len(made))
