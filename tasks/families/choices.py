"""Multiple choice: MMBench and its circles, MMStar, SEED, AI2D, ScienceQA, MMVP, CRPE."""

from __future__ import annotations

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.families.shape import (
    BY_VLMEVALKIT,
    INTERNVL,
    VLMEVALKIT,
    WRAPPER,
    annotation,
    table_file,
)
from sightbench.tasks.readers import annotated, hub, mmvp, vlmevalkit
from sightbench.tasks.readers.form import Form, needed, reader_of

OPTIONS = {"A": "{A}", "B": "{B}"}
ASKED = prompts.choice("{question}", OPTIONS, "{hint}", "vlmevalkit")
ASKED_INTERNVL = prompts.choice("{question}", OPTIONS, "{hint}", "internvl")
LETTER_RIGHT = "the letter read from the answer is the gold letter"
CIRCLE_RIGHT = "a question counts if it is right under every rotation of its options"
TABLE = "questions and images (TSV)"


def _mmbench_internvl(name: str, file: str, language: str) -> Benchmark:
    instruction = prompts.LETTER_CN if language == "cn" else prompts.LETTER
    forms = (
        Form(
            TABLE,
            annotation(f"mmbench/{file}.tsv"),
            vlmevalkit.table(vlmevalkit.circular_internvl(instruction), hidden="test" in name),
        ),
    )
    return Benchmark(
        name=name,
        title=f"{'CCBench' if 'cc' in name else 'MMBench'} ({file})",
        family="circular choice",
        scorer="circular",
        read=reader_of(name, forms, 100),
        prompt=prompts.options_then("{question}", OPTIONS, "{hint}", instruction),
        headline="circular accuracy",
        metric=CIRCLE_RIGHT,
        reference=INTERNVL + "mmbench/evaluate_mmbench.py; scored as VLMEvalKit does",
        files=needed(forms),
        profiles=WRAPPER,
        profile="internvl",
        scoring=BY_VLMEVALKIT,
        aliases=(file,),
        max_tokens=100,
        submission="mmbench" if "test" in name else None,
    )


def _mmbench(name: str) -> Benchmark:
    forms = (
        Form(
            TABLE,
            table_file(name),
            vlmevalkit.table(vlmevalkit.circular, "MMBench_V11", "MMBench", name, hidden="TEST" in name),
        ),
    )
    return Benchmark(
        name=name,
        title=name.replace("_", " "),
        family="circular choice",
        scorer="circular",
        read=reader_of(name, forms),
        prompt=ASKED,
        headline="circular accuracy",
        metric=CIRCLE_RIGHT,
        reference=VLMEVALKIT + "utils/multiple_choice.py",
        files=needed(forms),
        profiles=WRAPPER,
        profile="vlmevalkit",
        scoring=BY_VLMEVALKIT,
        submission="mmbench" if "TEST" in name else None,
    )


def _table(
    name: str, title: str, scorer: str, *others: Form, profiles: tuple[str, ...] = WRAPPER
) -> Benchmark:
    forms = (Form(TABLE, table_file(name), vlmevalkit.table(vlmevalkit.choice, name)), *others)
    return Benchmark(
        name=name,
        title=title,
        family="choice",
        scorer=scorer,
        read=reader_of(name, forms),
        prompt=ASKED,
        headline="image accuracy" if scorer == "seed" else "accuracy",
        metric=LETTER_RIGHT,
        reference=VLMEVALKIT + "image_mcq.py",
        files=needed(forms),
        profiles=profiles,
        profile="vlmevalkit",
        scoring=BY_VLMEVALKIT,
    )


def _crpe(name: str) -> Benchmark:
    build = vlmevalkit.short(prompts.reasoned, listed=False, reasoned=True)
    forms = (Form(TABLE, table_file(name), vlmevalkit.table(build, name, "CRPE", group_of=4)),)
    return Benchmark(
        name=name,
        title=name.replace("_", " "),
        family="circular choice",
        scorer="crpe",
        read=reader_of(name, forms),
        prompt="{question}",
        headline="total",
        metric="four rows in a row are one item, right if all four are; the reference's letter rule",
        reference=VLMEVALKIT + "utils/crpe.py",
        files=needed(forms, f"images/{name}"),
        profiles=WRAPPER,
        profile="vlmevalkit",
        scoring=BY_VLMEVALKIT,
    )


SCIENCEQA_FORMS = (
    Form("questions (JSON lines)", annotation("scienceqa/scienceqa_test_img.jsonl"), annotated.science_qa),
)
SCIENCEQA = Benchmark(
    name="scienceqa",
    title="ScienceQA test, questions with an image",
    family="choice",
    scorer="scienceqa",
    read=reader_of("scienceqa", SCIENCEQA_FORMS, 100),
    prompt=ASKED_INTERNVL,
    headline="accuracy",
    metric=LETTER_RIGHT,
    reference=INTERNVL + "scienceqa/evaluate_scienceqa.py",
    files=needed(SCIENCEQA_FORMS, "scienceqa"),
    profiles=("internvl", "official", "vlmevalkit", "internvl_cot"),
    profile="internvl",
    scoring={"internvl_cot": "internvl"},
    aliases=("sqa_test",),
    max_tokens=100,
)

SEED_FORMS = (Form("questions (JSON lines)", annotation("SEED/seed.jsonl"), annotated.seed),)
SEED = Benchmark(
    name="seed",
    title="SEED-Bench v1, image questions",
    family="choice",
    scorer="seed",
    read=reader_of("seed", SEED_FORMS, 100),
    prompt="{text}",
    headline="image accuracy",
    metric="the first character of the answer is the gold letter",
    reference=INTERNVL + "seed/calculation.py",
    files=needed(SEED_FORMS, "SEED"),
    profiles=("internvl",),
    profile="internvl",
    aliases=("SEEDv1",),
    max_tokens=100,
)

MMVP_FORMS = (
    Form("Questions.csv", annotation("MMVP/Questions.csv"), mmvp.read),
    Form(TABLE, table_file("MMVP"), vlmevalkit.table(vlmevalkit.choice, group_of=2)),
)
MMVP = Benchmark(
    name="mmvp",
    title="MMVP",
    family="choice pairs",
    scorer="mmvp",
    read=reader_of("mmvp", MMVP_FORMS, 100),
    prompt=prompts.options_then("{question}", {"A": "{a}", "B": "{b}"}, None, prompts.LETTER),
    headline="pair accuracy",
    metric="two rows in a row are a pair, right if both are",
    reference=INTERNVL + "mmvp/evaluate_mmvp.py",
    files=needed(MMVP_FORMS, "MMVP/MMVP Images"),
    profiles=("internvl", "vlmevalkit"),
    profile="internvl",
    max_tokens=100,
)

INTERNVL_SET: tuple[Benchmark, ...] = (
    *(
        _mmbench_internvl(*row)
        for row in (
            ("mmbench-dev-en", "mmbench_dev_20230712", "en"),
            ("mmbench-dev-en-20231003", "mmbench_dev_en_20231003", "en"),
            ("mmbench-dev-cn", "mmbench_dev_cn_20231003", "cn"),
            ("mmbench-test-en", "mmbench_test_en_20231003", "en"),
            ("mmbench-test-cn", "mmbench_test_cn_20231003", "cn"),
            ("ccbench-dev", "CCBench_legacy", "cn"),
        )
    ),
    SCIENCEQA,
    SEED,
    MMVP,
)
VLMEVALKIT_SET: tuple[Benchmark, ...] = (
    *(
        _mmbench(f"MMBench_{split}_{language}{version}")
        for version in ("_V11", "")
        for split in ("DEV", "TEST")
        for language in ("EN", "CN")
    ),
    _mmbench("CCBench"),
    _table(
        *("MMStar", "MMStar", "mmstar"),
        Form("the hub's parquet", ("MMStar", "mmstar"), hub.choice, ("**/*.parquet",)),
        profiles=(*WRAPPER, "official"),
    ),
    _table("AI2D_TEST", "AI2D test", "choice"),
    _table("AI2D_TEST_NO_MASK", "AI2D test, labels not masked", "choice"),
    _table("SEEDBench_IMG", "SEED-Bench, image questions", "seed"),
    _table("ScienceQA_VAL", "ScienceQA val", "scienceqa"),
    _table("ScienceQA_TEST", "ScienceQA test", "scienceqa"),
    _table("RealWorldQA", "RealWorldQA", "choice"),
    _crpe("CRPE_EXIST"),
    _crpe("CRPE_RELATION"),
)
