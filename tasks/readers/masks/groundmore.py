"""GroundMoRe: a question about what happens in a clip, and the object that answers it while it does.

    test_v2.json   {"videos": {clip: {"questions": {id: {question, obj_id, q_type, action_start, ...}}}}}
    annotations/<clip>/images/*.jpg
    annotations/<clip>/masks/*.png   label maps: the index is the object; not every frame has one

A clip's name ends in its start and end in the source (`_MMSS_MMSS`); frames are 1/6 s apart. Of its frames 20
are asked and scored; before and after the action, and where there is no label map, the truth is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from sightbench.errors import DatasetError
from sightbench.families import load
from sightbench.sample import LabelTruth, Sample, Text, Turn, Video
from sightbench.tasks.benchmark import content_of
from sightbench.tasks.readers.files.layout import Source
from sightbench.tasks.readers.masks.videos import Frames, size_of
from sightbench.terminal import plain
from sightbench.wordings import wording

ASKED = 20
RATE = 6
STEMS = ("frame_{:06d}", "{:07d}")


class Question(msgspec.Struct):
    question: str
    obj_id: str | int
    q_type: str
    action_start: str
    action_end: str


class Clip(msgspec.Struct):
    questions: dict[str, Question] | list[Question]


class Meta(msgspec.Struct):
    videos: dict[str, Clip]


def read(source: Source) -> Iterator[Sample]:
    """Samples named <clip>/<question>, by the type of the question, in the order of the file."""
    try:
        listed = msgspec.json.decode(content_of(source.path), type=Meta)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(f"not a list of questions: {plain(error, 200)}", source.path) from None
    words = wording(load().wordings, source.words, "groundmore")
    frames = Frames([source.path.parent / "annotations"])
    for name, clip in listed.videos.items():
        found = list(frames.files(f"{name}/images").values())
        if not found:
            source.problems.skip("a clip without frames", frames.folder(f"{name}/images"))
            continue
        taken = np.linspace(0, len(found) - 1, ASKED).astype(int).tolist()
        video = Video(name, tuple(found[at] for at in taken))
        for id, question in _numbered(clip.questions).items():
            try:
                truth = _truth(
                    source.path.parent / "annotations" / name / "masks", name, question, taken, found
                )
                asked = words.text(question.question)
            except (DatasetError, ValueError) as error:
                source.problems.broke(f"{plain(name, 80)}/{plain(id, 40)}: {error}", source.path)
                continue
            yield Sample(
                id=f"{name}/{id}",
                benchmark="",
                task="",
                category=question.q_type,
                turns=(Turn("user", (video, Text(asked))),),
                gold=truth,
                wants="masks",
                group=name,
                meta={"question": question.question, "video": name, "expression": id, "num_frames": ASKED},
            )


def _numbered(questions: Mapping[str, Question] | list[Question]) -> Mapping[str, Question]:
    if isinstance(questions, list):
        return {str(number): question for number, question in enumerate(questions)}
    return questions


def _truth(folder: Path, clip: str, question: Question, taken: list[int], found: list[Path]) -> LabelTruth:
    """The object's labels in the frames of the action; positions among the sorted frames are file numbers."""
    start, end = action(clip, question.action_start, question.action_end)
    labels = tuple(int(part) for part in str(question.obj_id).split(","))
    files: list[Any] = []
    for at in taken:
        names = [f"{stem.format(at)}.png" for stem in STEMS]
        there = next((name for name in names if (folder / name).is_file()), "")
        files.append(there if start <= at <= end else "")
    return LabelTruth(str(folder), tuple(files), size_of(found[0]), labels)


def action(clip: str, start: str, end: str) -> tuple[int, int]:
    """The first and the last frame of an action in the clip. ValueError for times that are none."""
    began = clip[-9:-5]
    if not (began.isdecimal() and clip[-5:-4] == "_"):
        raise ValueError("the clip's name does not end in _MMSS_MMSS")
    zero = int(began[:2]) * 60 + int(began[2:])
    return (_seconds(start) - zero) * RATE, (_seconds(end) - zero) * RATE - 1


def _seconds(time: str) -> int:
    parts = time.strip().split(":")
    if not 2 <= len(parts) <= 3 or not all(part.isdecimal() for part in parts):
        raise ValueError(f"{time!r} is no time mm:ss or hh:mm:ss")
    total = 0
    for part in parts:
        total = 60 * total + int(part)
    return total
