"""RefCOCO, RefCOCO+ and RefCOCOg: a box for an expression."""

from __future__ import annotations

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import INTERNVL, annotation
from sightbench.tasks.readers import annotated
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of


def _referring(dataset: str, split: str) -> Benchmark:
    name = f"{dataset}-{split}"
    layouts = (
        Layout(
            "expressions (JSON lines)", annotation(f"refcoco/{dataset}_{split}.jsonl"), annotated.referring
        ),
    )
    return Benchmark(
        name=name,
        title=f"{dataset.replace('refcoco', 'RefCOCO')} {split}",
        family="boxes",
        scorers={"text": "box_iou"},
        read=reader_of(name, layouts, 100),
        prompt=prompts.REFER.format("{sent}"),
        headline="Precision@1",
        metric="the predicted box overlaps the gold by IoU 0.5 or more",
        reference=INTERNVL + "refcoco/evaluate_grounding.py",
        files=needed(layouts, "coco/train2014"),
        profiles=("internvl", "vlmevalkit", "lmms_eval"),
        profile="internvl",
        max_tokens=100,
    )


REFCOCO = (
    *(
        _referring(dataset, split)
        for dataset in ("refcoco", "refcoco+")
        for split in ("val", "testA", "testB")
    ),
    *(_referring("refcocog", split) for split in ("val", "test")),
)
