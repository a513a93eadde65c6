"""MMBench and CCBench: every question under all rotations of its options."""

from __future__ import annotations

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import (
    BY_VLMEVALKIT,
    CHOICE_PROMPT,
    CIRCLE_RIGHT,
    INTERNVL,
    OPTIONS,
    TABLE,
    VLMEVALKIT,
    WRAPPER,
    annotation,
    table_file,
)
from sightbench.tasks.readers import vlmevalkit
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of


def _mmbench_internvl(name: str, file: str, language: str) -> Benchmark:
    instruction = prompts.LETTER_CN if language == "cn" else prompts.LETTER
    layouts = (
        Layout(
            TABLE,
            annotation(f"mmbench/{file}.tsv"),
            vlmevalkit.table(vlmevalkit.circular_internvl(instruction), hidden="test" in name),
        ),
    )
    return Benchmark(
        name=name,
        title=f"{'CCBench' if 'cc' in name else 'MMBench'} ({file})",
        family="circular choice",
        scorers={"text": "circular"},
        read=reader_of(name, layouts, 100),
        prompt=prompts.options_then("{question}", OPTIONS, "{hint}", instruction),
        headline="circular accuracy",
        metric=CIRCLE_RIGHT,
        reference=INTERNVL + "mmbench/evaluate_mmbench.py; scored as VLMEvalKit does",
        files=needed(layouts),
        profiles=WRAPPER,
        profile="internvl",
        scoring=BY_VLMEVALKIT,
        aliases=(file,),
        max_tokens=100,
        submission="mmbench" if "test" in name else None,
    )


def _mmbench(name: str) -> Benchmark:
    layouts = (
        Layout(
            TABLE,
            table_file(name),
            vlmevalkit.table(vlmevalkit.circular, "MMBench_V11", "MMBench", name, hidden="TEST" in name),
        ),
    )
    return Benchmark(
        name=name,
        title=name.replace("_", " "),
        family="circular choice",
        scorers={"text": "circular"},
        read=reader_of(name, layouts),
        prompt=CHOICE_PROMPT,
        headline="circular accuracy",
        metric=CIRCLE_RIGHT,
        reference=VLMEVALKIT + "utils/multiple_choice.py",
        files=needed(layouts),
        profiles=WRAPPER,
        profile="vlmevalkit",
        scoring=BY_VLMEVALKIT,
        submission="mmbench" if "TEST" in name else None,
    )


INTERNVL_FILES = tuple(
    _mmbench_internvl(*row)
    for row in (
        ("mmbench-dev-en", "mmbench_dev_20230712", "en"),
        ("mmbench-dev-en-20231003", "mmbench_dev_en_20231003", "en"),
        ("mmbench-dev-cn", "mmbench_dev_cn_20231003", "cn"),
        ("mmbench-test-en", "mmbench_test_en_20231003", "en"),
        ("mmbench-test-cn", "mmbench_test_cn_20231003", "cn"),
        ("ccbench-dev", "CCBench_legacy", "cn"),
    )
)
TABLES = (
    *(
        _mmbench(f"MMBench_{split}_{language}{version}")
        for version in ("_V11", "")
        for split in ("DEV", "TEST")
        for language in ("EN", "CN")
    ),
    _mmbench("CCBench"),
)
