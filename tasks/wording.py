"""Whose words ask for masks: a model family's, which models.yaml has under `wordings`."""

from __future__ import annotations

from sightbench.errors import UsageError
from sightbench.families import load
from sightbench.tasks.benchmark import Benchmark


def words_for(benchmark: Benchmark) -> tuple[str, ...]:
    """The prompt profiles that have words for a benchmark; none where its questions are its own."""
    if not benchmark.wording:
        return ()
    return tuple(name for name, kinds in load().wordings.items() if benchmark.wording in kinds)


def usual_words(benchmark: Benchmark, profile: str) -> str | None:
    """Whose words go with a profile: its own, or the benchmark's where it only scores. None: nobody's."""
    known = words_for(benchmark)
    return next((name for name in (profile, benchmark.profile) if name in known), None)


def stand_in(benchmark: Benchmark, prompt_profile: str) -> bool:
    """Whether the words are those of a family that publishes nothing on this benchmark."""
    return load().wordings[prompt_profile][benchmark.wording].ours


def words_note(benchmark: Benchmark, profile: str, prompt_profile: str | None, own: str | None) -> str | None:
    """What a reader of the number must know about whose words asked for masks.

    None where they are those of the profile that scores, of the model's family (`own`; None: it has none) and
    of the reference.
    """
    if prompt_profile is None:
        return None
    told = []
    if prompt_profile != profile:
        told.append(f"asked in the words of {prompt_profile}, scored as {profile}")
    if own is None:
        told.append(f"the model's family has no words for masks: those of {prompt_profile} asked")
    elif own not in words_for(benchmark):
        told.append(f"{own}, the model's own words, has none for this set: those of {prompt_profile} asked")
    if stand_in(benchmark, prompt_profile):
        told.append(
            f"{prompt_profile} publishes nothing on this set: its words for other sets, chosen here, asked"
        )
    return "; ".join(told) + "." if told else None


def check_prompt_profile(name: str) -> None:
    """UsageError that lists the prompt profiles for one nobody knows."""
    if name not in load().wordings:
        known = ", ".join(load().wordings)
        raise UsageError(f"--prompt-profile {name}: no words for masks are called that; known: {known}")
