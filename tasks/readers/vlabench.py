"""VLABench planning: six dimensions of tasks, each example two pictures and an instruction.

    <dimension>/<task>/example<k>/input/{input.png, input_mask.png, instruction.txt}
    <dimension>/<task>/example<k>/output/operation_sequence.json

The opening prompt is VLABench's own eval_vlm_en.txt, read from the data or from $VLABENCH_ROOT.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from sightbench.errors import DatasetError, UsageError
from sightbench.sample import Image, Part, Sample, Text, Turn
from sightbench.tasks.benchmark import load_json
from sightbench.tasks.prompts import COT_TOKENS
from sightbench.tasks.readers.files.disk import find
from sightbench.tasks.readers.files.layout import Source

DIMENSIONS = {
    "M&T": ("M&T",),
    "CommonSense": ("CommonSense", "CommenSence"),
    "Semantic": ("Semantic",),
    "Spatial": ("Spatial",),
    "PhysicsLaw": ("PhysicsLaw", "PhysicalLaw"),
    "Complex": ("Complex",),
}
"""Dimension -> the names its folder has in the copies that are about."""
STAR = ("cook_dishes", "texas_holdem")
"""Tasks whose skills may come in any order (seq_independent_task.json)."""
PROMPTS = (
    *("eval_vlm_en.txt", "configs/prompt/eval_vlm_en.txt", "VLABench/configs/prompt/eval_vlm_en.txt"),
    *("../eval_vlm_en.txt", "../../eval_vlm_en.txt"),
)
MAX_TOKENS = 512


def read(source: Source) -> Iterator[Sample]:
    """Samples `<dimension>/<task>/example<k>`; task and category are the dimension."""
    opening = _opening(source)
    for dimension, names in DIMENSIONS.items():
        folder = find(source.path, names)
        if folder is None:
            source.problems.skip("dimensions that have no folder", source.path / dimension)
            continue
        for task in sorted(path for path in folder.iterdir() if path.is_dir()):
            for example in sorted(task.glob("example*"), key=_number):
                sample = _example(dimension, task.name, example, opening, source)
                if sample is not None:
                    yield sample


def _opening(source: Source) -> str:
    configured = os.environ.get("VLABENCH_ROOT")
    path = find(source.path, PROMPTS) or find(source.data, PROMPTS)
    if path is None and configured:
        path = find(Path(configured), PROMPTS)
    if path is None:
        raise UsageError(
            f"VLABench's prompt eval_vlm_en.txt is not below {source.data}: copy it there from "
            "VLABench/configs/prompt/, or set VLABENCH_ROOT"
        )
    return path.read_text(encoding="utf-8")


def _example(dimension: str, task: str, folder: Path, opening: str, source: Source) -> Sample | None:
    picture = find(folder, ("input/input.png",))
    tagged = find(folder, ("input/input_mask.png", "input/input_gt.png"))
    instruction = find(folder, ("input/instruction.txt",))
    answer = find(folder, ("output/operation_sequence.json",))
    if picture is None or tagged is None or instruction is None or answer is None:
        missing = {"input.png": picture, "input_mask.png": tagged, "instruction.txt": instruction}
        absent = [
            name for name, path in {**missing, "operation_sequence.json": answer}.items() if path is None
        ]
        source.problems.broke(f"has no {', '.join(absent)}", folder)
        return None
    try:
        steps = load_json(answer)["skill_sequence"]
    except DatasetError as error:
        source.problems.broken.append(error)
        return None
    except (KeyError, TypeError):
        source.problems.broke("has no skill_sequence", answer)
        return None
    wanted = instruction.read_text(encoding="utf-8")
    closing: tuple[Part, ...] = (Text("Please give the output skill sequence"),)
    if source.profile == "cot":
        closing += (Text("Please analyze the problem step by step and give the answer"),)
    return Sample(
        id=f"{dimension}/{task}/{folder.name}",
        benchmark="",
        task=dimension,
        category=dimension,
        turns=(
            Turn(
                "user",
                (
                    *(Text(opening), Text("Input picture"), Image(picture)),
                    *(Text("Input picture with numbered tags"), Image(tagged)),
                    *(Text("Language instruction:"), Text(wanted)),
                    *closing,
                ),
            ),
        ),
        gold=steps,
        max_tokens=COT_TOKENS if source.profile == "cot" else MAX_TOKENS,
        meta={
            "task": task,
            "dimension": dimension,
            "dependency": "Seq-independent" if task in STAR else "Sequential",
            "instruction": wanted,
        },
    )


def _number(path: Path) -> tuple[int, str]:
    digits = re.search(r"\d+", path.name)
    return (int(digits[0]) if digits else -1, path.name)
