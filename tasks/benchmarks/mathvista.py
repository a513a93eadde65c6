"""MathVista: choice, numbers and lists about figures."""

from __future__ import annotations

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import (
    BY_VLMEVALKIT,
    INTERNVL,
    TABLE,
    VLMEVALKIT,
    WRAPPER,
    annotation,
    table_file,
)
from sightbench.tasks.readers import mathvista, vlmevalkit
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of


def _mathvista(name: str, split: str, *layouts: Layout) -> Benchmark:
    places = ("data/MathVista", "MathVista", "AI4Math/MathVista", "data", ".")
    folders = tuple(f"{place}{below}" for place in places for below in ("", "/data"))
    hub = Layout(
        "the hub's parquet",
        folders,
        mathvista.hub(split),
        (f"{split}-*.parquet",),
    )
    layouts = (*layouts[:1], hub, *layouts[1:])
    return Benchmark(
        name=name,
        title=f"MathVista {split}",
        family="choice and numbers",
        scorers={"text": "mathvista"},
        read=reader_of(name, layouts, prompts.COT_TOKENS),
        prompt="{query}",
        headline="accuracy",
        metric="the extracted answer, normalised by its type, equals the gold",
        reference=INTERNVL + "mathvista/calculate_score.py; lupantech/MathVista evaluation/",
        files=needed(layouts, "MathVista/images"),
        profiles=("internvl", "official", "internvl_cot", "vlmevalkit"),
        profile="internvl",
        scoring={"internvl_cot": "internvl"},
        aliases=("mathvista",) if split == "testmini" else (),
        submission="mathvista" if split == "test" else None,
        max_tokens=prompts.COT_TOKENS,
    )


MATHVISTA_REPOSITORY = Layout(
    "testmini.json and query.json",
    ("MathVista/data/testmini.json", "data/testmini.json", "testmini.json"),
    mathvista.repository,
)
MATHVISTA_ANNOTATIONS = Layout(
    "annot_testmini.json and images",
    annotation("MathVista/annot_testmini.json"),
    mathvista.repository,
)
MATHVISTA = (
    _mathvista("mathvista-testmini", "testmini", MATHVISTA_REPOSITORY, MATHVISTA_ANNOTATIONS),
    _mathvista("mathvista-test", "test"),
)

MINI_TABLE = Layout(TABLE, table_file("MathVista_MINI"), vlmevalkit.table(vlmevalkit.math_vista))
MATHVISTA_MINI = Benchmark(
    name="MathVista_MINI",
    title="MathVista testmini, VLMEvalKit's table",
    family="choice and numbers",
    scorers={"text": "mathvista"},
    read=reader_of("MathVista_MINI", (MINI_TABLE,), prompts.COT_TOKENS),
    prompt="{question}",
    headline="accuracy",
    metric="the extracted answer equals the gold",
    reference=VLMEVALKIT + "utils/mathvista.py",
    files=needed((MINI_TABLE,)),
    profiles=(*WRAPPER, "official"),
    profile="vlmevalkit",
    scoring=BY_VLMEVALKIT,
    max_tokens=prompts.COT_TOKENS,
)
