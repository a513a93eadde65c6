"""MME: fourteen categories of yes or no."""

from __future__ import annotations

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import INTERNVL, TABLE, YES_NO_PROFILES, annotation, table_file
from sightbench.tasks.readers import mme, vlmevalkit
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of

MME_LAYOUTS = (
    Layout(
        "MME_Benchmark_release_version",
        annotation("mme/MME_Benchmark_release_version", "mme/MME_Benchmark_release"),
        mme.read,
        (*(f"{folder}/*.txt" for folder in mme.LISTS), "*/*.txt", "*/questions_answers_YN/*.txt"),
    ),
    Layout(TABLE, table_file("MME"), vlmevalkit.table(vlmevalkit.mme, "MME", group_of=2)),
)
MME = Benchmark(
    name="mme",
    title="MME",
    family="yes or no",
    scorers={"text": "mme"},
    read=reader_of("mme", MME_LAYOUTS, 20),
    prompt=prompts.mme("{question} Please answer yes or no.", "internvl"),
    headline="perception (of 2000) and cognition (of 800)",
    metric="per category 100 x accuracy + 100 x accuracy of whole pairs, summed",
    reference=INTERNVL + "mme/calculation.py; BradyFU's eval_tool",
    files=needed(MME_LAYOUTS),
    profiles=YES_NO_PROFILES,
    profile="internvl",
    tasks=mme.CATEGORIES,
    max_tokens=20,
)
