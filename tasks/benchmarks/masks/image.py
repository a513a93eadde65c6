"""Referring and reasoning segmentation of images: the image half of a mask model's table."""

from __future__ import annotations

from sightbench.tasks.benchmark import Benchmark, Needed
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of
from sightbench.tasks.readers.masks import gcg, reasonseg, refer

FAMILY = "image masks"
ROOTS = ("", "refer_seg/", "ref_seg/", "data/", "data/ref_seg/", "data/refer_seg/")
IMAGES = tuple(f"{root}{folder}" for folder in refer.IMAGES for root in ("", "data/", "refer_seg/"))
IOU = "cIoU: all intersections over all unions; gIoU: the mean IoU of expressions"
SPLITS = {
    "refcoco": ("refs(unc).p", ("val", "testA", "testB")),
    "refcoco+": ("refs(unc).p", ("val", "testA", "testB")),
    "refcocog": ("refs(umd).p", ("val", "test")),
}


def _files(layouts: tuple[Layout, ...], dataset: str) -> tuple[Needed, ...]:
    return (
        *needed(layouts),
        Needed("instances (COCO)", tuple(f"{root}{dataset}/instances.json" for root in ROOTS)),
        Needed("images", IMAGES, media=True),
    )


def _referring(dataset: str, split: str) -> Benchmark:
    name = f"{dataset}-seg-{split}"
    file = SPLITS[dataset][0]
    paths = tuple(f"{root}{dataset}/{file}" for root in ROOTS)
    layouts = (Layout("references (pickle)", paths, refer.reader(split)),)
    return Benchmark(
        name=name,
        title=f"{dataset.replace('refcoco', 'RefCOCO')} {split} (masks)",
        family=FAMILY,
        scorers={"masks": "ciou"},
        read=reader_of(name, layouts),
        prompt="Please segment {sent} in this image.",
        headline="cIoU",
        metric=f"{IOU}; sa2va: all masks of an answer together, the others: the first",
        reference="ByteDance/Sa2VA projects/sa2va/evaluation/sa2va_eval_refcoco.py; lichengunc/refer",
        files=_files(layouts, dataset),
        profiles=("sa2va", "sa2va-paper", "lisa", "unipixel"),
        profile="sa2va",
        wording="res",
        aliases=(f"{dataset}-{split}-seg",),
        whole=True,
    )


def _generalised(split: str) -> Benchmark:
    name = f"grefcoco-{split}"
    paths = tuple(f"{root}grefcoco/grefs(unc).{end}" for root in ROOTS for end in ("json", "p"))
    layouts = (Layout("references", paths, refer.reader(split, generalised=True)),)
    return Benchmark(
        name=name,
        title=f"gRefCOCO {split}",
        family=FAMILY,
        scorers={"masks": "gres"},
        read=reader_of(name, layouts),
        prompt="Please segment {sent} in this image.",
        headline="gIoU",
        metric=f"{IOU}; no target: 1 if none is shown, else 0; N-acc, T-acc, Pr@0.7-0.9",
        reference="henghuiding/ReLA gres_model/evaluation/refer_evaluation.py",
        files=_files(layouts, "grefcoco"),
        profiles=("sa2va", "unipixel", "lisa"),
        profile="sa2va",
        wording="res",
        scoring={"lisa": "unipixel"},
        whole=True,
    )


def _reasoning(split: str) -> Benchmark:
    name = f"reasonseg-{split}"
    paths = tuple(f"{root}ReasonSeg/{split}" for root in ("", "reason_seg/", "data/", "reasonseg/"))
    layouts = (Layout("images and questions", paths, reasonseg.read, ("*.json",)),)
    return Benchmark(
        name=name,
        title=f"ReasonSeg {split}",
        family=FAMILY,
        scorers={"masks": "giou"},
        read=reader_of(name, layouts),
        prompt="{text} Please output segmentation mask.  (a phrase: What is {text} in this image? ...)",
        headline="gIoU",
        metric=f"{IOU}, without the pixels that are ignored (unipixel: they are background)",
        reference="dvlab-research/LISA train_ds.py (validate), utils/data_processing.py",
        files=needed(layouts),
        profiles=("lisa", "unipixel", "sa2va"),
        profile="lisa",
        wording="reasonseg",
        aliases=(f"reason-seg-{split}",),
        whole=True,
    )


def _described(split: str) -> Benchmark:
    name = f"gcg-{split}"
    folders = ("annotations/val_test/", "annotations/gcg_val_test/", "")
    trees = ("", "GranDf/", "glamm_data/")
    paths = tuple(f"{tree}{folder}{split}_gcg_coco_mask_gt.json" for tree in trees for folder in folders)
    layouts = (Layout("true masks (COCO)", paths, gcg.read),)
    return Benchmark(
        name=name,
        title=f"GCG {split} (GranD-f)",
        family=FAMILY,
        scorers={"masks": "gcg"},
        read=reader_of(name, layouts),
        prompt="Could you please give me a brief description of the image? ... segmentation masks ...",
        headline="AP50",
        metric="AP50 and mIoU of the masks; phrases and captions (Recall, METEOR, CIDEr) are not judged",
        reference="mbzuai-oryx/groundingLMM eval/gcg",
        files=(*needed(layouts), Needed("images", gcg.IMAGES, media=True)),
        profiles=("sa2va",),
        profile="sa2va",
        wording="gcg",
        whole=True,
    )


REFCOCO = tuple(_referring(dataset, split) for dataset, (_, splits) in SPLITS.items() for split in splits)
GREFCOCO = tuple(_generalised(split) for split in ("val", "testA", "testB"))
REASONSEG = tuple(_reasoning(split) for split in ("val", "test"))
GCG = tuple(_described(split) for split in ("val", "test"))
IMAGE: tuple[Benchmark, ...] = (*REFCOCO, *GREFCOCO, *REASONSEG, *GCG)
