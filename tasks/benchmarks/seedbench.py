"""SEED-Bench v1, the questions about images."""

from __future__ import annotations

from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import INTERNVL, annotation, choice_table
from sightbench.tasks.readers import annotated
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of

SEED_LAYOUTS = (
    Layout("questions (JSON lines)", annotation("SEED/seed.jsonl"), annotated.seed),
    Layout("the release's SEED-Bench.json", annotation("SEED/SEED-Bench.json"), annotated.seed_release),
)


SEED = Benchmark(
    name="seed",
    title="SEED-Bench v1, image questions",
    family="choice",
    scorers={"text": "seed"},
    read=reader_of("seed", SEED_LAYOUTS, 100),
    prompt="{text}",
    headline="image accuracy",
    metric="the first character of the answer is the gold letter",
    reference=INTERNVL + "seed/calculation.py",
    files=needed(SEED_LAYOUTS, "SEED"),
    profiles=("internvl",),
    profile="internvl",
    aliases=("SEEDv1",),
    max_tokens=100,
)
SEED_TABLE = choice_table("SEEDBench_IMG", "SEED-Bench, image questions", "seed")
