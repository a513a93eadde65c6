"""Objects that are followed through a video and named by nothing but a mask: DAVIS, MOSEv2, SA-V.

    DAVIS/ImageSets/2017/val.txt    the sequences; Annotations/480p/<sequence>/<frame>.png label maps
    MOSEv2/valid/meta.json          {"videos": {id: {"length", "objects": [labels]}}}; Annotations/<video>/...
    <video>/<frame>.png             label maps, or <video>/<object>/<frame>.png: anybody's
    sav_val/sav_val.txt             the videos; Annotations_6fps/<video>/<object>/<frame>.png, each 4th frame

Saved masks are judged on them. A question would need the first frame's mask, which no request carries, so the
text of a sample only says which object it is. The frames are those that have an annotation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from sightbench.errors import DatasetError, UsageError
from sightbench.mask_file import highest_label, read_labels
from sightbench.sample import Json, LabelTruth, Sample, Text, Turn, Video
from sightbench.tasks.benchmark import content_of
from sightbench.tasks.readers.files.layout import LayoutReader, Source
from sightbench.tasks.readers.masks.videos import Frames
from sightbench.terminal import plain

ALL = 0
"""The label that stands for all objects of a label map."""


class MoseVideo(msgspec.Struct):
    objects: list[int | str] | dict[str, msgspec.Raw]
    length: int | None = None


class MoseMeta(msgspec.Struct):
    videos: dict[str, MoseVideo]


@dataclass(frozen=True, slots=True)
class Davis:
    """A set in DAVIS's folders. `annotations` are the folders of label maps and `images` those of frames,
    beside ImageSets; the first that is there counts.

    `each`: a sample per object; else one per sequence, of all its objects together, or with `binary` of
    whatever is no background. `voids`: pixels of index 255 count for nothing.
    """

    annotations: tuple[str, ...]
    images: tuple[str, ...] = ("JPEGImages/480p", "JPEGImages/Full-Resolution")
    each: bool = False
    binary: bool = False
    voids: bool = False


def davis(rules: Davis) -> LayoutReader:
    """Samples named <sequence>/<label>, or <sequence>, in the order of the list."""

    def read(source: Source) -> Iterator[Sample]:
        root = source.path.parents[2]
        masks = _frames(root, rules.annotations, source)
        images = Frames([root / name for name in rules.images])
        for name in _listed(source.path):
            try:
                video = _video(name, masks, images)
                there, pictures = len(video.frames), len(images.files(name))
                if pictures and pictures != there:
                    raise DatasetError(
                        f"sequence {plain(name, 80)} has {there} label maps for {pictures} frames"
                    )
                if rules.binary:
                    yield _sample(name, None, video, masks.truth(name, indexed=True), "the object")
                    continue
                count = highest_label(next(iter(masks.files(name).values())))
                if not count:
                    raise DatasetError(f"sequence {plain(name, 80)} has no object in its first frame")
                labels = tuple(range(1, count + 1))
                if rules.each:
                    yield from _by_label(name, labels, video, masks)
                else:
                    gold = masks.truth(name, labels, voids=rules.voids)
                    yield _sample(name, ALL, video, gold, "all objects")
            except DatasetError as error:
                source.problems.broke(str(error), source.path)

    return read


def mosev2(source: Source) -> Iterator[Sample]:
    """Samples named <video>/<label>, in the order of the file; without gold where it is hidden."""
    try:
        meta = msgspec.json.decode(content_of(source.path), type=MoseMeta)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(
            f"not a list of videos and their objects: {plain(error, 200)}", source.path
        ) from None
    root = source.path.parent
    masks, images = _frames(root, ("Annotations",), source), Frames([root / "JPEGImages"])
    for name, entry in meta.videos.items():
        try:
            video = _video(name, masks, images)
            pictures = images.files(name)
            # Of hidden videos the first frame's label map alone is given away.
            hidden = len(video.frames) == 1 < len(pictures)
            if hidden:
                video = Video(name, tuple(pictures.values()))
            there = len(video.frames)
            if entry.length is not None and entry.length != there:
                counts = f"{there} frames with a {'picture' if hidden else 'label map'}"
                raise DatasetError(f"video {plain(name, 80)} has {counts}, not {entry.length}")
            yield from _by_label(name, map(_label, entry.objects), video, None if hidden else masks)
        except DatasetError as error:
            source.problems.broke(str(error), source.path)


def sav(source: Source) -> Iterator[Sample]:
    """Samples named <video>/<object>, whose masks lie in a folder of their own, in order of name."""
    root = source.path.parent
    masks = _frames(root, ("Annotations_6fps",), source)
    images = Frames([root / "JPEGImages_24fps"])
    for name in _listed(source.path):
        try:
            folder = masks.folder(name)
            objects = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
            if not objects:
                raise DatasetError(f"video {plain(name, 80)} has no objects in {folder}")
            yield from _by_folder(name, objects, masks, images)
        except DatasetError as error:
            source.problems.broke(str(error), source.path)


def folders(source: Source) -> Iterator[Sample]:
    """Samples named <video>/<label> or <video>/<object> of a folder of videos in either form, in order of
    name. An object is one that is there between the first and the last frame, which vos-benchmark drops."""
    root = source.path
    masks, images = Frames([root]), Frames([root.parent / "JPEGImages"])
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        name = folder.name
        try:
            inside = sorted(path.name for path in folder.iterdir() if path.is_dir())
            if inside:
                yield from _by_folder(name, inside, masks, images)
                continue
            video = _video(name, masks, images)
            kept = list(masks.files(name).values())[1:-1]
            labels = sorted({label for path in kept for label in _labels(path, path.stat().st_mtime_ns)})
            yield from _by_label(name, labels, video, masks)
        except DatasetError as error:
            source.problems.broke(str(error), source.path)


def _by_label(name: str, labels: Iterable[int], video: Video, masks: Frames | None) -> Iterator[Sample]:
    """A sample per object of a video's label maps; without gold where they are hidden (None)."""
    for label in labels:
        gold = None if masks is None else masks.truth(name, (label,))
        yield _sample(name, label, video, gold, f"object {label}")


def _by_folder(name: str, objects: Sequence[str], masks: Frames, images: Frames) -> Iterator[Sample]:
    """A sample per object of a video, whose masks lie in a folder that is called after it."""
    for object in objects:
        key = f"{name}/{object}"
        video = _video(key, masks, images, name)
        yield _sample(name, None, video, masks.truth(key, indexed=True), f"object {object}", object)


@lru_cache(maxsize=1 << 16)
def _labels(path: Path, changed: int) -> tuple[int, ...]:
    return tuple(int(label) for label in np.unique(read_labels(path)) if label)


def _frames(root: Path, names: tuple[str, ...], source: Source) -> Frames:
    bases = [root / name for name in names]
    if not any(base.is_dir() for base in bases):
        raise UsageError(f"{source.path}: the true masks are not there; looked for {_either(bases)}")
    return Frames(bases)


def _either(paths: list[Path]) -> str:
    return " or ".join(map(str, paths))


def _listed(path: Path) -> list[str]:
    """The names in a list, one a line; of lines that are paths of a frame (DAVIS 2016) their folder's."""
    try:
        lines = content_of(path).decode().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"not a list of names ({plain(error, 100)})", path) from None
    words = (line.split()[0] for line in lines if line.strip())
    return list(dict.fromkeys(Path(word).parent.name if "/" in word else word for word in words))


def _label(value: int | str) -> int:
    if not str(value).isdecimal() or not 0 < int(value) < 256:
        raise DatasetError(f"object {plain(value, 40)} is no label of a label map (1 to 255)")
    return int(value)


def _video(key: str, masks: Frames, images: Frames, name: str | None = None) -> Video:
    """The frames that have an annotation; where a picture is not there, its label map stands for it."""
    names = masks.files(key)
    if not names:
        raise DatasetError(f"{plain(key, 80)} has no annotations in {masks.folder(key)}")
    pictures = images.files(name or key)
    return Video(name or key, tuple(pictures.get(stem, path) for stem, path in names.items()))


def _sample(
    video: str,
    label: int | None,
    frames: Video,
    gold: LabelTruth | None,
    text: str,
    object: str | None = None,
) -> Sample:
    name = object or (str(label) if label else "")
    columns: dict[str, Json] = {
        "video": video,
        "expression": name,
        "num_frames": len(frames.frames),
        "objects": 1 if gold is None else max(1, len(gold.labels)),
    }
    if label is not None:
        columns["label"] = label
    return Sample(
        id=f"{video}/{name}" if name else video,
        benchmark="",
        task="",
        category="",
        turns=(Turn("user", (frames, Text(text))),),
        gold=gold,
        wants="masks",
        group=video,
        meta=columns,
    )
