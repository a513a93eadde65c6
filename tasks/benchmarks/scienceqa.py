"""ScienceQA, the questions with an image."""

from __future__ import annotations

from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import (
    CHOICE_PROMPT_INTERNVL,
    INTERNVL,
    LETTER_RIGHT,
    annotation,
    choice_table,
)
from sightbench.tasks.readers import annotated
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of

SCIENCEQA_LAYOUTS = (
    Layout("questions (JSON lines)", annotation("scienceqa/scienceqa_test_img.jsonl"), annotated.science_qa),
)
SCIENCEQA = Benchmark(
    name="scienceqa",
    title="ScienceQA test, questions with an image",
    family="choice",
    scorers={"text": "scienceqa"},
    read=reader_of("scienceqa", SCIENCEQA_LAYOUTS, 100),
    prompt=CHOICE_PROMPT_INTERNVL,
    headline="accuracy",
    metric=LETTER_RIGHT,
    reference=INTERNVL + "scienceqa/evaluate_scienceqa.py",
    files=needed(SCIENCEQA_LAYOUTS, "scienceqa"),
    profiles=("internvl", "official", "vlmevalkit", "internvl_cot"),
    profile="internvl",
    scoring={"internvl_cot": "internvl"},
    aliases=("sqa_test",),
    max_tokens=100,
)
SCIENCEQA_TABLES = (
    choice_table("ScienceQA_VAL", "ScienceQA val", "scienceqa"),
    choice_table("ScienceQA_TEST", "ScienceQA test", "scienceqa"),
)
