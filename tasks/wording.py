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


def check_prompt_profile(name: str) -> None:
    """UsageError that lists the prompt profiles for one nobody knows."""
    if name not in load().wordings:
        known = ", ".join(load().wordings)
        raise UsageError(f"--prompt-profile {name}: no words for masks are called that; known: {known}")
