"""MMMU and CMMMU: college exams, choice and open."""

from __future__ import annotations

from dataclasses import replace

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import BY_VLMEVALKIT, INTERNVL, TABLE, VLMEVALKIT, WRAPPER, table_file
from sightbench.tasks.readers import cmmmu, mmmu, vlmevalkit
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of


def _mmmu(split: str, *aliases: str) -> Benchmark:
    name = f"mmmu-{'val' if split == 'validation' else split}"
    homes = ("data/MMMU/MMMU", "data/MMMU", "MMMU/MMMU", "MMMU", "internvl_chat/data/MMMU")
    places = (*homes, *(home.replace("MMMU", "mmmu") for home in homes), ".")
    layouts = (Layout("subject folders (parquet)", places, mmmu.reader(split), (f"*/{split}-*.parquet",)),)
    return Benchmark(
        name=name,
        title=f"MMMU {split}",
        family="choice and open",
        scorers={"text": "mmmu"},
        read=reader_of(name, layouts, 10),
        prompt=prompts.options_then(
            "{question}", {"A": "{A}", "B": "{B}"}, None, f"{prompts.LETTER}  (open: {prompts.SHORT})"
        ),
        headline="accuracy over all questions",
        metric="the letter, or one of the numbers and phrases of an open answer, is the gold",
        reference="MMMU-Benchmark/MMMU mmmu/utils/eval_utils.py; " + INTERNVL + "mmmu",
        files=needed(layouts),
        profiles=("internvl", "official"),
        profile="internvl",
        max_tokens=10,
        submission="mmmu" if split == "test" else None,
        aliases=aliases,
    )


def _mmmu_table(name: str, title: str, tasks: tuple[str, ...], submission: str | None = None) -> Benchmark:
    layouts = (
        Layout(TABLE, table_file(name), vlmevalkit.table(vlmevalkit.mmmu_row, hidden=submission is not None)),
    )
    return Benchmark(
        name=name,
        title=title,
        family="choice and open",
        scorers={"text": "mmmu"},
        read=reader_of(name, layouts),
        prompt=prompts.choice("{question}", {"A": "{A}", "B": "{B}"}, None, "vlmevalkit"),
        headline="accuracy on validation" if submission is None else "accuracy on test",
        metric="the letter read from the answer is the gold letter; an open question is gold or other",
        reference=VLMEVALKIT + "image_mcq.py",
        files=needed(layouts),
        profiles=(*WRAPPER, "official"),
        profile="vlmevalkit",
        scoring=BY_VLMEVALKIT,
        tasks=tasks,
        submission=submission,
    )


CMMMU_LAYOUTS = (
    Layout(TABLE, table_file("CMMMU_VAL"), vlmevalkit.table(vlmevalkit.cmmmu_row)),
    Layout(
        "questions (JSON lines), images beside them",
        (
            *("cmmmu-data-val", "CMMMU/cmmmu-data-val", "data/CMMMU/cmmmu-data-val"),
            *("cmmmu-data-dev", "CMMMU", "data/CMMMU", "cmmmu"),
        ),
        cmmmu.read,
        ("**/*.jsonl",),
    ),
)
CMMMU = Benchmark(
    name="CMMMU_VAL",
    title="CMMMU",
    family="choice and open",
    scorers={"text": "cmmmu"},
    read=reader_of("CMMMU_VAL", CMMMU_LAYOUTS),
    prompt="{question}\n{options}\n" + " | ".join(f"({kind}) {text}" for kind, text in prompts.CMMMU.items()),
    headline="accuracy over all questions",
    metric="all letters of a choice, 对 or 错, or a blank's number or phrase",
    reference="CMMMU-Benchmark/CMMMU eval/; " + VLMEVALKIT + "cmmmu.py",
    files=needed(CMMMU_LAYOUTS),
    profiles=("official", "vlmevalkit"),
    profile="official",
    aliases=("cmmmu", "cmmmu-val"),
)


MMMU = (_mmmu("dev"), _mmmu("validation", "mmmu"), _mmmu("test"))
MMMU_TABLES = (
    _mmmu_table("MMMU_DEV_VAL", "MMMU dev and validation, VLMEvalKit's table", ("dev", "validation")),
    _mmmu_table("MMMU_TEST", "MMMU test, VLMEvalKit's table", (), "mmmu"),
)
CMMMU_TEST_LAYOUTS = (
    Layout(
        "questions (JSON lines), images beside them",
        ("cmmmu-data-test", "data/cmmmu-data-test", "CMMMU/cmmmu-data-test", "data/CMMMU/cmmmu-data-test"),
        cmmmu.hidden,
        ("**/*.jsonl",),
    ),
)
CMMMU_TEST = replace(
    CMMMU,
    name="CMMMU_TEST",
    title="CMMMU test",
    read=reader_of("CMMMU_TEST", CMMMU_TEST_LAYOUTS),
    files=needed(CMMMU_TEST_LAYOUTS),
    aliases=("cmmmu-test",),
    submission="cmmmu",
)
