"""Dyn-Bench: questions and referring expressions about short videos, three categories of each.

    <root>/frames/<dataset>/<scene>/frame_0000.jpg        (or .png, or any name: sorted)
    <root>/masks/<dataset>/<scene>/frame_0000_obj<k>.png
    <root>/multi_json/<dataset>/<scene>_<suffix>.json

`cameraqa`, `qa`, `sceneqa` files hold a list of {question, options, answer}; `cameramask`, `objmask`,
`scenemask` files an object {object_<k>: {question, ...}}. Reference: LilyYang0504/Bench,
utils/load_tasks.py and utils/run_qa_task.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from sightbench.errors import DatasetError, UsageError
from sightbench.sample import MaskTruth, Sample, Text, Turn, Video
from sightbench.tasks.benchmark import Problems, load_json
from sightbench.tasks.prompts import LETTER
from sightbench.tasks.sound import flaw, unicode
from sightbench.terminal import plain

CATEGORIES = {
    "cameraqa": "Camera-Object",
    "qa": "Inter-Object",
    "sceneqa": "Object-Scene",
    "cameramask": "Camera-Object",
    "objmask": "Inter-Object",
    "scenemask": "Object-Scene",
}
QA_TASKS = ("cameraqa", "qa", "sceneqa")
MASK_TASKS = ("cameramask", "objmask", "scenemask")
FRAME_PATTERNS = ("frame_*.jpg", "frame_*.png", "*.jpg", "*.png")
LABELLED = re.compile(r"\(?([A-Z])\)?\s*[.:)]\s*(.*)", re.DOTALL)
FILE_STRIDE = 100_000
OBJECT = re.compile(r"(?!\.\.?$)[^/\\\0]+")


def read(
    data: Path,
    profile: str,
    problems: Problems,
    *,
    benchmark: str = "dynbench",
    tasks: Sequence[str] | None = None,
) -> Iterator[Sample]:
    """Samples of `tasks` (None: of all), named `<dataset>/<scene>/<suffix>/<index or object>`.

    All questions of a video come in a row; `order` is the position in the reference's own order (files
    sorted by name), which its float means follow. UsageError if `data` is no such tree. A file that cannot be
    parsed, a scene without frames or without a mask folder are broken; files with `frame_sampling` in the
    name are left out as in the reference, and so is a file whose name says nothing we know.
    """
    for name in ("multi_json", "frames"):
        if not (data / name).is_dir():
            raise UsageError(
                f"{data} is not in the Dyn-Bench layout: there is no folder {name}/ in it "
                "(expected frames/, masks/ and multi_json/); give its root with --data"
            )
    scenes: dict[tuple[str, str], list[tuple[int, str, Path]]] = {}
    for position, (dataset, scene, suffix, path) in enumerate(_files(data / "multi_json", problems)):
        if tasks is None or suffix in tasks:
            scenes.setdefault((dataset, scene), []).append((position, suffix, path))
    if not scenes:
        raise UsageError(f"{data / 'multi_json'} holds no file named <dataset>/<scene>_<task>.json")
    for (dataset, scene), files in sorted(scenes.items()):
        video = _video(data, dataset, scene)
        if video is None:
            problems.broke("the scene has questions and no frames", data / "frames" / dataset / scene)
            continue
        for position, suffix, path in files:
            try:
                content = load_json(path)
            except DatasetError as error:
                problems.broken.append(error)
                continue
            ask = _masks if suffix in MASK_TASKS else _questions
            for index, sample in enumerate(ask(content, path, video, suffix, data, problems)):
                if wrong := flaw(sample):
                    problems.broke(f"question {plain(sample.id, 80)} {wrong}", path)
                    continue
                yield replace(sample, benchmark=benchmark, order=position * FILE_STRIDE + index)


def _files(annotations: Path, problems: Problems) -> Iterator[tuple[str, str, str, Path]]:
    for folder in sorted(annotations.iterdir()):
        if not folder.is_dir():
            problems.skip("not in a dataset's folder", folder)
            continue
        for path in sorted(folder.iterdir()):
            scene, _, suffix = path.stem.rpartition("_")
            if not unicode(f"{folder.name}{path.name}"):
                problems.broke("its name, or its folder's, is not UTF-8", path)
            elif path.suffix != ".json" or not path.is_file():
                problems.skip("not a .json file", path)
            elif "frame_sampling" in path.name:
                problems.skip("a frame_sampling file (the reference leaves them out)", path)
            elif not scene:
                problems.skip("not named <scene>_<task>.json", path)
            elif suffix not in CATEGORIES:
                problems.skip(f"unknown task suffix (known: {', '.join(CATEGORIES)})", path)
            else:
                yield folder.name, scene, suffix, path


def _video(data: Path, dataset: str, scene: str) -> Video | None:
    folder = data / "frames" / dataset / scene
    for pattern in FRAME_PATTERNS:
        frames = tuple(sorted(folder.glob(pattern)))
        if frames:
            return Video(id=f"{dataset}/{scene}", frames=frames)
    return None


def _questions(
    content: Any, path: Path, video: Video, suffix: str, data: Path, problems: Problems
) -> Iterator[Sample]:
    if not isinstance(content, list):
        problems.broke("should hold a list of questions", path)
        return
    for index, item in enumerate(content):
        wrong = _wrong_question(item)
        if wrong:
            problems.broke(f"question {index} {wrong}", path)
            continue
        question, options = item["question"], tuple(item.get("options") or ())
        yield Sample(
            id=f"{video.id}/{suffix}/{index}",
            benchmark="",
            task=suffix,
            category=CATEGORIES[suffix],
            turns=(Turn("user", (video, Text(prompt(question, options)))),),
            gold=item["answer"],
            group=item.get("pair"),
            meta={"question": question, "options": options, "choices": lettered(options)},
        )


def _masks(
    content: Any, path: Path, video: Video, suffix: str, data: Path, problems: Problems
) -> Iterator[Sample]:
    if not isinstance(content, dict):
        problems.broke("should hold an object of object_<k>: {question, ...}", path)
        return
    mask_dir = data / "masks" / video.id
    if not mask_dir.is_dir():
        problems.broke(f"asks for masks, and there is no folder {mask_dir}", path)
        return
    for object_id, item in content.items():
        if not OBJECT.fullmatch(object_id) or not unicode(object_id):
            problems.broke(f"{plain(object_id, 80)} cannot be an object's name", path)
            continue
        question = item.get("question") if isinstance(item, dict) else None
        if not isinstance(question, str) or not question.strip():
            problems.broke(f"{object_id} has no question", path)
            continue
        yield Sample(
            id=f"{video.id}/{suffix}/{object_id}",
            benchmark="",
            task=suffix,
            category=CATEGORIES[suffix],
            turns=(Turn("user", (video, Text(question))),),
            wants="masks",
            gold=MaskTruth(str(mask_dir), object_id, len(video.frames)),
            meta={"question": question},
        )


def _wrong_question(item: Any) -> str:
    if not isinstance(item, dict):
        return "is no object"
    for key in ("question", "answer"):
        if not isinstance(item.get(key), str) or not item[key].strip():
            return f"has no {key}"
    options = item.get("options") or []
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        return "has options that are no list of texts"
    if not isinstance(item.get("pair"), str | None):
        return "has a pair that is no text"
    return ""


def prompt(question: str, options: Sequence[str]) -> str:
    """The question as the reference asks it; the letter instruction only where there are options."""
    return "\n".join((question, *options, LETTER)) if options else question


def lettered(options: Sequence[str]) -> dict[str, str]:
    """Letter -> text: by the labels the options carry ("A. red"), by position where they carry none."""
    matches = [LABELLED.fullmatch(option) for option in options]
    labelled = {match[1]: match[2] for match in matches if match}
    if len(labelled) == len(options):
        return labelled
    return dict(zip(ascii_uppercase, options, strict=False))
