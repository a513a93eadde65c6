"""Verdicts as the report page shows them: beside the answer, with what the judge was shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sightbench.evaluation.judges.cases import Ask, cases
from sightbench.evaluation.judges.summing import named
from sightbench.evaluation.judges.verdicts import verdicts_in
from sightbench.evaluation.run import Run
from sightbench.reports.entry import Verdict
from sightbench.sample import Reply, Sample
from sightbench.scorers.score import Score

Shown = Callable[[Sample, Reply | None, Score], Verdict | None]


@contextmanager
def shown_verdicts(run: Run) -> Iterator[Shown]:
    """Gives a function: (sample, its reply, its score) -> the verdict that was scored, None where no judge
    was asked."""
    with verdicts_in(run.folder, run.record.judge) as verdicts:
        which: dict[str, Ask] = {}
        if verdicts is not None:
            for dataset in run.datasets:
                benchmark = dataset.selection.benchmark
                which[benchmark.name] = cases(
                    benchmark, dataset.profile, run.record.scoring, verdicts.judge.profile
                )

        def shown(sample: Sample, reply: Reply | None, score: Score) -> Verdict | None:
            told = score.detail.get("judge")
            ask = which.get(sample.benchmark) or next(iter(which.values()), None)
            asked = None if told is None or reply is None or ask is None else ask(sample, reply)
            if asked is None or verdicts is None:
                return None
            form, case = asked
            said = verdicts.of(form, case)
            attempt = form.tries[max(0, said.tries - 1)]
            text = None if said.reply is None else said.reply.text or said.reply.refusal
            return Verdict(
                named(verdicts), form.name, said.outcome, said.tries, text, form.turns(case, attempt)
            )

        yield shown
