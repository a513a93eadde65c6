"""Captions: COCO, Flickr30K, NoCaps."""

from __future__ import annotations

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import INTERNVL, annotation
from sightbench.tasks.readers import captions
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of


def _captions(name: str, title: str, file: str, *image_folders: str) -> Benchmark:
    folders = tuple(place for folder in image_folders for place in (f"data/{folder}", folder))
    layouts = (Layout("captions (JSON)", annotation(file), captions.reader(*folders)),)
    return Benchmark(
        name=name,
        title=title,
        family="captions",
        scorers={"text": "caption"},
        read=reader_of(name, layouts, 30),
        prompt=prompts.CAPTION,
        headline="CIDEr",
        metric="CIDEr-D over the corpus, BLEU-1..4 and ROUGE-L beside it",
        reference=INTERNVL + "caption/evaluate_caption.py; pycocoevalcap",
        files=needed(layouts, *image_folders),
        profiles=("internvl", "vlmevalkit"),
        profile="internvl",
        scoring={"internvl": "official"},
        max_tokens=30,
        whole=True,
    )


CAPTIONS = (
    _captions(
        "caption-coco", "COCO captions, Karpathy test", "coco/annotations/coco_karpathy_test.json", "coco"
    ),
    _captions(
        "caption-flickr30k", "Flickr30K captions", "flickr30k/flickr30k_test_karpathy.json", "flickr30k"
    ),
    _captions("caption-nocaps", "NoCaps val", "nocaps/nocaps_val_4500_captions.json", "nocaps/images"),
)
