"""HallusionBench: yes or no about figures that mislead."""

from __future__ import annotations

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import BY_VLMEVALKIT, TABLE, VLMEVALKIT, WRAPPER, table_file
from sightbench.tasks.readers import hallusionbench, vlmevalkit
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of

HALLUSION_LAYOUTS = (
    Layout(TABLE, table_file("HallusionBench"), vlmevalkit.table(vlmevalkit.yes_no)),
    Layout(
        "HallusionBench.json",
        ("HallusionBench.json", "HallusionBench/HallusionBench.json"),
        hallusionbench.read,
    ),
)
HALLUSION = Benchmark(
    name="HallusionBench",
    title="HallusionBench, the questions with an image",
    family="yes or no",
    scorers={"text": "hallusionbench"},
    read=reader_of("HallusionBench", HALLUSION_LAYOUTS),
    prompt=prompts.yes_no("{question}", "internvl"),
    headline="mean of aAcc, fAcc and qAcc",
    metric="right answers; figures and questions with all of theirs right",
    reference=VLMEVALKIT + "utils/yorn.py",
    files=needed(HALLUSION_LAYOUTS, "hallusion_bench"),
    profiles=WRAPPER,
    profile="internvl",
    scoring=BY_VLMEVALKIT,
)
