"""MMScan-2D: 24 views of a scene, the objects a question is about numbered in red on each.

    annotations/mmscan_qa_val_<ratio>.json                     conversations, target.boxes
    annotations/embodiedscan_video_meta/{image,pose,intrinsic,axis_align_matrix}.json
    images/mmscan/<image path of the meta file>

The numbered views are drawn once, into the folder the reference draws them in, and used from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from sightbench.errors import DatasetError, UsageError
from sightbench.sample import Sample
from sightbench.tasks.benchmark import load_json
from sightbench.tasks.readers.files import jsonl, shapes
from sightbench.tasks.readers.files.disk import Seen, images, user
from sightbench.tasks.readers.files.layout import Source

VIEWS = 24
OPENING = "Answer the qusetion based on the images of the scene. "
BOXES = (
    "The {count} objects involved in the question have been marked on the images (labeled with red numbers "
    "{numbers}). The labels on the images indicate the projected center position of each corresponding "
    "object in every image. The object corresponding to a label may be occluded by other objects; please "
    "determine which object each label refers to by combining all images. "
)
META = ("image", "pose", "intrinsic", "axis_align_matrix")
FONT_SIZE = 28

Matrix = NDArray[np.float64]


def read(source: Source) -> Iterator[Sample]:
    """Samples by prompt_id (`/` replaced by `-`), whose part before `__` is the question's class."""
    folder = source.path.parent
    meta = {name: _meta(folder / "embodiedscan_video_meta" / f"{name}.json") for name in META}
    homes = (source.data, folder.parent, folder)
    root = next((home / "images/mmscan" for home in homes if (home / "images/mmscan").is_dir()), source.data)
    drawn = root / "annotation_images" / f"{source.path.stem}_{VIEWS}"
    seen = Seen(source.path, source.problems)
    for line, row in jsonl.rows(source.path, source.problems, shapes.Scene):
        id = str(row["prompt_id"]).replace("/", "-")
        if seen.again(id, line):
            continue
        video = row["video"]
        if any(video not in meta[name] for name in META):
            source.problems.broke(f"the scene {video} is not in embodiedscan_video_meta", source.path, line)
            continue
        names = meta["image"][video]
        views = evenly(len(names))
        media = images(
            [names[view] for view in views], (root, source.data), source.problems, source.path, line
        )
        if media is None:
            continue
        boxes = (row.get("target") or {}).get("boxes") or []
        if boxes:
            try:
                room = _matrices([meta["axis_align_matrix"][video]], 1)[0]
                cameras = np.linalg.inv(room @ _matrices(meta["pose"][video], len(names)))
                intrinsics = _matrices(meta["intrinsic"][video], len(names))
            except ValueError as error:
                source.problems.broke(f"the cameras of the scene {video}: {error}", source.path, line)
                continue
            centres = [np.asarray(box[:3], dtype=np.float64) for box in boxes]
            media = tuple(
                _numbered(image, centres, cameras[view], intrinsics[view], drawn / id / f"{view}.jpg")
                for image, view in zip(media, views, strict=True)
            )
        question, answer = (turn["value"] for turn in row["conversations"][:2])
        gold = [str(text) for text in answer] if isinstance(answer, list) else [str(answer)]
        yield Sample(
            id=id,
            benchmark="",
            task="",
            category=id.split("__", 1)[0],
            turns=user(media, prompt(str(question), len(boxes))),
            gold=gold,
            meta={"ID": id, "question": str(question), "scene": video},
        )


def prompt(question: str, boxes: int) -> str:
    """The reference's wording, its typing error included."""
    wording = question.replace("<video>\n", "")
    if "<boxes>" in wording:
        wording = (
            BOXES.format(count=boxes, numbers=list(range(1, boxes + 1))) + wording.split("<boxes>. ")[-1]
        )
    return OPENING + wording


def evenly(length: int) -> list[int]:
    """The indices of VIEWS views spread over `length`, first and last included."""
    if length <= VIEWS:
        return list(range(length))
    return [int(index) for index in np.linspace(0, length - 1, num=VIEWS, dtype=int)]


def _meta(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise UsageError(f"MMScan needs {path}, and it is not there")
    content = load_json(path)
    if not isinstance(content, dict):
        raise DatasetError("should hold an object of scenes", path)
    return content


def _matrices(values: object, count: int) -> Matrix:
    """At least `count` 4 x 4 matrices of finite numbers. Raises ValueError for what is none."""
    try:
        read = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("a matrix holds what is no number") from None
    if read.ndim != 3 or read.shape[1:] != (4, 4) or len(read) < count or not (np.abs(read) < 1e100).all():
        raise ValueError(f"not {count} 4 x 4 matrices of finite numbers")
    return read


def _numbered(image: Path, centres: Sequence[Matrix], camera: Matrix, intrinsic: Matrix, to: Path) -> Path:
    if to.is_file():
        return to
    font = ImageFont.load_default(FONT_SIZE)
    with Picture.open(image) as opened:
        picture = opened.convert("RGB")
    draw = ImageDraw.Draw(picture)
    for number, centre in enumerate(centres, start=1):
        x, y, depth = (intrinsic @ camera @ np.append(centre, 1.0))[:3]
        if depth == 0:
            continue
        corner = (int(x / depth), int(y / depth) - FONT_SIZE)
        if -FONT_SIZE < corner[0] < picture.width and -FONT_SIZE < corner[1] < picture.height:
            draw.rectangle(draw.textbbox(corner, str(number), font=font), fill=(255, 255, 255))
            draw.text(corner, str(number), fill=(255, 0, 0), font=font)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        picture.save(to, quality=95)
    except OSError as error:
        raise DatasetError(f"the numbered view cannot be written: {error.strerror}", to) from None
    return to
