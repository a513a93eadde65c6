"""COCO-style captions: Karpathy's list for COCO, {images, annotations} for Flickr30K and NoCaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sightbench.errors import DatasetError
from sightbench.sample import Sample
from sightbench.tasks import prompts
from sightbench.tasks.benchmark import load_json
from sightbench.tasks.readers.files.disk import Seen, images, user
from sightbench.tasks.readers.files.layout import LayoutReader, Source


def reader(*image_folders: str) -> LayoutReader:
    """Samples by image id with the list of reference captions as gold; category is NoCaps' domain."""

    def read(source: Source) -> Iterator[Sample]:
        bases = (
            *(source.data / folder for folder in image_folders),
            source.path.parent,
            source.path.parent.parent,
            source.data,
        )
        seen = Seen(source.path, source.problems)
        wording = prompts.CAPTION_VLMEVALKIT if source.profile == "vlmevalkit" else prompts.CAPTION
        for position, (id, name, captions, domain) in enumerate(_items(source), start=1):
            if seen.again(str(id), position):
                continue
            media = images((name,), bases, source.problems, source.path, position)
            if media is None:
                continue
            if not captions:
                source.problems.broke(f"image {id} has no caption", source.path, position)
                continue
            yield Sample(
                id=str(id),
                benchmark="",
                task="",
                category=domain,
                turns=user(media, wording),
                gold=captions,
                meta={"image_id": id},
            )

    return read


def _items(source: Source) -> Iterator[tuple[Any, str, list[str], str]]:
    content = load_json(source.path)
    try:
        if isinstance(content, list):
            for item in content:
                stem = item["image"].rsplit("_", 1)[-1].removesuffix(".jpg")
                yield int(stem), item["image"], item["caption"], ""
            return
        captions: dict[Any, list[str]] = {}
        for note in content["annotations"]:
            captions.setdefault(note["image_id"], []).append(note["caption"])
        for image in content["images"]:
            name = image.get("file_name") or image["image"]
            yield image["id"], name, captions.get(image["id"], []), str(image.get("domain", ""))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"is no COCO caption file: {error}", source.path) from None
