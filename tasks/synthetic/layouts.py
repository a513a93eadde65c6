"""A synthetic set in the layouts of referring benchmarks, so that each of their rows runs without a download.

    mevis      mevis/valid_u: expressions of one or two objects, masks in mask_dict.json
    refdavis   davis17: four expressions an object, mask_dict.pkl and label maps
    revos      revos: expressions, questions, and names of objects that are not there
    refcoco    refcoco and grefcoco: the first frame of every video as an image, some names of nothing

The words are those of docs/synthetic.md; nothing here is new to who reads that page.
"""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightbench import rle
from sightbench.errors import SightbenchError, UsageError
from sightbench.tasks.synthetic.scene import COLOURS, SHAPES

DATASET = "synthetic"
MASK_TASKS = ("cameramask", "objmask", "scenemask")
QUESTIONS = {
    "nearest": ("the object nearest to the camera", "Which object is nearest to the camera"),
    "farthest": ("the object farthest from the camera", "Which object is farthest from the camera"),
    "leftmost": ("the leftmost object", "Which object is the leftmost one"),
    "rightmost": ("the rightmost object", "Which object is the rightmost one"),
    "travel": (
        "the object that moves the farthest over the ground",
        "Which object moves the farthest over the ground",
    ),
    "closest_to": ("the object closest to", "Which object is closest to"),
}
"""Family -> how its expression begins, and how a question for the same object does."""

STILL = ("nearest", "farthest", "leftmost", "rightmost", "closest_to", "hidden_by", "on_mat", "named")
"""Families that one frame can answer."""


SPLITS = ("val", "testA", "testB")
"""Of RefCOCO; each holds the same references."""


@dataclass(frozen=True, slots=True)
class Told:
    """An expression: its words, its family, and the object it means (from 0)."""

    text: str
    family: str
    target: int


@dataclass(frozen=True, slots=True)
class Clip:
    """One rendered video: its frames, objects by name with their masks ([object][frame]), what is said."""

    name: str
    frames: tuple[Path, ...]
    names: tuple[str, ...]
    masks: tuple[tuple[dict[str, Any], ...], ...]
    told: tuple[Told, ...]

    @property
    def size(self) -> tuple[int, int]:
        h, w = self.masks[0][0]["size"]
        return h, w

    @property
    def absent(self) -> str:
        """The name of an object that is not there."""
        here = set(self.names)
        return next(name for c in COLOURS for s in SHAPES if (name := f"{c} {s}") not in here)


def clips(rendered: Path) -> Iterator[Clip]:
    """The videos of a set that `generate` wrote."""
    for folder in sorted((rendered / "frames" / DATASET).iterdir()):
        scene = json.loads((rendered / f"scenes/{DATASET}/{folder.name}.json").read_text())
        names = tuple(f"{entry['colour']} {entry['shape']}" for entry in scene["objects"])
        frames = tuple(sorted(folder.iterdir()))
        masks = tuple(
            tuple(
                _mask(rendered / f"masks/{DATASET}/{folder.name}/{frame.stem}_obj{k + 1}.png")
                for frame in frames
            )
            for k in range(len(names))
        )
        yield Clip(folder.name, frames, names, masks, tuple(_told(rendered, folder.name)))


def _told(rendered: Path, name: str) -> Iterator[Told]:
    for task in MASK_TASKS:
        path = rendered / f"multi_json/{DATASET}/{name}_{task}.json"
        if path.exists():
            for object, entry in json.loads(path.read_text()).items():
                target = int(object.removeprefix("object_")) - 1
                yield Told(entry["crop_caption"], entry["family"], target)


def _mask(path: Path) -> dict[str, Any]:
    with Image.open(path) as image:
        return rle.encode(np.asarray(image))


def write(rendered: Path, out: Path, layout: str) -> int:
    """Writes the set in `rendered` into `out` in one of LAYOUTS: how many expressions. SightbenchError if the
    disk refuses."""
    try:
        return LAYOUTS[layout](list(clips(rendered)), out)
    except OSError as error:
        raise SightbenchError(f"cannot write to {out}: {error.strerror}") from error


def check(layout: str | None) -> None:
    """UsageError for a layout nobody knows."""
    if layout is not None and layout not in LAYOUTS:
        raise UsageError(f"--layout {layout}: choose {', '.join(LAYOUTS)}")


def mevis(videos: Sequence[Clip], out: Path) -> int:
    root = out / "mevis/valid_u"
    listed: dict[str, Any] = {}
    masks: dict[str, Any] = {}
    count = 0
    for clip in videos:
        ids = [str(len(masks) + k) for k in range(len(clip.names))]
        masks |= dict(zip(ids, clip.masks, strict=True))
        said = [*clip.told, *(Told(f"the {name}", "named", k) for k, name in enumerate(clip.names))]
        entries = {
            str(n): {"exp": told.text, "obj_id": [told.target], "anno_id": [int(ids[told.target])]}
            for n, told in enumerate(said)
        }
        count += len(entries)
        listed[clip.name] = {
            "expressions": entries,
            "vid_id": clip.name,
            "frames": _copied(clip, root / "JPEGImages"),
        }
    _json(root / "meta_expressions.json", {"videos": listed})
    _json(root / "mask_dict.json", masks)
    return count


def refdavis(videos: Sequence[Clip], out: Path) -> int:
    root = out / "davis17"
    listed: dict[str, Any] = {}
    for clip in videos:
        said: list[Told] = []
        for k, name in enumerate(clip.names):
            own = [told for told in clip.told if told.target == k]
            named = [Told(f"the {name}", "named", k)] * 4
            said += [*own, *named][:4]
        entries = {str(n): {"exp": told.text, "obj_id": str(told.target + 1)} for n, told in enumerate(said)}
        listed[clip.name] = {"expressions": entries, "frames": _copied(clip, root / "valid/JPEGImages")}
        _label_maps(clip, root / "valid/Annotations" / clip.name)
    by_name = {clip.name: clip for clip in videos}
    masks: dict[str, Any] = {}
    # Annotations are counted over videos and expressions sorted as text.
    for video in sorted(listed):
        for id in sorted(listed[video]["expressions"]):
            target = int(listed[video]["expressions"][id]["obj_id"]) - 1
            masks[str(len(masks))] = list(by_name[video].masks[target])
    _json(root / "meta_expressions/valid/meta_expressions.json", {"videos": listed})
    (root / "valid/mask_dict.pkl").write_bytes(pickle.dumps(masks, protocol=2))
    return len(masks)


def revos(videos: Sequence[Clip], out: Path) -> int:
    root = out / "revos"
    listed: dict[str, Any] = {}
    masks: dict[str, Any] = {}
    foreground: dict[str, Any] = {}
    count = 0
    for clip in videos:
        ids = [str(len(masks) + k) for k in range(len(clip.names))]
        masks |= dict(zip(ids, clip.masks, strict=True))
        entries: dict[str, Any] = {}
        for told in clip.told:
            kinds = [(told.text, 0)] + ([(question, 1)] if (question := as_question(told)) else [])
            for text, kind in kinds:
                target = {"obj_id": [told.target], "anno_id": [int(ids[told.target])]}
                entries[str(len(entries))] = {"exp": text, "type_id": kind, **target}
        entries[str(len(entries))] = {"exp": f"the {clip.absent}", "type_id": 2, "obj_id": [], "anno_id": []}
        count += len(entries)
        h, w = clip.size
        frames = _copied(clip, root / "JPEGImages")
        listed[clip.name] = {"expressions": entries, "frames": frames, "height": h, "width": w}
        whole = [
            rle.to_wire(rle.union([rle.read(track[t]) for track in clip.masks])) for t in range(len(frames))
        ]
        foreground[clip.name] = {"masks_rle": whole}
    _json(root / "meta_expressions_valid_.json", {"videos": listed})
    _json(root / "mask_dict.json", masks)
    _json(root / "mask_dict_foreground.json", foreground)
    return count


def as_question(told: Told) -> str | None:
    """The same as a question; None for a family that no question asks for."""
    begins = QUESTIONS.get(told.family)
    if begins is None or not told.text.startswith(begins[0]):
        return None
    return f"{begins[1]}{told.text.removeprefix(begins[0])}?"


def refcoco(videos: Sequence[Clip], out: Path) -> int:
    pictures = out / "images/mscoco/images/train2014"
    pictures.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    refs: list[dict[str, Any]] = []
    grefs: list[dict[str, Any]] = []
    for number, clip in enumerate(videos, start=1):
        h, w = clip.size
        file = f"COCO_train2014_{number:012d}.jpg"
        shutil.copyfile(clip.frames[0], pictures / file)
        images.append({"id": number, "file_name": file, "height": h, "width": w})
        ids = {}
        for k, track in enumerate(clip.masks):
            area = rle.area(rle.read(track[0]))
            if area:
                ids[k] = len(notes) + 1
                note = {
                    "id": ids[k],
                    "image_id": number,
                    "segmentation": track[0],
                    "iscrowd": 0,
                    "area": area,
                }
                notes.append({**note, "category_id": 1, "bbox": [0, 0, w, h]})
        said = [told for told in clip.told if told.family in STILL and "last frame" not in told.text]
        said += [Told(f"the {name}", "named", k) for k, name in enumerate(clip.names)]
        nothing = [{"sent": f"the {clip.absent}", "sent_id": 10**6 + number}]
        for split in SPLITS:
            common = {"image_id": number, "split": split, "file_name": file}
            for k, id in ids.items():
                texts = [told.text for told in said if told.target == k]
                sentences = [{"sent": text, "sent_id": 100 * id + n} for n, text in enumerate(texts)]
                one = {"ref_id": len(refs), "ann_id": id, "category_id": 1, "sentences": sentences}
                several = {**one, "ref_id": len(grefs), "ann_id": [id], "category_id": [1]}
                refs.append({**one, **common})
                grefs.append({**several, **common})
            none = {"ref_id": len(grefs), "ann_id": [-1], "category_id": [-1], "sentences": nothing}
            grefs.append({**none, **common})
    instances = {"images": images, "annotations": notes, "categories": [{"id": 1, "name": "object"}]}
    for dataset in ("refcoco", "grefcoco"):
        _json(out / dataset / "instances.json", instances)
    (out / "refcoco/refs(unc).p").write_bytes(pickle.dumps(refs, protocol=2))
    _json(out / "grefcoco/grefs(unc).json", grefs)
    return sum(len(ref["sentences"]) for ref in refs)


LAYOUTS: Mapping[str, Callable[[Sequence[Clip], Path], int]] = {
    "mevis": mevis,
    "refdavis": refdavis,
    "revos": revos,
    "refcoco": refcoco,
}


def _copied(clip: Clip, folder: Path) -> list[str]:
    """The frames, copied under the names that these benchmarks give them."""
    (folder / clip.name).mkdir(parents=True, exist_ok=True)
    names = [f"{at:05d}" for at in range(len(clip.frames))]
    for name, frame in zip(names, clip.frames, strict=True):
        shutil.copyfile(frame, folder / clip.name / f"{name}{frame.suffix}")
    return names


def _label_maps(clip: Clip, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    palette = [
        channel for label in range(256) for channel in (label * 37 % 256, label * 91 % 256, label * 53 % 256)
    ]
    for at in range(len(clip.frames)):
        index = np.zeros(clip.size, np.uint8)
        for k, track in enumerate(clip.masks):
            index[rle.decode(rle.read(track[at]))] = k + 1
        image = Image.fromarray(index, "P")
        image.putpalette(palette)
        image.save(folder / f"{at:05d}.png")


def _json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")
