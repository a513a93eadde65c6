"""Captions, boxes, yes/no, mixed questions and the ones a judge grades."""

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
from sightbench.tasks.readers import (
    annotated,
    captions,
    cmmmu,
    hallusionbench,
    mathvista,
    mme,
    mmmu,
    vlmevalkit,
)
from sightbench.tasks.readers.form import Form, needed, reader_of

LINES = "questions (JSON lines)"
TABLE = "questions and images (TSV)"
YES_NO_PROFILES = ("internvl", "official", "vlmevalkit", "lmms_eval")


def _captions(name: str, title: str, file: str, *image_folders: str) -> Benchmark:
    folders = tuple(place for folder in image_folders for place in (f"data/{folder}", folder))
    forms = (Form("captions (JSON)", annotation(file), captions.reader(*folders)),)
    return Benchmark(
        name=name,
        title=title,
        family="captions",
        scorer="caption",
        read=reader_of(name, forms, 30),
        prompt=prompts.CAPTION,
        headline="CIDEr",
        metric="CIDEr-D over the corpus, BLEU-1..4 and ROUGE-L beside it",
        reference=INTERNVL + "caption/evaluate_caption.py; pycocoevalcap",
        files=needed(forms, *image_folders),
        profiles=("internvl", "vlmevalkit"),
        profile="internvl",
        scoring={"internvl": "official", "vlmevalkit": "official"},
        max_tokens=30,
        whole=True,
    )


def _referring(dataset: str, split: str) -> Benchmark:
    name = f"{dataset}-{split}"
    forms = (
        Form("expressions (JSON lines)", annotation(f"refcoco/{dataset}_{split}.jsonl"), annotated.referring),
    )
    return Benchmark(
        name=name,
        title=f"{dataset.replace('refcoco', 'RefCOCO')} {split}",
        family="boxes",
        scorer="box_iou",
        read=reader_of(name, forms, 100),
        prompt=prompts.REFER.format("{sent}"),
        headline="Precision@1",
        metric="the predicted box overlaps the gold by IoU 0.5 or more",
        reference=INTERNVL + "refcoco/evaluate_grounding.py",
        files=needed(forms, "coco/train2014"),
        profiles=("internvl", "vlmevalkit", "lmms_eval"),
        profile="internvl",
        max_tokens=100,
    )


def _mmmu(split: str, *aliases: str) -> Benchmark:
    name = f"mmmu-{'val' if split == 'validation' else split}"
    places = ("data/MMMU/MMMU", "data/MMMU", "MMMU/MMMU", "MMMU", "internvl_chat/data/MMMU", ".")
    forms = (Form("subject folders (parquet)", places, mmmu.reader(split), (f"*/{split}-*.parquet",)),)
    return Benchmark(
        name=name,
        title=f"MMMU {split}",
        family="choice and open",
        scorer="mmmu",
        read=reader_of(name, forms, 10),
        prompt=prompts.options_then(
            "{question}", {"A": "{A}", "B": "{B}"}, None, f"{prompts.LETTER}  (open: {prompts.SHORT})"
        ),
        headline="accuracy over all questions",
        metric="the letter, or one of the numbers and phrases of an open answer, is the gold",
        reference="MMMU-Benchmark/MMMU mmmu/utils/eval_utils.py; " + INTERNVL + "mmmu",
        files=needed(forms),
        profiles=("internvl", "official"),
        profile="internvl",
        max_tokens=10,
        submission="mmmu" if split == "test" else None,
        aliases=aliases,
    )


def _mmmu_table(name: str, title: str, tasks: tuple[str, ...], submission: str | None = None) -> Benchmark:
    forms = (
        Form(TABLE, table_file(name), vlmevalkit.table(vlmevalkit.mmmu_row, hidden=submission is not None)),
    )
    return Benchmark(
        name=name,
        title=title,
        family="choice and open",
        scorer="mmmu",
        read=reader_of(name, forms),
        prompt=prompts.choice("{question}", {"A": "{A}", "B": "{B}"}, None, "vlmevalkit"),
        headline="accuracy on validation" if submission is None else "accuracy on test",
        metric="the letter read from the answer is the gold letter; an open question is gold or other",
        reference=VLMEVALKIT + "image_mcq.py",
        files=needed(forms),
        profiles=(*WRAPPER, "official"),
        profile="vlmevalkit",
        scoring=BY_VLMEVALKIT,
        tasks=tasks,
        submission=submission,
    )


def _mathvista(name: str, split: str, *forms: Form) -> Benchmark:
    places = ("data/MathVista", "MathVista", "AI4Math/MathVista", "data", ".")
    folders = tuple(f"{place}{below}" for place in places for below in ("", "/data"))
    hub = Form(
        "the hub's parquet",
        folders,
        mathvista.hub(split),
        (f"{split}-*.parquet",),
    )
    forms = (*forms, hub)
    return Benchmark(
        name=name,
        title=f"MathVista {split}",
        family="choice and numbers",
        scorer="mathvista",
        read=reader_of(name, forms, prompts.COT_TOKENS),
        prompt="{query}",
        headline="accuracy",
        metric="the extracted answer, normalised by its type, equals the gold",
        reference=INTERNVL + "mathvista/calculate_score.py; lupantech/MathVista evaluation/",
        files=needed(forms, "MathVista/images"),
        profiles=("internvl", "official", "internvl_cot", "vlmevalkit"),
        profile="internvl",
        scoring={"internvl_cot": "internvl"},
        aliases=("mathvista",) if split == "testmini" else (),
        max_tokens=prompts.COT_TOKENS,
    )


MME_FORMS = (
    Form(
        "MME_Benchmark_release_version",
        annotation("mme/MME_Benchmark_release_version"),
        mme.read,
        (*(f"{folder}/*.txt" for folder in mme.LISTS), "*/*.txt", "*/questions_answers_YN/*.txt"),
    ),
    Form(TABLE, table_file("MME"), vlmevalkit.table(vlmevalkit.mme, "MME", group_of=2)),
)
MME = Benchmark(
    name="mme",
    title="MME",
    family="yes or no",
    scorer="mme",
    read=reader_of("mme", MME_FORMS, 20),
    prompt=prompts.mme("{question} Please answer yes or no.", "internvl"),
    headline="perception (of 2000) and cognition (of 800)",
    metric="per category 100 x accuracy + 100 x accuracy of whole pairs, summed",
    reference=INTERNVL + "mme/calculation.py; BradyFU's eval_tool",
    files=needed(MME_FORMS),
    profiles=YES_NO_PROFILES,
    profile="internvl",
    tasks=mme.CATEGORIES,
    max_tokens=20,
)

POPE_FORMS = (
    Form(LINES, annotation("pope/llava_pope_test.jsonl"), annotated.pope),
    Form(TABLE, table_file("POPE"), vlmevalkit.table(vlmevalkit.short(prompts.as_it_is, listed=False))),
)
POPE = Benchmark(
    name="pope",
    title="POPE",
    family="yes or no",
    scorer="pope",
    read=reader_of("pope", POPE_FORMS, 100),
    prompt="{text}  (which ends with: " + prompts.SHORT + ")",
    headline="Overall F1: mean of the three settings' F1",
    metric="F1 with yes as the positive answer, per setting",
    reference=INTERNVL + "pope/eval_pope.py",
    files=needed(POPE_FORMS, "pope/val2014"),
    profiles=(*YES_NO_PROFILES, "internvl_cot"),
    profile="internvl",
    scoring={"internvl_cot": "internvl"},
    tasks=annotated.POPE_CATEGORIES,
    max_tokens=100,
)

HALLUSION_FORMS = (
    Form(TABLE, table_file("HallusionBench"), vlmevalkit.table(vlmevalkit.yes_no)),
    Form(
        "HallusionBench.json",
        ("HallusionBench.json", "HallusionBench/HallusionBench.json"),
        hallusionbench.read,
    ),
)
HALLUSION = Benchmark(
    name="HallusionBench",
    title="HallusionBench, the questions with an image",
    family="yes or no",
    scorer="hallusionbench",
    read=reader_of("HallusionBench", HALLUSION_FORMS),
    prompt=prompts.yes_no("{question}", "internvl"),
    headline="mean of aAcc, fAcc and qAcc",
    metric="right answers; figures and questions with all of theirs right",
    reference=VLMEVALKIT + "utils/yorn.py",
    files=needed(HALLUSION_FORMS, "hallusion_bench"),
    profiles=WRAPPER,
    profile="internvl",
    scoring=BY_VLMEVALKIT,
)

CMMMU_FORMS = (
    Form(TABLE, table_file("CMMMU_VAL"), vlmevalkit.table(vlmevalkit.cmmmu_row)),
    Form(
        "questions (JSON lines), images beside them",
        ("cmmmu-data-val", "cmmmu-data-dev", "CMMMU", "data/CMMMU", "cmmmu"),
        cmmmu.read,
        ("**/*.jsonl",),
    ),
)
CMMMU = Benchmark(
    name="CMMMU_VAL",
    title="CMMMU",
    family="choice and open",
    scorer="cmmmu",
    read=reader_of("CMMMU_VAL", CMMMU_FORMS),
    prompt="{question}\n{options}\n" + " | ".join(f"({kind}) {text}" for kind, text in prompts.CMMMU.items()),
    headline="accuracy over all questions",
    metric="all letters of a choice, 对 or 错, or a blank's number or phrase",
    reference="CMMMU-Benchmark/CMMMU eval/; " + VLMEVALKIT + "cmmmu.py",
    files=needed(CMMMU_FORMS),
    profiles=("official", "vlmevalkit"),
    profile="official",
    aliases=("cmmmu", "cmmmu-val"),
)

MMVET_FORMS = (
    Form(LINES, annotation("mm-vet/llava-mm-vet.jsonl"), annotated.mm_vet),
    Form("mm-vet.json", annotation("mm-vet/mm-vet.json"), annotated.mm_vet_gold),
    Form(TABLE, table_file("MMVet"), vlmevalkit.table(vlmevalkit.mm_vet)),
)
MMVET = Benchmark(
    name="mmvet",
    title="MM-Vet",
    family="judged",
    scorer="mmvet_judge",
    read=reader_of("mmvet", MMVET_FORMS, 1000),
    prompt="{text} ",
    headline="total",
    metric="a judge's mark from 0 to 1, by capability",
    reference="yuweihao/MM-Vet; " + INTERNVL + "mmvet",
    files=needed(MMVET_FORMS, "mm-vet/images"),
    profiles=("official", "vlmevalkit", "lmms_eval", "internvl", "internvl_cot"),
    profile="internvl",
    scoring={"internvl": "official", "internvl_cot": "vlmevalkit"},
    max_tokens=1000,
)

LLAVA_FORMS = (
    Form(LINES, annotation("llava-bench-in-the-wild/questions.jsonl"), annotated.llava_bench),
    Form(TABLE, table_file("LLaVABench"), vlmevalkit.table(vlmevalkit.llava_bench)),
)
LLAVA_BENCH = Benchmark(
    name="llava-bench",
    title="LLaVA-Bench in the wild",
    family="judged",
    scorer="llava_bench_judge",
    read=reader_of("llava-bench", LLAVA_FORMS, 1000),
    prompt="{text}" + prompts.DETAIL,
    headline="relative score: mean of the model's marks over mean of GPT-4's",
    metric="a judge's two marks from 1 to 10",
    reference=INTERNVL + "llava_bench",
    files=needed(LLAVA_FORMS, "llava-bench-in-the-wild/images"),
    profiles=("internvl", "vlmevalkit"),
    profile="internvl",
    aliases=("LLaVABench",),
    max_tokens=1000,
)

MATHVISTA_MINI = Form(TABLE, table_file("MathVista_MINI"), vlmevalkit.table(vlmevalkit.math_vista))
MATHVISTA_REPOSITORY = Form(
    "testmini.json and query.json",
    ("MathVista/data/testmini.json", "data/testmini.json", "testmini.json"),
    mathvista.repository,
)

INTERNVL_SET: tuple[Benchmark, ...] = (
    _captions(
        "caption-coco", "COCO captions, Karpathy test", "coco/annotations/coco_karpathy_test.json", "coco"
    ),
    _captions(
        "caption-flickr30k", "Flickr30K captions", "flickr30k/flickr30k_test_karpathy.json", "flickr30k"
    ),
    _captions("caption-nocaps", "NoCaps val", "nocaps/nocaps_val_4500_captions.json", "nocaps/images"),
    *(
        _referring(dataset, split)
        for dataset in ("refcoco", "refcoco+")
        for split in ("val", "testA", "testB")
    ),
    *(_referring("refcocog", split) for split in ("val", "test")),
    MME,
    POPE,
    _mmmu("dev"),
    _mmmu("validation", "mmmu"),
    _mmmu("test"),
    CMMMU,
    LLAVA_BENCH,
    MMVET,
    _mathvista("mathvista-testmini", "testmini", MATHVISTA_REPOSITORY),
    _mathvista("mathvista-test", "test"),
)
VLMEVALKIT_SET: tuple[Benchmark, ...] = (
    HALLUSION,
    _mmmu_table("MMMU_DEV_VAL", "MMMU dev and validation, VLMEvalKit's table", ("dev", "validation")),
    _mmmu_table("MMMU_TEST", "MMMU test, VLMEvalKit's table", (), "mmmu"),
    Benchmark(
        name="MathVista_MINI",
        title="MathVista testmini, VLMEvalKit's table",
        family="choice and numbers",
        scorer="mathvista",
        read=reader_of("MathVista_MINI", (MATHVISTA_MINI,), prompts.COT_TOKENS),
        prompt="{question}",
        headline="accuracy",
        metric="the extracted answer equals the gold",
        reference=VLMEVALKIT + "utils/mathvista.py",
        files=needed((MATHVISTA_MINI,)),
        profiles=(*WRAPPER, "official"),
        profile="vlmevalkit",
        scoring=BY_VLMEVALKIT,
        max_tokens=prompts.COT_TOKENS,
    ),
)
