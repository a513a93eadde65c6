"""POPE: is the object there?"""

from __future__ import annotations

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import INTERNVL, LINES, TABLE, YES_NO_PROFILES, annotation, table_file
from sightbench.tasks.readers import annotated, vlmevalkit
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of

POPE_LAYOUTS = (
    Layout(LINES, annotation("pope/llava_pope_test.jsonl"), annotated.pope),
    Layout(TABLE, table_file("POPE"), vlmevalkit.table(vlmevalkit.short(prompts.as_it_is, listed=False))),
)
POPE = Benchmark(
    name="pope",
    title="POPE",
    family="yes or no",
    scorers={"text": "pope"},
    read=reader_of("pope", POPE_LAYOUTS, 100),
    prompt="{text}  (which ends with: " + prompts.SHORT + ")",
    headline="Overall F1: mean of the three settings' F1",
    metric="F1 with yes as the positive answer, per setting",
    reference=INTERNVL + "pope/eval_pope.py",
    files=needed(POPE_LAYOUTS, "pope/val2014"),
    profiles=(*YES_NO_PROFILES, "internvl_cot"),
    profile="internvl",
    scoring={"internvl_cot": "internvl"},
    tasks=annotated.POPE_CATEGORIES,
    max_tokens=100,
)
