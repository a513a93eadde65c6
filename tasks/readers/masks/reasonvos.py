"""ReasonVOS: questions about objects, with a folder of masks for each object.

    JPEGImages/<video>/<frame>.jpg
    Annotations/<source>_<video>_<obj_id>/<frame>.png    luminance above 0 is the object
    meta_expressions.json   {"videos": {id: {source, expressions: [{obj_id, exp_id, exp_text, is_sent}]}}}

The frames that count are those an object has a mask image of.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sightbench.errors import DatasetError
from sightbench.families import load
from sightbench.sample import Sample, Text, Turn, Video
from sightbench.tasks.benchmark import content_of
from sightbench.tasks.readers.files.layout import Source
from sightbench.tasks.readers.masks.videos import Frames
from sightbench.terminal import plain
from sightbench.wordings import wording


class Expression(msgspec.Struct):
    obj_id: str | int
    exp_id: str | int
    exp_text: str
    is_sent: bool | int = False


class VideoEntry(msgspec.Struct):
    source: str
    expressions: list[Expression]


class Meta(msgspec.Struct):
    videos: dict[str, VideoEntry]


def read(source: Source) -> Iterator[Sample]:
    """Samples named <source>_<video>_<object>/<expression>, in the order of the file."""
    problems, root = source.problems, source.path.parent
    try:
        listed = msgspec.json.decode(content_of(source.path), type=Meta)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(f"not a list of expressions: {plain(error, 200)}", source.path) from None
    words = wording(load().wordings, source.words, "reasonvos")
    images, masks = Frames([root / "JPEGImages"]), Frames([root / "Annotations"])
    for name, entry in listed.videos.items():
        for expression in entry.expressions:
            key = f"{entry.source}_{name}_{expression.obj_id}"
            try:
                found = masks.files(key)
                if not found:
                    raise DatasetError(f"object {plain(key, 80)} has no masks in {masks.folder(key)}")
                video: Video = images.video(name, list(found), key)
                truth = masks.truth(key)
                asked = words.text(expression.exp_text, sentence=bool(expression.is_sent))
            except (DatasetError, ValueError) as error:
                problems.broke(f"{plain(key, 80)}/{plain(expression.exp_id, 40)}: {error}", source.path)
                continue
            yield Sample(
                id=f"{key}/{expression.exp_id}",
                benchmark="",
                task="",
                category="",
                turns=(Turn("user", (video, Text(asked))),),
                gold=truth,
                wants="masks",
                group=name,
                cluster=name,
                meta={
                    "question": expression.exp_text,
                    "video": key,
                    "expression": str(expression.exp_id),
                    "num_frames": len(found),
                },
            )
