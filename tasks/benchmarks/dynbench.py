"""Dyn-Bench, and the synthetic scenes in the same files: questions about videos, and masks."""

from __future__ import annotations

from functools import partial

from sightbench.tasks.benchmark import Benchmark, Needed
from sightbench.tasks.prompts import LETTER
from sightbench.tasks.readers import dynbench

VIDEO_TREE = (
    Needed("questions", ("multi_json/*/*.json",)),
    Needed("frames", ("frames/*/*/*",), media=True),
    Needed("masks (for the mask tasks)", ("masks/*/*/*",), media=True),
)

SUBSETS = {"qa": dynbench.QA_TASKS, "mask": dynbench.MASK_TASKS, "objqa": ("qa",)}
"""`qa` is all questions, so those between objects, whose file suffix is `qa` too, are `objqa`."""

DYNBENCH = Benchmark(
    name="dynbench",
    title="Dyn-Bench",
    family="video choice and masks",
    scorers={"text": "dynbench_qa", "masks": "jf"},
    definition="dynbench",
    aggregate="dynbench",
    mask_tasks=dynbench.MASK_TASKS,
    read=dynbench.read,
    reads_tasks=True,
    own_ids=True,
    prompt="{question}\n{options}\n" + LETTER + "  (masks: {question} alone)",
    headline="Overall: mean of the three categories' QA accuracy and J&F",
    metric="QA: the answer's first word is the gold letter. Masks: J (IoU) and F (boundary), averaged "
    "over frames, J&F their mean",
    reference="LilyYang0504/Bench utils/cal_metrics.py",
    files=VIDEO_TREE,
    aliases=("Dyn-Bench", "dyn-bench"),
    tasks=dynbench.QA_TASKS + dynbench.MASK_TASKS,
    subsets=SUBSETS,
    task_names={"objqa" if task == "qa" else task: (task,) for task in dynbench.CATEGORIES},
)

SYNTHETIC = Benchmark(
    name="synthetic",
    title="Synthetic scenes",
    family=DYNBENCH.family,
    scorers=DYNBENCH.scorers,
    definition=DYNBENCH.definition,
    aggregate=DYNBENCH.aggregate,
    mask_tasks=DYNBENCH.mask_tasks,
    read=partial(dynbench.read, benchmark="synthetic"),
    reads_tasks=True,
    own_ids=True,
    prompt=DYNBENCH.prompt,
    headline=DYNBENCH.headline,
    metric=DYNBENCH.metric,
    reference=DYNBENCH.reference,
    files=VIDEO_TREE,
    tasks=DYNBENCH.tasks,
    subsets=SUBSETS,
)

GROUPS = {"all": ("dynbench",), "qa": ("dynbench-qa",), "mask": ("dynbench-mask",)}
