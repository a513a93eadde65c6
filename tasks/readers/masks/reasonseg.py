"""ReasonSeg: an image and beside it a JSON file with a question, and polygons of the target.

ReasonSeg/<split>/<name>.jpg, <name>.json   {text: [...], is_sentence, shapes: [{label, points}]}
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from sightbench.errors import DatasetError
from sightbench.families import load
from sightbench.sample import Sample
from sightbench.tasks.benchmark import content_of
from sightbench.tasks.readers.files.disk import user
from sightbench.tasks.readers.files.layout import Source
from sightbench.tasks.readers.masks.videos import size_of
from sightbench.terminal import plain
from sightbench.wordings import wording


class Shape(msgspec.Struct):
    label: str
    points: list[list[float]]


class Entry(msgspec.Struct):
    text: list[str]
    is_sentence: bool
    shapes: list[Shape]


def read(source: Source) -> Iterator[Sample]:
    """Samples named after their file, the first text of each; under `unipixel` every text is one.

    The category is `long` for sentences and `short` for phrases.
    """
    words = wording(load().wordings, source.words, "reasonseg")
    for path in sorted(source.path.glob("*.json")):
        image = next(
            (path.with_suffix(end) for end in (".jpg", ".JPG") if path.with_suffix(end).is_file()), None
        )
        try:
            entry = _entry(path)
            if image is None:
                raise DatasetError("there is no image beside it", path)
            size = size_of(image)
        except DatasetError as error:
            source.problems.broken.append(error)
            continue
        texts = entry.text if source.profile == "unipixel" else entry.text[:1]
        shapes: list[Any] = [{"label": shape.label, "points": shape.points} for shape in entry.shapes]
        for number, text in enumerate(texts):
            try:
                asked = words.text(text, sentence=entry.is_sentence, medium="image")
            except ValueError as error:
                source.problems.broke(f"text {number} cannot be asked: {plain(error, 100)}", path)
                continue
            yield Sample(
                id=path.stem if number == 0 else f"{path.stem}/{number}",
                benchmark="",
                task="",
                category="long" if entry.is_sentence else "short",
                turns=user((image,), asked),
                gold={"size": [*size], "shapes": shapes},
                wants="masks",
                group=path.stem,
                meta={"question": text, "image": path.stem, "text": number, "num_frames": 1},
            )


def _entry(path: Path) -> Entry:
    try:
        content = content_of(path)
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", path) from None
    try:
        content.decode()
    except UnicodeDecodeError:
        # Some files were written on Windows, as the reference knows.
        content = content.decode("cp1252", errors="replace").encode()
    try:
        entry = msgspec.json.decode(content, type=Entry)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DatasetError(f"not an entry of ReasonSeg: {' '.join(str(error).split())}", path) from None
    if not entry.text:
        raise DatasetError("it has no text", path)
    return entry
