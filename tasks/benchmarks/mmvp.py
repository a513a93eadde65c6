"""MMVP: pairs of questions about two images that look alike to CLIP."""

from __future__ import annotations

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import INTERNVL, TABLE, annotation, table_file
from sightbench.tasks.readers import mmvp, vlmevalkit
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of

MMVP_LAYOUTS = (
    Layout("Questions.csv", annotation("MMVP/Questions.csv"), mmvp.read),
    Layout(TABLE, table_file("MMVP"), vlmevalkit.table(vlmevalkit.choice, group_of=2)),
)
MMVP = Benchmark(
    name="mmvp",
    title="MMVP",
    family="choice pairs",
    scorers={"text": "mmvp"},
    read=reader_of("mmvp", MMVP_LAYOUTS, 100),
    prompt=prompts.options_then("{question}", {"A": "{a}", "B": "{b}"}, None, prompts.LETTER),
    headline="pair accuracy",
    metric="two rows in a row are a pair, right if both are",
    reference=INTERNVL + "mmvp/evaluate_mmvp.py",
    files=needed(MMVP_LAYOUTS, "MMVP/MMVP Images"),
    profiles=("internvl", "vlmevalkit"),
    profile="internvl",
    max_tokens=100,
)
