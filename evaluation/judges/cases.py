"""Which answers a judge is asked about: those that the reference's rule cannot decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sightbench.errors import UsageError
from sightbench.evaluation.judging import answer_of, as_saved, columns_of, rule_of, scorer_of
from sightbench.sample import Gold, Reply, Sample
from sightbench.scorers.fields import Fields
from sightbench.scorers.judged.form import Case, Form, text_of
from sightbench.scorers.judged.judges import JUDGES
from sightbench.scorers.judged.row import Judge
from sightbench.scorers.scorer import Context
from sightbench.scorers.scoring_options import ScoringOptions
from sightbench.tasks.benchmark import Benchmark

Ask = Callable[[Sample, Reply], tuple[Form, Case] | None]
"""(sample, its reply) -> the form a judge is asked in and the case it is shown; None: the rule decides."""


def judge_of(benchmark: Benchmark) -> Judge | None:
    """The table's judge of a benchmark's answers; None where its rule always decides."""
    return JUDGES.get(benchmark.scorers.get("text", ""))


def form_of(benchmark: Benchmark, profile: str, wanted: str) -> Form | None:
    """The form that `wanted` (a judge's profile) stands for; None for a benchmark without a judge.

    Raises UsageError where the benchmark's judge has no such form.
    """
    judge = judge_of(benchmark)
    if judge is None:
        return None
    try:
        return judge.form(wanted, rule_of(benchmark, profile, "text"))
    except KeyError:
        known = ", ".join(judge.forms)
        raise UsageError(f"--judge-profile {wanted}: the judge of {benchmark.name} has {known}") from None


def cases(benchmark: Benchmark, profile: str, options: ScoringOptions, wanted: str) -> Ask:
    """Which answers to a benchmark's samples a judge decides. The function raises FieldError for a gold or
    a field that cannot be used."""
    judge, form = judge_of(benchmark), form_of(benchmark, profile, wanted)
    if judge is None or form is None:
        return lambda sample, reply: None
    scorer = scorer_of(benchmark, "text")
    # The draw for an answer nobody can read is made once, when it is scored.
    context = Context(rule_of(benchmark, profile, "text"), replace(options, unparsed="wrong"))

    def ask(sample: Sample, reply: Reply) -> tuple[Form, Case] | None:
        if sample.wants != "text" or sample.gold is None or reply.status != "ok":
            return None
        answer = answer_of(sample, reply, options, strict=scorer.strict)
        record = scorer.read(sample.gold, columns_of(sample), context.profile)
        if judge.undecided is not None:
            grade = scorer.grade_record(as_saved(answer, context.profile), record, context)
            if not judge.undecided(grade, record.fields, context.profile):
                return None
        return form, Case(sample, answer, _options(sample.gold, record.fields))

    return ask


def _options(gold: Gold, fields: Fields) -> Mapping[str, str]:
    """The options a judge may choose from; VLMEvalKit makes two of an open MMMU question."""
    if getattr(fields, "multiple", True):
        options: Any = getattr(fields, "choices", None)
        return options or {}
    return {"A": text_of(gold), "B": "Other Answers"}
