"""Short answers: VQA, documents, charts, OCR, and the exact-match sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import (
    BY_VLMEVALKIT,
    INTERNVL,
    SHORT_PROFILES,
    VLMEVALKIT,
    WRAPPER,
    annotation,
    table_file,
)
from sightbench.tasks.readers import annotated, ocrbench, tiny_lvlm, vlmevalkit
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of

METRICS = {
    "vqa_accuracy": "soft accuracy against ten annotators: 0.3 for each that agrees, at most 1",
    "vizwiz_accuracy": "soft accuracy against ten annotators: 0.3 for each that agrees, at most 1",
    "anls": "1 - normalised edit distance to the nearest gold answer, 0 below one half",
    "relaxed_accuracy": "a number within 5 %, else the same text",
    "exact_match": "the same text, white space around it and case aside",
    "ai2d": "the same letter, white space around it and case aside",
    "gqa": "the same text",
    "ocrbench": "the gold text is contained in the answer; points of 1000",
    "tiny_lvlm": "the gold is a word of the answer; sum of five abilities' accuracies, of 500",
}
HEADLINES = {"anls": "ANLS", "ocrbench": "Final Score", "tiny_lvlm": "sum of five abilities"}


AS_INTERNVL = MappingProxyType({"lmms_eval": "internvl"})
"""Where lmms-eval's task counts as InternVL's script does: with the m4c evaluator, which its VQAv2 alone has
not."""


@dataclass(frozen=True, slots=True)
class Split:
    """One of InternVL's vqa data sets: annotation file, gold annotations, and what differs from VQAv2."""

    name: str
    title: str
    file: str
    """Below data/; alternatives are apart by a bar."""
    scorer: str = "vqa_accuracy"
    gold: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    prompt: annotated.Prompt = prompts.short
    tokens: int = 10
    submission: str | None = None
    hidden: bool = False
    unique: bool = True
    scoring: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


SPLITS = (
    Split(
        *("vqa-vqav2-val", "VQAv2 val", "vqav2/vqav2_val.jsonl"),
        gold=("vqav2/v2_mscoco_val2014_annotations.json",),
        aliases=("vqav2_val", "vqav2"),
    ),
    Split(
        *("vqa-vqav2-testdev", "VQAv2 test-dev", "vqav2/vqav2_testdev.jsonl"),
        hidden=True,
        submission="vqav2",
        aliases=("vqav2_testdev",),
    ),
    Split(
        *("vqa-okvqa-val", "OK-VQA val", "okvqa/okvqa_val.jsonl"),
        gold=("okvqa/mscoco_val2014_annotations.json",),
        prompt=prompts.ok_vqa,
        scoring=AS_INTERNVL,
        aliases=("okvqa_val", "okvqa"),
    ),
    Split(
        *("vqa-textvqa-val", "TextVQA val", "textvqa/textvqa_val.jsonl"),
        gold=("textvqa/textvqa_val_annotations.json",),
        prompt=prompts.text_vqa,
        scoring=AS_INTERNVL,
        aliases=("textvqa_val", "textvqa"),
    ),
    Split(
        *("vqa-textvqa-val-ocr", "TextVQA val with OCR tokens", "textvqa/textvqa_val_llava.jsonl"),
        gold=("textvqa/textvqa_val_annotations.json",),
        prompt=prompts.text_vqa,
        scoring=AS_INTERNVL,
        aliases=("textvqa_val_ocr",),
    ),
    Split(
        *("vqa-vizwiz-val", "VizWiz val", "vizwiz/vizwiz_val.jsonl", "vizwiz_accuracy"),
        gold=("vizwiz/vizwiz_val_annotations.json",),
        prompt=prompts.vizwiz,
        scoring=AS_INTERNVL,
        aliases=("vizwiz_val", "vizwiz"),
    ),
    Split(
        *("vqa-vizwiz-test", "VizWiz test", "vizwiz/vizwiz_test.jsonl", "vizwiz_accuracy"),
        prompt=prompts.vizwiz,
        hidden=True,
        submission="vizwiz",
        aliases=("vizwiz_test",),
    ),
    Split(
        *("vqa-docvqa-val", "DocVQA val", "docvqa/val.jsonl", "anls"),
        gold=("docvqa/val/val_v1.0.json",),
        tokens=100,
        aliases=("docvqa_val", "docvqa"),
    ),
    Split(
        *("vqa-docvqa-test", "DocVQA test", "docvqa/test.jsonl", "anls"),
        tokens=100,
        hidden=True,
        submission="docvqa",
        aliases=("docvqa_test",),
    ),
    Split(
        *("vqa-infovqa-val", "InfographicVQA val", "infographicsvqa/val.jsonl", "anls"),
        gold=("infographicsvqa/infographicsVQA_val_v1.0_withQT.json",),
        tokens=100,
        aliases=("infographicsvqa_val", "infovqa"),
    ),
    Split(
        *("vqa-infovqa-test", "InfographicVQA test", "infographicsvqa/test.jsonl", "anls"),
        tokens=100,
        hidden=True,
        submission="docvqa",
        aliases=("infographicsvqa_test",),
    ),
    Split(
        *(
            "vqa-gqa-testdev",
            "GQA test-dev, balanced",
            "gqa/llava_gqa_testdev_balanced_qwen_format.jsonl|gqa/testdev_balanced.jsonl|gqa/test_balanced.jsonl",
            "gqa",
        ),
        types=("gqa/testdev_balanced_questions.json",),
        submission="gqa",
        aliases=("gqa_testdev", "gqa_testdev_llava", "gqa"),
    ),
    Split(
        *("vqa-ocrvqa-val", "OCR-VQA val", "ocrvqa/ocrvqa_val.jsonl", "exact_match"),
        tokens=100,
        aliases=("ocrvqa_val",),
    ),
    Split(
        *("vqa-ocrvqa-test", "OCR-VQA test", "ocrvqa/ocrvqa_test.jsonl", "exact_match"),
        tokens=100,
        aliases=("ocrvqa_test", "ocrvqa"),
    ),
    Split(
        *(
            "vqa-ai2d-test",
            "AI2D test, as InternVL asks it",
            "ai2diagram/test_vlmevalkit.jsonl|ai2diagram/test.jsonl",
            "ai2d",
        ),
        prompt=prompts.as_it_is,
        unique=False,
        aliases=("ai2diagram_test", "ai2d"),
    ),
)


TABLE_ROWS = (
    ("TextVQA_VAL", "TextVQA val", "vqa_accuracy"),
    ("DocVQA_VAL", "DocVQA val", "anls"),
    ("DocVQA_TEST", "DocVQA test", "anls"),
    ("InfoVQA_VAL", "InfographicVQA val", "anls"),
    ("InfoVQA_TEST", "InfographicVQA test", "anls"),
    ("ChartQA_TEST", "ChartQA test", "relaxed_accuracy"),
    ("OCRVQA_TESTCORE", "OCR-VQA test core", "exact_match"),
    ("GQA_TestDev_Balanced", "GQA test-dev, balanced", "gqa"),
)


def _split(split: Split) -> Benchmark:
    read = annotated.short_answers(
        split.prompt,
        annotation(*split.gold),
        hidden=split.hidden,
        unique=split.unique,
        types=annotation(*split.types),
    )
    layouts = (Layout("questions (JSON lines)", annotation(*split.file.split("|")), read),)
    return _benchmark(
        split.name,
        split.title,
        split.scorer,
        layouts,
        images=(split.file.split("/")[0],),
        reference=INTERNVL + "vqa/evaluate_vqa.py",
        prompt=split.prompt,
        profiles=SHORT_PROFILES,
        profile="internvl",
        tokens=split.tokens,
        submission=split.submission,
        aliases=split.aliases,
        scoring=split.scoring,
    )


def _table(name: str, title: str, scorer: str) -> Benchmark:
    hidden = name in ("DocVQA_TEST", "InfoVQA_TEST")
    prompt = prompts.text_vqa if name == "TextVQA_VAL" else prompts.short
    read = vlmevalkit.table(vlmevalkit.short(prompt), hidden=hidden)
    layouts = (Layout("questions and images (TSV)", table_file(name), read),)
    return _benchmark(
        name,
        f"{title}, VLMEvalKit's table",
        scorer,
        layouts,
        reference=VLMEVALKIT + "image_vqa.py",
        profiles=SHORT_PROFILES,
        profile="vlmevalkit",
        submission="docvqa" if hidden else None,
        scoring=AS_INTERNVL if name == "TextVQA_VAL" else {},
    )


def _benchmark(
    name: str,
    title: str,
    scorer: str,
    layouts: tuple[Layout, ...],
    *,
    reference: str,
    prompt: annotated.Prompt = prompts.short,
    profiles: tuple[str, ...],
    profile: str,
    images: tuple[str, ...] = (),
    tokens: int | None = None,
    submission: str | None = None,
    aliases: tuple[str, ...] = (),
    tasks: tuple[str, ...] = (),
    scoring: Mapping[str, str] = MappingProxyType({}),
) -> Benchmark:
    return Benchmark(
        name=name,
        title=title,
        family="short answers",
        scorers={"text": scorer},
        read=reader_of(name, layouts, tokens),
        prompt=prompt("{question}", profile),
        headline=HEADLINES.get(scorer, "accuracy"),
        metric=METRICS[scorer],
        reference=reference,
        files=needed(layouts, *images),
        profiles=profiles,
        profile=profile,
        aliases=aliases,
        tasks=tasks,
        max_tokens=tokens,
        submission=submission,
        scoring=scoring,
    )


CHARTQA = _benchmark(
    "vqa-chartqa-test",
    "ChartQA test, human and augmented",
    "relaxed_accuracy",
    (
        Layout(
            "test_human and test_augmented (JSON lines or the release's JSON)",
            (
                *annotation("chartqa/test_human.jsonl"),
                "test_human.json",
                "test/test_human.json",
                "chartqa/test_human.json",
            ),
            annotated.chart_qa,
        ),
    ),
    images=("chartqa",),
    reference=INTERNVL + "vqa/evaluate_vqa.py",
    profiles=SHORT_PROFILES,
    profile="internvl",
    tokens=100,
    aliases=("chartqa_test", "chartqa"),
    tasks=("human", "augmented"),
)
OCRBENCH = _benchmark(
    "OCRBench",
    "OCRBench",
    "ocrbench",
    (
        Layout(
            "questions and images (TSV)",
            table_file("OCRBench"),
            vlmevalkit.table(vlmevalkit.short(prompts.ocr_bench)),
        ),
        Layout("OCRBench.json", ("OCRBench/OCRBench.json", "OCRBench.json"), ocrbench.read),
    ),
    images=("OCRBench_Images",),
    reference=VLMEVALKIT + "utils/ocrbench.py",
    prompt=prompts.ocr_bench,
    profiles=WRAPPER,
    profile="internvl",
    scoring=BY_VLMEVALKIT,
)
TINY_LVLM = _benchmark(
    "tiny_lvlm",
    "Tiny LVLM-eHub",
    "tiny_lvlm",
    (
        Layout(
            "dataset.json of five abilities, images beside it",
            annotation("tiny_lvlm/updated_datasets"),
            tiny_lvlm.read,
            ("*/dataset.json",),
        ),
    ),
    reference=INTERNVL + "tiny_lvlm/tools.py",
    profiles=("internvl",),
    profile="internvl",
    tokens=30,
    aliases=("tiny-lvlm-ehub",),
)


INTERNVL_FILES = (*map(_split, SPLITS), CHARTQA, TINY_LVLM)
TABLES = (OCRBENCH, *(_table(*row) for row in TABLE_ROWS))
