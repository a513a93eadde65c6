"""How the samples of a benchmark are judged: by which scorer, under whose rule, and on what."""

from __future__ import annotations

from typing import Any

from sightbench.sample import NO_VALUE, Json, Kind, Reply, Sample, StoredMasks
from sightbench.scorers.answer import boxed_or_rest, final_answer, set_aside_reasoning, tagged_or_rest
from sightbench.scorers.scorer import Context, Profile, Record, Scorer
from sightbench.scorers.scoring_options import ScoringOptions
from sightbench.scorers.table import SCORERS
from sightbench.tasks.benchmark import Benchmark


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
    return scorer.read(sample.gold, columns_of(sample), rule_of(benchmark, profile, sample.wants))


def columns_of(sample: Sample) -> dict[str, Json]:
    """The sample's own columns, as its scorer's fields are decoded from."""
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


def as_saved(answer: str, rule: Profile) -> str:
    """What a rule judges of a run's answer. VLMEvalKit saves answers in a table and reads it with pandas, to
    which some words are no value, and no value is the text "nan"."""
    return "nan" if rule is Profile.VLMEVALKIT and answer in NO_VALUE else answer


def extracted(benchmark: Benchmark, sample: Sample, reply: Reply | None, context: Context) -> Any:
    """What the masks of a reply are read as: None of a failed request, empty where nothing can be read."""
    if reply is None or reply.status == "error":
        return None
    scorer = scorer_of(benchmark, "masks")
    record = scorer.read(sample.gold, columns_of(sample), context.profile)
    return scorer.extract(reply.masks, record.fields, context).answer or ()
