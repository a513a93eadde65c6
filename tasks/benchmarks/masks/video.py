"""Referring and reasoning video object segmentation: the video half of a mask model's table."""

from __future__ import annotations

import posixpath
from functools import partial

from sightbench.tasks.benchmark import Benchmark, Needed
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of
from sightbench.tasks.readers.masks import groundmore, reasonvos, rvos
from sightbench.tasks.readers.masks.rvos import Rvos

FAMILY = "video masks"
EXPRESSIONS = "expressions (JSON)"
JF_METRIC = "J (IoU) and F (boundary, DAVIS) on all frames against the union of the objects meant"
FIRST = "; the first mask of an answer counts, none is an empty mask"
SA2VA = "ByteDance/Sa2VA projects/sa2va/evaluation/"
RVOS_PROMPT = "Please segment {expression}."
REASONING_PROMPT = RVOS_PROMPT + "  (a question: {expression} Please respond with a segmentation mask.)"


def _places(*paths: str) -> tuple[str, ...]:
    """A file in the folders that the references' documents name, and below data/."""
    return tuple(place for path in paths for place in (path, f"data/{path}", f"video_datas/{path}"))


def _files(layouts: tuple[Layout, ...], masks: tuple[str, ...]) -> tuple[Needed, ...]:
    """The list of expressions, and the true masks beside it, which a change of makes another run."""
    found = needed(layouts)
    if not masks:
        return found
    folders = (posixpath.dirname(path) for path in layouts[0].paths)
    beside = dict.fromkeys(posixpath.normpath(f"{folder}/{name}") for folder in folders for name in masks)
    return (*found, Needed("true masks", tuple(name.lstrip("/") for name in beside)))


def _rvos(
    name: str,
    title: str,
    paths: tuple[str, ...],
    rules: Rvos,
    *,
    scorer: str = "rvos",
    headline: str = "J&F, mean over expressions",
    metric: str = JF_METRIC + FIRST,
    reference: str,
    profiles: tuple[str, ...] = ("sa2va", "unipixel", "visa", "lisa"),
    aliases: tuple[str, ...] = (),
    prompt: str = RVOS_PROMPT,
    submission: str | None = None,
) -> Benchmark:
    layouts = (Layout(EXPRESSIONS, _places(*paths), rvos.reader(rules)),)
    return Benchmark(
        name=name,
        title=title,
        family=FAMILY,
        scorers={"masks": scorer},
        read=reader_of(name, layouts),
        files=_files(layouts, rules.masks),
        prompt=prompt,
        headline=headline,
        metric=metric,
        reference=reference,
        profiles=profiles,
        profile=profiles[0],
        aliases=aliases,
        submission=submission,
        wording=rules.kind,
        whole=True,
    )


_mevis = partial(Rvos, "rvos", ("JPEGImages",))
MEVIS = (
    _rvos(
        "mevis-valid-u",
        "MeViS valid_u",
        (
            "mevis/valid_u/meta_expressions.json",
            "MeViS/valid_u/meta_expressions.json",
            "valid_u/meta_expressions.json",
        ),
        _mevis(masks=("mask_dict.json",)),
        reference="henghuiding/MeViS tools/eval_mevis.py",
        aliases=("mevis", "mevis_valid_u", "mevis-val-u"),
    ),
    _rvos(
        "mevis-valid",
        "MeViS valid",
        (
            "mevis/valid/meta_expressions.json",
            "MeViS/valid/meta_expressions.json",
            "valid/meta_expressions.json",
        ),
        _mevis(),
        headline="J&F (evaluation server)",
        metric="hidden gold: a zip of PNGs for the evaluation server",
        reference="henghuiding/MeViS (CodaLab 15094)",
        submission="mevis",
    ),
)

_DAVIS_ROOTS = ("davis17", "ref-davis", "ref_davis", "DAVIS", "rvos_root/davis17", ".")
REF_DAVIS = _rvos(
    "ref-davis17",
    "Ref-DAVIS17 val",
    tuple(f"{root}/meta_expressions/valid/meta_expressions.json".removeprefix("./") for root in _DAVIS_ROOTS),
    Rvos(
        "rvos",
        ("../../valid/JPEGImages", "../../JPEGImages/480p", "../../JPEGImages"),
        ("../../valid/mask_dict.pkl", "../../valid/mask_dict.json", "mask_dict.pkl", "../../mask_dict.pkl"),
        counted=True,
        labels=(
            "../../valid/Annotations",
            "../../Annotations_unsupervised/480p",
            "../../valid/Annotations_unsupervised",
        ),
        annotators=(
            "annotator 1, first frame",
            "annotator 1, full video",
            "annotator 2, first frame",
            "annotator 2, full video",
        ),
    ),
    scorer="ref_davis",
    profiles=("sa2va", "unipixel", "visa", "lisa", "official"),
    headline="J&F, mean over expressions (official: mean of four annotators' results)",
    reference=SA2VA + "sa2va_eval_ref_vos.py",
    aliases=("ref-davis", "ref_davis17", "davis17", "refdavis17"),
)

REF_YOUTUBE_VOS = _rvos(
    "ref-youtube-vos",
    "Ref-YouTube-VOS valid",
    tuple(
        f"{root}meta_expressions/valid/meta_expressions.json"
        for root in (
            "ref-youtube-vos/",
            "ref_youtube_vos/",
            "youtube/",
            "rvos/",
            "rvos_root/ref-youtube-vos/",
        )
    ),
    Rvos("rvos", ("../../valid/JPEGImages",), beside=("../test/meta_expressions.json",)),
    headline="J&F (evaluation server)",
    metric="hidden gold: a zip of PNGs for the evaluation server",
    reference="wjn922/ReferFormer (CodaLab 3282)",
    aliases=("ref-ytvos", "refytvos", "ref-yt-vos"),
    submission="ref-youtube-vos",
)

REVOS = _rvos(
    "revos",
    "ReVOS valid",
    (
        "revos/meta_expressions_valid_.json",
        "ReVOS/meta_expressions_valid_.json",
        "meta_expressions_valid_.json",
    ),
    Rvos(
        "revos",
        (".", "JPEGImages"),
        ("mask_dict.json",),
        types={0: "referring", 1: "reasoning", 2: "no_target"},
        depths=True,
        foreground=("mask_dict_foreground.json",),
        needs_foreground=True,
    ),
    scorer="revos",
    headline="J&F overall: mean of referring and reasoning",
    metric=JF_METRIC + "; A and R of the uint8 masks, 0/1 under sa2va, 0/255 under visa and unipixel" + FIRST,
    reference="cilinyan/VISA tools/eval_revos.py",
    profiles=("sa2va", "sa2va-paper", "visa", "unipixel"),
    prompt=REASONING_PROMPT,
)

REF_SAV = _rvos(
    "ref-sav",
    "Ref-SAV val",
    (
        "ref_sav_eval/meta_expressions_valid.json",
        "ref_sav/valid/meta_expressions_valid.json",
        "ref-sav/meta_expressions_valid.json",
        "meta_expressions_valid.json",
    ),
    Rvos("ref-sav", ("videos", "../videos"), ("mask_dict.json",), types={0: "long", 1: "short"}, depths=True),
    scorer="ref_sav",
    headline="J&F overall: mean of long and short (unipixel: mean over expressions)",
    reference=SA2VA + "ref_sav",
    profiles=("sa2va", "sa2va-paper", "unipixel"),
    aliases=("ref_sav", "refsav"),
    prompt=REASONING_PROMPT,
)

_GROUNDMORE = (
    Layout(
        "questions (JSON)",
        _places("GroundMoRe/test_v2.json", "groundmore/test_v2.json", "test_v2.json"),
        groundmore.read,
    ),
)
GROUNDMORE = Benchmark(
    name="groundmore",
    title="GroundMoRe test",
    family=FAMILY,
    scorers={"masks": "rvos"},
    read=reader_of("groundmore", _GROUNDMORE),
    files=needed(_GROUNDMORE),
    prompt="{question} Please answer the question and provide the segmentation mask.",
    headline="J&F, mean over questions",
    metric=JF_METRIC + ", 20 of a clip; outside the action the truth is empty" + FIRST,
    reference="dengandong/GroundMoRe; PolyU-ChenLab/UniPixel unipixel/eval/eval_groundmore.py",
    profiles=("unipixel", "sa2va"),
    profile="unipixel",
    wording="groundmore",
    whole=True,
)
_REASONVOS = (
    Layout(
        EXPRESSIONS,
        _places("ReasonVOS/meta_expressions.json", "reasonvos/meta_expressions.json"),
        reasonvos.read,
    ),
)
REASONVOS = Benchmark(
    name="reasonvos",
    title="ReasonVOS",
    family=FAMILY,
    scorers={"masks": "rvos"},
    read=reader_of("reasonvos", _REASONVOS),
    files=needed(_REASONVOS),
    prompt="{question}. Please output the segmentation masks.  (a phrase: Please segment the {phrase} ...)",
    headline="J&F, mean over expressions",
    metric=JF_METRIC + FIRST,
    reference="showlab/VideoLISA evaluation/reasonvos",
    profiles=("lisa", "sa2va", "unipixel"),
    profile="lisa",
    wording="reasonvos",
    whole=True,
)

SA2VA_TABLE = (*MEVIS, REF_DAVIS, REF_YOUTUBE_VOS, REVOS, REF_SAV)
UNIPIXEL_TABLE = (*SA2VA_TABLE, GROUNDMORE)
VIDEO: tuple[Benchmark, ...] = (*SA2VA_TABLE, GROUNDMORE, REASONVOS)
