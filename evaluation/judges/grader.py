"""From a reply to a grade: by the benchmark's rule, and by a judge's verdict where the rule cannot decide."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sightbench.errors import DatasetError, FieldError
from sightbench.evaluation.judges.cases import cases
from sightbench.evaluation.judges.verdicts import Verdict, Verdicts
from sightbench.evaluation.judging import answer_of, as_saved, columns_of, rule_of, scorer_of
from sightbench.rle import MaskError
from sightbench.sample import Reply, Sample
from sightbench.scorers.judged.form import NOTHING, Case, Form
from sightbench.scorers.judged.mmscan import MMSCAN_JUDGE
from sightbench.scorers.masks.truth import TruthOf
from sightbench.scorers.score import Grade
from sightbench.scorers.scorer import Context, Profile, Scorer
from sightbench.scorers.scoring_options import ScoringOptions
from sightbench.tasks.benchmark import Benchmark

Grader = Callable[[Sample, Reply], Grade]


def grader(
    benchmark: Benchmark,
    profile: str,
    options: ScoringOptions,
    truth: TruthOf,
    verdicts: Verdicts | None = None,
) -> Grader:
    """The function that judges replies to a benchmark's samples, in file order; `truth` reads true masks.

    It never raises: a sample that its scorer cannot judge is `ungraded`, and its detail says why.
    """
    contexts = {
        kind: Context(
            rule_of(benchmark, profile, kind, options.masks_as),
            options,
            # One generator through the file, as the references draw.
            random.Random(options.seed) if options.unparsed == "random" else None,
            truth,
        )
        for kind in benchmark.scorers
    }
    ask = cases(benchmark, profile, options, verdicts.judge.profile) if verdicts is not None else None

    def grade(sample: Sample, reply: Reply) -> Grade:
        scorer, context = scorer_of(benchmark, sample.wants), contexts[sample.wants]
        try:
            asked = None if ask is None else ask(sample, reply)
            if asked is None and not scorer.needs_gold:
                return Grade(None, None, "ungraded", "needs a judge")
            if asked is not None and verdicts is not None:
                return judged(verdicts.of(*asked), *asked, scorer, context)
            prediction: Any = reply.masks
            if scorer.kind != "masks":
                answer = answer_of(sample, reply, options, strict=scorer.strict)
                prediction = as_saved(answer, context.profile)
            record = scorer.read(sample.gold, columns_of(sample), context.profile)
            return scorer.grade_record(prediction, record, context)
        except FieldError as error:
            return _ungraded("gold or a field cannot be used", str(error))
        except (MaskError, DatasetError) as error:
            return _ungraded("true masks cannot be read", str(error))
        except Exception as error:  # a scorer's own fault costs one sample, never the report
            return _ungraded("the scorer failed", f"{type(error).__name__}: {error}")

    return grade


def judged(
    verdict: Verdict, form: Form, case: Case, scorer: Scorer[Any, Any, Any], context: Context
) -> Grade:
    """The grade that a verdict comes to. Without one the answer is `ungraded`, never a number."""
    told = {
        "form": form.name, "outcome": verdict.outcome, "key": verdict.key, "tries": verdict.tries
    }  # fmt: skip
    sample, columns = case.sample, columns_of(case.sample)
    if form.use == "beside":
        record = scorer.read(sample.gold, columns, context.profile)
        grade = scorer.grade_record(as_saved(case.answer, context.profile), record, context)
        points = (
            None if verdict.text is None else MMSCAN_JUDGE.grade(verdict.text, None, {}, Profile.OFFICIAL)
        )
        if points is not None and points.status == "scored":
            told["key_points"] = points.value
        return replace(grade, detail={**grade.detail, "judge": told})
    if verdict.text is None:
        grade = Grade(None, None, "ungraded", verdict.outcome)
    elif form.use == "correctness":
        grade = Grade(float(verdict.text == "correct"), verdict.text)
    elif verdict.text == NOTHING and form.strict:
        grade = Grade(0.0, None, "unparsed", "there is no answer in it")
    elif form.use == "extraction":
        record = scorer.read(sample.gold, {**columns, "extraction": verdict.text}, context.profile)
        grade = scorer.grade_record(as_saved(case.answer, context.profile), record, context)
    else:
        record = scorer.read(sample.gold, columns, context.profile)
        grade = scorer.grade_record(verdict.text, record, context)
    rule = f"judge: {grade.rule}" if grade.rule else "judge"
    return replace(grade, rule=rule, detail={**grade.detail, "judge": told})


def _ungraded(rule: str, reason: str) -> Grade:
    return Grade(None, None, "ungraded", rule, {"reason": " ".join(reason.split())})
