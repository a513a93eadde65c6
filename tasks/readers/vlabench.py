"""VLABench planning: six dimensions of tasks, each example two pictures and an instruction.

    <dimension>/<task>/example<k>/input/{input.png, input_mask.png, instruction.txt}
    <dimension>/<task>/example<k>/output/operation_sequence.json

The opening prompt is VLABench's own eval_vlm_en.txt, read from the data or from $VLABENCH_ROOT.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightbench.errors import DatasetError, UsageError
from sightbench.sample import Image, Part, Sample, Text, Turn
from sightbench.tasks.benchmark import Problems, load_json
from sightbench.tasks.prompts import COT_TOKENS
from sightbench.tasks.readers.files import jsonl, shapes
from sightbench.tasks.readers.files.disk import find, images
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
PLACES = ("", "configs/prompt/", "VLABench/configs/prompt/", "../", "../../")
PROMPTS = tuple(f"{place}eval_vlm_en.txt" for place in PLACES)
PROFILES = (
    *("official", "cot", "one_shot", "one_shot_cot"),
    *("zh", "zh_cot", "one_shot_zh", "one_shot_zh_cot"),
)
"""With reasons, with one solved example before the question, in Chinese; as the reference's
--with-cot, --few-shot-num 1 and language."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What stands between the pictures, in one language; `shot` are the four texts of a solved example."""

    shot: tuple[str, str, str, str]
    picture: str
    tagged: str
    instruction: str
    please: str
    reasons: str


WORDINGS = {
    "en": Wording(
        (
            *("Example 0 input picture:", "Example 0 input picture with numbered tags"),
            *("Example 0 language instruction:", "Example 0 output skill sequence"),
        ),
        *("Input picture", "Input picture with numbered tags", "Language instruction:"),
        "Please give the output skill sequence",
        "Please analyze the problem step by step and give the answer",
    ),
    "zh": Wording(
        ("示范0输入图片:", "示范0输入带编号标签的图片", "示范0语言指令:", "示范0输出技能序列"),
        *("输入图片", "输入带编号标签的图片", "语言指令:"),
        "请你给出输出的技能序列",
        "请一步一步分析问题最后给出答案",
    ),
}
MAX_TOKENS = 512


def read(source: Source) -> Iterator[Sample]:
    """Samples `<dimension>/<task>/example<k>`; task and category are the dimension."""
    opening = _opening(source)
    for dimension, names in DIMENSIONS.items():
        folder = find(source.path, names)
        if folder is None:
            source.problems.skip("dimensions that have no folder", source.path / dimension)
            continue
        tasks = sorted(path for path in folder.iterdir() if path.is_dir())
        others = [example for task in tasks for example in sorted(task.glob("example*"), key=_number)]
        for task in tasks:
            for example in sorted(task.glob("example*"), key=_number):
                sample = _example(dimension, task.name, example, opening, source, others)
                if sample is not None:
                    yield sample


def _language(source: Source) -> str:
    return "zh" if "zh" in source.profile.split("_") else "en"


def _opening(source: Source) -> str:
    language = _language(source)
    names = tuple(f"{place}eval_vlm_{language}.txt" for place in PLACES)
    configured = os.environ.get("VLABENCH_ROOT")
    path = find(source.path, names) or find(source.data, names)
    if path is None and configured:
        path = find(Path(configured), names)
    if path is None:
        raise UsageError(
            f"VLABench's prompt eval_vlm_{language}.txt is not below {source.data}: copy it there from "
            "VLABench/configs/prompt/, or set VLABENCH_ROOT"
        )
    return path.read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Example:
    """One example of a task: two pictures, an instruction, and the file with its solution."""

    folder: Path
    picture: Path
    tagged: Path
    instruction: str
    answer: Path


def _files(folder: Path, problems: Problems | None) -> Example | None:
    """The example in a folder; None, named in the problems, if a file is missing."""
    paths = {
        "input.png": find(folder, ("input/input.png",)),
        "input_mask.png": find(folder, ("input/input_mask.png", "input/input_gt.png")),
        "instruction.txt": find(folder, ("input/instruction.txt",)),
        "operation_sequence.json": find(folder, ("output/operation_sequence.json",)),
    }
    picture, tagged, instruction, answer = paths.values()
    if picture is None or tagged is None or instruction is None or answer is None:
        if problems is not None:
            absent = ", ".join(name for name, path in paths.items() if path is None)
            problems.broke(f"has no {absent}", folder)
        return None
    return Example(folder, picture, tagged, instruction.read_text(encoding="utf-8"), answer)


def _example(
    dimension: str, task: str, folder: Path, opening: str, source: Source, others: Sequence[Path]
) -> Sample | None:
    example = _files(folder, source.problems)
    if example is None:
        return None
    try:
        steps = load_json(example.answer)["skill_sequence"]
    except DatasetError as error:
        source.problems.broken.append(error)
        return None
    except (KeyError, TypeError):
        source.problems.broke("has no skill_sequence", example.answer)
        return None
    words = WORDINGS[_language(source)]
    id = f"{dimension}/{task}/{folder.name}"
    shot = _shot(words, id, folder, others) if source.profile.startswith("one_shot") else ()
    closing: tuple[Part, ...] = (Text(words.please),)
    if source.profile.endswith("cot"):
        closing += (Text(words.reasons),)
    return Sample(
        id=id,
        benchmark="",
        task=dimension,
        category=dimension,
        turns=(
            Turn(
                "user",
                (
                    *(Text(opening), *shot, Text(words.picture), Image(example.picture)),
                    *(Text(words.tagged), Image(example.tagged)),
                    *(Text(words.instruction), Text(example.instruction)),
                    *closing,
                ),
            ),
        ),
        gold=steps,
        max_tokens=COT_TOKENS if source.profile.endswith("cot") else MAX_TOKENS,
        meta={
            "task": task,
            "dimension": dimension,
            "dependency": "Seq-independent" if task in STAR else "Sequential",
            "instruction": example.instruction,
        },
    )


def _shot(words: Wording, id: str, folder: Path, others: Sequence[Path]) -> tuple[Part, ...]:
    """A solved example of the same dimension. The reference draws it anew in every run; here the question's
    id draws it, so that a run can be repeated."""
    rest = [other for other in others if other != folder]
    random.Random(id).shuffle(rest)
    solved = next((example for other in rest if (example := _files(other, None))), None)
    if solved is None:
        return ()
    picture, tagged, instruction, output = words.shot
    return (
        *(Text(picture), Image(solved.picture), Text(tagged), Image(solved.tagged)),
        *(Text(instruction), Text(solved.instruction)),
        *(Text(output), Text(json.dumps(load_json(solved.answer)))),
    )


def blind(source: Source) -> Iterator[Sample]:
    """LEAP's blind_10.jsonl: {messages: [{role, content: texts and images}], target: {steps}}, from 0 on."""
    bases = (source.data, source.path.parent, source.path.parent.parent)
    for line, row in jsonl.rows(source.path, source.problems, shapes.Plan):
        questions = [message for message in row["messages"] if message["role"] == "user"]
        pieces = [piece for message in questions for piece in message["content"]]
        names = [piece["image"] for piece in pieces if piece["type"] == "image" and piece.get("image")]
        media = images(names, bases, source.problems, source.path, line)
        if media is None:
            continue
        pictures = iter(media)
        parts: list[Part] = []
        for piece in pieces:
            if piece["type"] == "text":
                parts.append(Text(piece.get("text") or ""))
            elif piece["type"] == "image" and piece.get("image"):
                parts.append(Image(next(pictures)))
        texts = [part.text for part in parts if isinstance(part, Text) and part.text]
        yield Sample(
            id=str(line - 1),
            benchmark="",
            task="",
            category="",
            turns=(Turn("user", tuple(parts)),),
            gold=(row.get("target") or {}).get("steps"),
            meta={"question": "\n\n".join(texts), "image_paths": ";".join(names), "sample_idx": line - 1},
        )


def _number(path: Path) -> tuple[int, str]:
    digits = re.search(r"\d+", path.name)
    return (int(digits[0]) if digits else -1, path.name)
