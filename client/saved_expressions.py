"""Masks of expressions that another program left on disk, read as the replies they would have been.

    FOLDER/[Annotations/]<video>/<expression>/<frame>.png   MeViS, Sa2VA, UniPixel, VISA, CodaLab's zips
    results.json   {video: {expression: {frames: [names], prediction_masks: [RLE or null]}}}   Sa2VA
    lines.jsonl    {"id": "<ref_id>/<sent_id>", "prediction_masks": [an RLE per object]}   images
    FOLDER/<id>.png   images
    FOLDER/[Annotations/]<video>/<frame>.png   label maps, of samples that have a `label` (0: all objects)

What a foreground pixel says in a PNG (1 or 255) does not matter: above 0 is foreground.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson

from sightbench import rle
from sightbench.errors import DatasetError, UsageError
from sightbench.mask_file import read_labels
from sightbench.mask_text import MaskText
from sightbench.sample import Reply, Sample, Video

Find = Callable[[Sample], "Reply | None"]
"""The reply of a sample, None if nothing of it is there. DatasetError for a file that cannot be read."""

LabelMap = Mapping[int, Mapping[str, Any]]
"""The RLE of each label that is there; of BACKGROUND an empty one."""

LabelMaps = Callable[[Path, tuple[str, ...]], Sequence["LabelMap | None"]]
"""(folder, names of frames) -> the label maps; those of a video are kept for its next object."""

BACKGROUND = 0

FORMS = (
    "<video>/<expression>/<frame>.png in a folder, a results.json of {video: {expression: "
    '{prediction_masks}}}, or lines {"id", "prediction_masks"} in a .jsonl; of objects label maps '
    "<video>/<frame>.png"
)


class Predicted(msgspec.Struct):
    """An expression in results.json."""

    prediction_masks: list[dict[str, Any] | None]
    frames: list[str] | None = None


class Line(msgspec.Struct):
    """An expression about an image. It is named by `id`, or by the ids of its reference and sentence."""

    prediction_masks: list[dict[str, Any] | None]
    id: str | int | None = None
    ref_id: str | int | None = None
    sent_id: str | int | None = None


def finder(path: Path) -> Find:
    """What finds the masks of a sample in `path`, a folder or a file. UsageError if it is neither."""
    if path.is_dir():
        kept = lru_cache(maxsize=4)(_label_maps)
        return lambda sample: _in_folder(path, sample, kept)
    if not path.is_file():
        raise UsageError(f"--masks {path}: there is no such folder or file")
    return _in_lines(path) if path.suffix == ".jsonl" else _in_results(path)


def own_id(sample: Sample) -> str:
    """The sample's id in its benchmark: <video>/<expression>, <ref_id>/<sent_id>."""
    return sample.id.removeprefix(f"{sample.benchmark}/")


def frame_names(sample: Sample) -> tuple[str, ...]:
    """The names (without suffix) of the frames of its video; none for an image."""
    parts = (part for turn in sample.turns for part in turn.parts)
    video = next((part for part in parts if isinstance(part, Video)), None)
    return () if video is None else tuple(frame.stem for frame in video.frames if isinstance(frame, Path))


def _in_folder(root: Path, sample: Sample, label_maps: LabelMaps) -> Reply | None:
    names = frame_names(sample)
    label = sample.meta.get("label")
    if isinstance(label, int):
        return _in_label_maps(root, sample, names, label, label_maps)
    for base in (root, root / "Annotations"):
        if not names:
            path = base / f"{own_id(sample)}.png"
            if path.is_file():
                return _reply(sample, [[_encoded(path)]])
            continue
        folder = base / own_id(sample)
        if folder.is_dir():
            files = [folder / f"{name}.png" for name in names]
            found = [_encoded(file) if file.is_file() else None for file in files]
            return _reply(sample, [found]) if any(found) else None
    return None


def _in_label_maps(
    root: Path, sample: Sample, names: Sequence[str], label: int, label_maps: LabelMaps
) -> Reply | None:
    """The object of that label in a folder of label maps, or of all labels; a frame that is not there has
    no mask, an object that is in none of them empty ones."""
    for base in (root, root / "Annotations"):
        folder = base / str(sample.meta["video"])
        if folder.is_dir():
            maps = label_maps(folder, tuple(names))
            if not any(each is not None for each in maps):
                return None
            highest = max(max(each) for each in maps if each is not None)
            labels = (label,) if label else range(1, highest + 1)
            return _reply(sample, [[_of_label(each, one) for each in maps] for one in labels])
    return None


def _of_label(label_map: LabelMap | None, label: int) -> Mapping[str, Any] | None:
    return None if label_map is None else label_map.get(label, label_map[BACKGROUND])


def _label_maps(folder: Path, names: tuple[str, ...]) -> tuple[LabelMap | None, ...]:
    """The label maps of a video; None where there is none."""
    files = [folder / f"{name}.png" for name in names]
    return tuple(_label_map(file) if file.is_file() else None for file in files)


def _label_map(path: Path) -> LabelMap:
    pixels = read_labels(path)
    found = {int(label): rle.encode(pixels == label) for label in np.unique(pixels)}
    return {**found, BACKGROUND: rle.to_wire(rle.empty(*pixels.shape))}


def _encoded(path: Path) -> dict[str, Any]:
    return rle.encode(read_labels(path, or_luminance=True))


def _in_results(path: Path) -> Find:
    """`results.json` is mapped, and an expression's masks decoded when they are asked for."""
    try:
        with path.open("rb") as file:
            held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            videos = msgspec.json.decode(held, type=dict[str, dict[str, msgspec.Raw]])
    except (OSError, ValueError, msgspec.DecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"not {{video: {{expression: {{prediction_masks}}}}}}: {reason}", path) from None

    def find(sample: Sample) -> Reply | None:
        video, expression = sample.meta.get("video"), sample.meta.get("expression")
        entry = videos.get(str(video), {}).get(str(expression))
        if entry is None:
            return None
        try:
            found = msgspec.json.decode(entry, type=Predicted)
        except msgspec.DecodeError as error:
            raise DatasetError(f"{video}/{expression}: {error}", path) from None
        masks = found.prediction_masks
        if found.frames is not None:
            if len(found.frames) != len(masks):
                counts = f"{len(masks)} masks for {len(found.frames)} frames"
                raise DatasetError(f"{video}/{expression}: {counts}", path)
            by_name = dict(zip(found.frames, masks, strict=True))
            masks = [by_name.get(name) for name in frame_names(sample)]
        return _reply(sample, [masks])

    return find


def _in_lines(path: Path) -> Find:
    places: dict[str, tuple[int, int]] = {}
    at = 0
    try:
        with path.open("rb") as lines:
            for number, text in enumerate(lines, 1):
                if text.strip():
                    try:
                        line = msgspec.json.decode(text, type=Line)
                    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                        raise DatasetError(f"not a line of masks: {error}", path, number) from None
                    key = f"{line.ref_id}/{line.sent_id}" if line.id is None else str(line.id)
                    places[key] = (at, len(text))
                at += len(text)
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", path) from None

    def find(sample: Sample) -> Reply | None:
        place = places.get(own_id(sample)) or places.get(sample.id)
        if place is None:
            return None
        with path.open("rb") as lines:
            lines.seek(place[0])
            line = msgspec.json.decode(lines.read(place[1]), type=Line)
        return _reply(sample, [[mask] for mask in line.prediction_masks])

    return find


def _reply(sample: Sample, objects: Sequence[Sequence[Mapping[str, Any] | None]]) -> Reply:
    wire = []
    for number, frames in enumerate(objects):
        size = next((frame.get("size") for frame in frames if frame is not None), None)
        entry = {"object_id": number, "token_index": None, "size": size, "num_frames": len(frames)}
        wire.append({**entry, "rles": frames})
    return Reply(
        *(sample.id, "", "ok", ""),
        masks=MaskText(orjson.dumps(wire)),
        finish_reason="stop",
        attempts=0,
        endpoint="import",
    )
