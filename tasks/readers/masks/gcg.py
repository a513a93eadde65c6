"""GranD-f, grounded conversation generation: images, and COCO's files of the masks of each.

<split>_gcg_coco_mask_gt.json   {images: [{id, height, width}], annotations: [{image_id, segmentation: RLE}]}
<images>/<id>.jpg               image ids are the stems of the files
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from sightbench.errors import DatasetError
from sightbench.families import load
from sightbench.sample import Json, Sample
from sightbench.tasks.benchmark import load_json
from sightbench.tasks.readers.files.disk import images, user
from sightbench.tasks.readers.files.layout import Source
from sightbench.wordings import wording

IMAGES = (
    "GranDf_HA_images/val_test",
    "GranDf/GranDf_HA_images/val_test",
    "glamm_data/images/grandf/val_test",
    "images/grandf/val_test",
)
"""Where the images lie in the trees of GLaMM and Sa2VA."""


class Picture(msgspec.Struct):
    id: int | str
    height: int
    width: int


class Annotation(msgspec.Struct):
    image_id: int | str
    segmentation: dict[str, Any]


class Masks(msgspec.Struct):
    images: list[Picture]
    annotations: list[Annotation]


def read(source: Source) -> Iterator[Sample]:
    """A sample per image, named after it, in the order of the file; all are asked the same."""
    try:
        content = msgspec.convert(load_json(source.path), Masks)
    except msgspec.ValidationError as error:
        raise DatasetError(f"not GranD-f's masks: {error}", source.path) from None
    asked = wording(load().wordings, source.words, "gcg").text("")
    objects: dict[str, list[Json]] = {}
    for annotation in content.annotations:
        objects.setdefault(str(annotation.image_id), []).append(annotation.segmentation)
    bases = [base / folder for base in (source.data, *source.path.parents) for folder in IMAGES]
    for position, picture in enumerate(content.images, start=1):
        id = str(picture.id)
        found = images((f"{id}.jpg",), bases, source.problems, source.path, position)
        if found is None:
            continue
        gold: Json = {"size": [picture.height, picture.width], "objects": objects.get(id, [])}
        yield Sample(
            id=id,
            benchmark="",
            task="",
            category="",
            turns=user(found, asked),
            gold=gold,
            wants="masks",
            meta={"image": id, "num_frames": 1},
        )
