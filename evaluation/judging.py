"""How the samples of a benchmark are judged: by which scorer, under whose rule, and on what."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from sightbench.errors import DatasetError, FieldError
from sightbench.rle import MaskError
from sightbench.sample import Json, Kind, Reply, Sample, StoredMasks
from sightbench.scorers.answer import boxed_or_rest, final_answer, set_aside_reasoning, tagged_or_rest
from sightbench.scorers.masks.truth import TruthOf
from sightbench.scorers.score import Grade
from sightbench.scorers.scorer import Context, Profile, Record, Scorer
from sightbench.scorers.scoring_options import ScoringOptions
from sightbench.scorers.table import SCORERS
from sightbench.tasks.benchmark import Benchmark

Grader = Callable[[Sample, Reply], Grade]


def scorer_of(benchmark: Benchmark, kind: Kind) -> Scorer[Any, Any, Any]:
    """The scorer of a benchmark's samples of a kind."""
    return SCORERS[benchmark.scorers[kind]]


def rule_of(benchmark: Benchmark, profile: str, kind: Kind, masks_as: str | None = None) -> Profile:
    """Whose rule judges samples of a kind that are asked under `profile`; `masks_as` goes first for masks."""
    if kind == "masks" and masks_as is not None:
        return Profile(masks_as)
    return Profile(benchmark.scored_as(profile, kind))


def read_sample(benchmark: Benchmark, profile: str, sample: Sample) -> Record[Any, Any]:
    """What the sample's scorer needs of it. Raises FieldError for a gold or a field that cannot be used."""
    scorer = scorer_of(benchmark, sample.wants)
    return scorer.read(sample.gold, _columns(sample), rule_of(benchmark, profile, sample.wants))


def grader(benchmark: Benchmark, profile: str, options: ScoringOptions, truth: TruthOf) -> Grader:
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

    def grade(sample: Sample, reply: Reply) -> Grade:
        scorer, context = scorer_of(benchmark, sample.wants), contexts[sample.wants]
        if not scorer.needs_gold:
            return Grade(None, None, "ungraded", "needs a judge")
        prediction: Any = reply.masks
        if scorer.kind != "masks":
            prediction = answer_of(sample, reply, options, strict=scorer.strict)
        try:
            record = scorer.read(sample.gold, _columns(sample), context.profile)
            return scorer.grade_record(prediction, record, context)
        except FieldError as error:
            return _ungraded("gold or a field cannot be used", str(error))
        except (MaskError, DatasetError) as error:
            return _ungraded("true masks cannot be read", str(error))
        except Exception as error:  # a scorer's own fault costs one sample, never the report
            return _ungraded("the scorer failed", f"{type(error).__name__}: {error}")

    return grade


def _ungraded(rule: str, reason: str) -> Grade:
    return Grade(None, None, "ungraded", rule, {"reason": " ".join(reason.split())})


def _columns(sample: Sample) -> dict[str, Json]:
    columns = {**sample.meta, "id": sample.id, "category": sample.category}
    if isinstance(sample.gold, StoredMasks):
        columns["num_frames"] = sample.gold.frames
    return columns


def answer_of(sample: Sample, reply: Reply, options: ScoringOptions, *, strict: bool = False) -> str:
    """What an extractor sees of a reply: reasoning set aside, and where the prompt (a sample's `cot`) or the
    model family (`answer`) asked for a marked answer after the reasons, what the mark holds.

    A `strict` scorer keeps the <answer> tag, as Dyn-Bench does; its robust extractor looks into it.
    """
    if options.answer == "answer_tag" and not strict:
        return tagged_or_rest(reply.text or "")
    if options.answer == "boxed":
        return boxed_or_rest(reply.text or "")
    text, _ = set_aside_reasoning(reply.text or "")
    marked = sample.meta.get("cot")
    return final_answer(text, str(marked)) if marked else text
