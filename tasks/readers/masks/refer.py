"""Expressions about COCO images: RefCOCO, RefCOCO+, RefCOCOg and gRefCOCO, one sample per sentence.

    refs(unc).p, refs(umd).p   pickled [{ref_id, ann_id, image_id, split, sentences: [{sent, sent_id}]}]
    grefs(unc).json            the same as JSON; ann_id is a list, [-1] where there is no target
    instances.json             COCO's: images by id, annotations with polygons

The image is the one `instances.json` gives the reference's image_id; a reference's own file_name is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import orjson

from sightbench import safe_pickle
from sightbench.errors import DatasetError
from sightbench.families import load
from sightbench.sample import Json, Sample
from sightbench.tasks.benchmark import content_of, load_json
from sightbench.tasks.readers.files.disk import images, user
from sightbench.tasks.readers.files.layout import LayoutReader, Source
from sightbench.wordings import wording

NO_TARGET = -1
IMAGES = (
    "images/mscoco/images/train2014",
    "glamm_data/images/coco2014/train2014",
    "images/coco2014/train2014",
    "coco2014/train2014",
    "coco/train2014",
    "train2014",
)
"""Where COCO's training images lie in the trees of LISA, UniPixel and Sa2VA."""


class Sentence(msgspec.Struct):
    sent: str
    sent_id: int | str


class Reference(msgspec.Struct):
    ref_id: int | str
    ann_id: int | list[int]
    image_id: int
    split: str
    sentences: list[Sentence]


class CocoImage(msgspec.Struct):
    id: int
    file_name: str
    height: int
    width: int


class Annotation(msgspec.Struct):
    id: int
    image_id: int
    segmentation: msgspec.Raw
    iscrowd: int = 0
    bbox: tuple[float, float, float, float] | None = None


class Instances(msgspec.Struct):
    images: list[CocoImage]
    annotations: list[Annotation]


def chosen(split: str) -> Callable[[str], bool]:
    """Whether a split of the file belongs to `split`: testA is every one with an A, test all with "test"."""
    if split in ("testA", "testB"):
        return lambda name: split[-1] in name
    return (lambda name: "test" in name) if split == "test" else (lambda name: name == split)


def reader(split: str, folders: Sequence[str] = IMAGES, *, generalised: bool = False) -> LayoutReader:
    """Samples named <ref_id>/<sent_id>, in the order of the file; `generalised` splits are named exactly."""
    belongs = (lambda name: name == split) if generalised else chosen(split)

    def read(source: Source) -> Iterator[Sample]:
        known = _instances(source.path.parent / "instances.json")
        words = wording(load().wordings, source.words, "res")
        bases = [base / folder for base in _roots(source) for folder in folders]
        files: dict[int, Path | None] = {}
        for position, ref in enumerate(_references(source.path), start=1):
            if not belongs(ref.split):
                continue
            image = known.images.get(ref.image_id)
            objects = None if image is None else known.segmentations(ref)
            box = None if generalised else known.box(ref)
            if image is None or objects is None:
                what = f"reference {ref.ref_id} means an image or an annotation that instances.json lacks"
                source.problems.broke(what, source.path, position)
                continue
            if ref.image_id not in files:
                found = images((image.file_name,), bases, source.problems, source.path, position)
                files[ref.image_id] = found[0] if found else None
            if (file := files[ref.image_id]) is None:
                continue
            for sentence in ref.sentences:
                gold: Json = {"size": [image.height, image.width], "objects": objects}
                yield Sample(
                    id=f"{ref.ref_id}/{sentence.sent_id}",
                    benchmark="",
                    task="",
                    category="",
                    turns=user((file,), words.text(sentence.sent, medium="image")),
                    gold=gold,
                    wants="masks",
                    group=f"image {ref.image_id}",
                    meta={
                        "question": sentence.sent,
                        "ref_id": ref.ref_id,
                        "sent_id": sentence.sent_id,
                        "image_id": ref.image_id,
                        "num_frames": 1,
                        **({} if box is None else {"bbox": box}),
                    },
                )

    return read


class _Known:
    def __init__(self, content: Instances) -> None:
        self.images = {image.id: image for image in content.images}
        self._annotations = {annotation.id: annotation for annotation in content.annotations}

    def box(self, ref: Reference) -> list[float] | None:
        """The box of a reference to one annotation, None where there is none."""
        annotation = None if isinstance(ref.ann_id, list) else self._annotations.get(ref.ann_id)
        return None if annotation is None or annotation.bbox is None else list(annotation.bbox)

    def segmentations(self, ref: Reference) -> list[Any] | None:
        """What a reference means as COCO writes it, crowds left out; None where an annotation is unknown."""
        ids = ref.ann_id if isinstance(ref.ann_id, list) else [ref.ann_id]
        found = []
        for id in ids:
            if id == NO_TARGET:
                continue
            annotation = self._annotations.get(id)
            if annotation is None:
                return None
            if not (annotation.iscrowd and isinstance(ref.ann_id, list)):
                found.append(orjson.loads(bytes(annotation.segmentation)))
        return found


def _instances(path: Path) -> _Known:
    try:
        state = path.stat()
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", path) from None
    return _read_instances(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=3)
def _read_instances(path: Path, size: int, changed: int) -> _Known:
    try:
        return _Known(msgspec.json.decode(content_of(path), type=Instances))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(f"not COCO's instances: {' '.join(str(error).split())}", path) from None


def _references(path: Path) -> list[Reference]:
    content = load_json(path) if path.suffix == ".json" else safe_pickle.load(path)
    try:
        return msgspec.convert(content, list[Reference])
    except msgspec.ValidationError as error:
        raise DatasetError(f"not a list of references: {error}", path) from None


def _roots(source: Source) -> list[Path]:
    """The folders that may hold the images' tree: the data's, and those above the references'."""
    return [source.data, *list(source.path.parents)[1:4]]
