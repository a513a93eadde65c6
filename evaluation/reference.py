"""Datasets as the reference they come from asks the model at hand: wording, room for the answer, tiles."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sightbench.evaluation.selection import Dataset
from sightbench.families import Family, named
from sightbench.tasks.own import OWN
from sightbench.tasks.practice import practice
from sightbench.tasks.wording import stand_in, usual_words, words_for

REASONS = "USE_COT"
UNKNOWN = "a model it has no wrapper for"


def as_reference(
    datasets: Sequence[Dataset],
    family: str | None,
    model: str,
    profile: str | None,
    prompt_profile: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> tuple[tuple[Dataset, ...], list[str]]:
    """The datasets, and a line for every way in which they are asked, naming the benchmarks.

    `model` is its name, with the weights' path if that is known; `profile` was asked for and stays where a
    benchmark has it; so does `prompt_profile`, whose words ask for masks: else the asked profile's, else the
    family's, else the benchmark's, and a line says who has none. USE_COT=1 in the environment is VLMEvalKit's
    way to ask for reasons.
    """
    reasons = environment.get(REASONS) == "1"
    fitted = []
    lines = []
    ways: dict[str, list[str]] = {}
    words: dict[str, list[str]] = {}
    own = None if family is None else named(family).wording
    for dataset in datasets:
        benchmark = dataset.selection.benchmark
        how = practice(benchmark, family or "", model, reasons=reasons)
        told = profile in benchmark.profiles or dataset.profile != benchmark.profile
        wording = dataset.profile if told else how.profile
        if benchmark.wording:
            if profile not in benchmark.profiles and own in benchmark.profiles:
                wording = own
            dataset, line = _worded(dataset, wording, prompt_profile, profile, own)
            words.setdefault(line, []).append(benchmark.name)
        fitted.append(replace(dataset, profile=wording, max_tokens=how.max_tokens, tiles=how.tiles))
        if benchmark.family == OWN:
            lines.append(
                f"{benchmark.name} is a set of your own, judged by {', '.join(benchmark.scorers.values())}"
            )
        if how.max_tokens is None and how.tiles is None:
            continue
        traits = [f"profile {wording}"]
        if how.max_tokens:
            traits.append(f"{how.max_tokens} tokens where the benchmark sets no limit")
        traits += filter(None, [how.serving()])
        whom = UNKNOWN if family in (None, Family().name) else family
        whose = f"as {how.reference} runs {whom}: {', '.join(traits)}"
        ways.setdefault(whose, []).append(benchmark.name)
    lines += [f"{_listed(names)} {whose}" for whose, names in ways.items()]
    lines += [f"{_listed(names)}: {whose}" for whose, names in words.items()]
    if reasons and not any(dataset.profile in ("internvl_cot", "internvl_mpo") for dataset in fitted):
        lines.append(f"{REASONS}=1 changes nothing here; --profile internvl_cot asks for reasons first")
    return tuple(fitted), lines


def _worded(
    dataset: Dataset, scoring: str, asked: str | None, profile: str | None, own: str | None
) -> tuple[Dataset, str]:
    """The dataset in the words that were asked for, of the asked profile, of the model's family (`own`) or of
    the benchmark, whichever there are first; and a line that says whose they are, and who has none."""
    benchmark = dataset.selection.benchmark
    known = words_for(benchmark)
    wanted = [name for name in (asked, profile if profile in benchmark.profiles else None, own) if name]
    words = next((name for name in wanted if name in known), None) or usual_words(benchmark, scoring)
    line = f"words and scoring of {words}" if words == scoring else f"words of {words}, scoring of {scoring}"
    if wanted and wanted[0] not in known:
        line += f"; {wanted[0]} has no words of its own for this"
    elif words is not None and stand_in(benchmark, words):
        line += f"; {words} publishes nothing on this, so its words for other sets stand in"
    return replace(dataset, prompt_profile=words), line


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more
