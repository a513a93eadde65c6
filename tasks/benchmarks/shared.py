"""What the rows share: where files lie, which profiles go together, a table of choices."""

from __future__ import annotations

from types import MappingProxyType

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.readers import vlmevalkit
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of

SHORT_PROFILES = ("internvl", "official", "vlmevalkit", "lmms_eval")
WRAPPER = ("vlmevalkit", "internvl", "internvl_cot", "internvl_mpo")
"""VLMEvalKit's own prompt, and what its InternVL wrapper asks instead; all scored by VLMEvalKit."""
BY_VLMEVALKIT = MappingProxyType(dict.fromkeys(WRAPPER, "vlmevalkit"))
YES_NO_PROFILES = ("internvl", "official", "vlmevalkit", "lmms_eval")
INTERNVL = "OpenGVLab/InternVL internvl_chat/eval/"
VLMEVALKIT = "open-compass/VLMEvalKit vlmeval/dataset/"
TABLE = "questions and images (TSV)"
LINES = "questions (JSON lines)"
OPTIONS = {"A": "{A}", "B": "{B}"}
CHOICE_PROMPT = prompts.choice("{question}", OPTIONS, "{hint}", "vlmevalkit")
CHOICE_PROMPT_INTERNVL = prompts.choice("{question}", OPTIONS, "{hint}", "internvl")
LETTER_RIGHT = "the letter read from the answer is the gold letter"
CIRCLE_RIGHT = "a question counts if it is right under every rotation of its options"


def annotation(*names: str) -> tuple[str, ...]:
    """Where InternVL's files may lie: below internvl_chat/, its data/, or the data set's own folder."""
    return tuple(
        place
        for name in names
        for place in (f"data/{name}", name, name.split("/", 1)[-1], f"internvl_chat/data/{name}")
    )


def table_file(*names: str) -> tuple[str, ...]:
    """Where VLMEvalKit's tables may lie; *_local.tsv is what it makes of those above 1 GB."""
    return tuple(
        f"{folder}{name}{suffix}.tsv"
        for name in names
        for folder in ("", "LMUData/", "data/")
        for suffix in ("", "_local")
    )


def choice_table(
    name: str, title: str, scorer: str, *others: Layout, profiles: tuple[str, ...] = WRAPPER
) -> Benchmark:
    layouts = (Layout(TABLE, table_file(name), vlmevalkit.table(vlmevalkit.choice, name)), *others)
    return Benchmark(
        name=name,
        title=title,
        family="choice",
        scorers={"text": scorer},
        read=reader_of(name, layouts),
        prompt=CHOICE_PROMPT,
        headline="image accuracy" if scorer == "seed" else "accuracy",
        metric=LETTER_RIGHT,
        reference=VLMEVALKIT + "image_mcq.py",
        files=needed(layouts),
        profiles=profiles,
        profile="vlmevalkit",
        scoring=BY_VLMEVALKIT,
    )
