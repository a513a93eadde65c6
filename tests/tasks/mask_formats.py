"""Small sets that ask for masks, in the layouts that the references' readers open."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightbench import rle

HEIGHT, WIDTH = 12, 16
FRAMES = ("00000", "00001", "00002")


def picture(seed: int = 0) -> bytes:
    """A JPEG of noise that differs by seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


def put(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def block(left: int, top: int = 3, side: int = 4) -> np.ndarray:
    """bool, HEIGHT x WIDTH: a square."""
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[top : top + side, left : left + side] = True
    return pixels


def track(left: int, absent: Sequence[int] = ()) -> list[dict[str, Any] | None]:
    """RLEs of a square that moves to the right, a frame at a time; null where it is absent."""
    return [None if at in absent else rle.encode(block(left + at)) for at in range(len(FRAMES))]


def frames(folder: Path, names: Sequence[str] = FRAMES) -> None:
    for seed, name in enumerate(names):
        put(folder / f"{name}.jpg", picture(seed))


EXPRESSIONS = {
    "cat": {"0": {"exp": "the cat that walks", "anno_id": [0]}, "1": {"exp": "both", "anno_id": [0, 1]}},
    "zoo/dog": {"0": {"exp": "Which one runs?", "anno_id": [2]}},
}
"""Video -> expression -> as the file has it; one name holds a slash, as ReVOS's do."""


def listed(more: Mapping[str, Mapping[str, Any]] | None = None, **video: Any) -> dict[str, Any]:
    """A list of expressions; `more` is added to the expressions of each video by id."""
    videos = {}
    for name, expressions in EXPRESSIONS.items():
        entries = {id: {"obj_id": [1], **entry} for id, entry in expressions.items()}
        for id, added in (more or {}).items():
            if id in entries:
                entries[id] |= added
        videos[name] = {"frames": list(FRAMES), "expressions": entries, **video}
    return {"videos": videos}


def true_masks() -> dict[str, Any]:
    return {"0": track(1), "1": track(9, absent=(1,)), "2": track(4)}


def mevis(root: Path, split: str = "valid_u", masks: bool = True) -> None:
    folder = root / "mevis" / split
    put(folder / "meta_expressions.json", listed())
    for video in EXPRESSIONS:
        frames(folder / "JPEGImages" / video)
    if masks:
        put(folder / "mask_dict.json", true_masks())


def ref_davis(root: Path) -> None:
    """Two videos of one and of three objects, each with four expressions an object."""
    folder = root / "davis17"
    videos, masks = {}, {}
    count = 0
    for video, objects in (("ant", 1), ("bike", 3)):
        expressions = {
            str(4 * k + a): {"exp": f"thing {k} told {a}", "obj_id": str(k + 1)}
            for k in range(objects)
            for a in range(4)
        }
        videos[video] = {"frames": list(FRAMES), "expressions": expressions}
        for id in sorted(expressions):
            masks[str(count)] = track(1 + 4 * (int(id) // 4))
            count += 1
        frames(folder / "valid/JPEGImages" / video)
        for at, name in enumerate(FRAMES):
            index = np.zeros((HEIGHT, WIDTH), np.uint8)
            for k in range(objects):
                index[block(1 + 4 * k + at)] = k + 1
            index[0, :4] = 255
            palette_png(folder / "valid/Annotations" / video / f"{name}.png", index)
    put(folder / "meta_expressions/valid/meta_expressions.json", {"videos": videos})
    as_bytes = {key: [{**mask, "counts": mask["counts"].encode()} for mask in masks[key]] for key in masks}
    put(folder / "valid/mask_dict.pkl", pickle.dumps(as_bytes, protocol=2))


def palette_png(path: Path, index: np.ndarray) -> Path:
    """A label map whose colours are nearly black: only its indices tell objects apart."""
    image = Image.fromarray(index, "P")
    image.putpalette([channel for label in range(256) for channel in (0, 0, label % 3)])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def ref_youtube_vos(root: Path) -> None:
    folder = root / "ref-youtube-vos"
    both = listed()
    both["videos"]["hidden"] = {"frames": ["00000"], "expressions": {"0": {"exp": "of the test split"}}}
    put(folder / "meta_expressions/valid/meta_expressions.json", both)
    put(
        folder / "meta_expressions/test/meta_expressions.json",
        {"videos": {"hidden": both["videos"]["hidden"]}},
    )
    for video in EXPRESSIONS:
        frames(folder / "valid/JPEGImages" / video)


def revos(root: Path) -> None:
    folder = root / "revos"
    content = listed({"0": {"type_id": 1}, "1": {"type_id": 0}}, height=HEIGHT, width=WIDTH)
    content["videos"]["cat"]["expressions"]["2"] = {
        "exp": "a horse",
        "obj_id": [],
        "anno_id": [],
        "type_id": 2,
    }
    put(folder / "meta_expressions_valid_.json", content)
    put(folder / "mask_dict.json", true_masks())
    whole = {"cat": [rle.encode(block(1 + at) | block(9)) for at in range(3)], "zoo/dog": track(4)}
    put(folder / "mask_dict_foreground.json", {video: {"masks_rle": masks} for video, masks in whole.items()})
    for video in EXPRESSIONS:
        frames(folder / video)


def ref_sav(root: Path) -> None:
    folder = root / "ref_sav_eval"
    put(
        folder / "meta_expressions_valid.json",
        listed({"0": {"type_id": 0}, "1": {"type_id": 1}}, height=HEIGHT, width=WIDTH),
    )
    put(folder / "mask_dict.json", true_masks())
    for video in EXPRESSIONS:
        frames(folder / "videos" / video)


def polygon(left: int, top: int = 3, side: int = 4) -> list[float]:
    return [left, top, left + side, top, left + side, top + side, left, top + side]


def refer(
    dataset: str, file: str, splits: Sequence[str], targets: Sequence[Any] = ([1], [2], [1, 2])
) -> Callable[[Path], None]:
    """One image, and a reference for each split and target; a plain id instead of a list where it is one."""
    several = dataset == "grefcoco"

    def write(root: Path) -> None:
        folder = root / dataset
        refs: list[dict[str, Any]] = []
        for split in splits:
            for ids in targets:
                if len(ids) > 1 and not several:
                    continue
                number = len(refs)
                sentences = [{"sent": f"thing {number}", "sent_id": 2 * number, "tokens": [], "raw": "x"}]
                if number == 0:
                    sentences.append({"sent": "left one", "sent_id": 1, "tokens": [], "raw": "x"})
                ref = {"ref_id": number, "ann_id": ids if several else ids[0], "image_id": 7, "split": split}
                refs.append(
                    {**ref, "sentences": sentences, "file_name": "COCO_another_1.jpg", "category_id": 1}
                )
        if file.endswith(".p"):
            put(folder / file, pickle.dumps(refs, protocol=2))
        else:
            put(folder / file, refs)
        objects = {1: [polygon(1)], 2: [polygon(8), polygon(9, 4)]}
        notes = [
            {"id": id, "image_id": 7, "segmentation": parts, "bbox": [0, 0, 1, 1], "iscrowd": 0, "area": 1.5}
            for id, parts in objects.items()
        ]
        image = {"id": 7, "file_name": "COCO_train2014_000000000007.jpg", "height": HEIGHT, "width": WIDTH}
        put(folder / "instances.json", {"images": [image], "annotations": notes, "categories": []})
        put(root / "images/mscoco/images/train2014" / str(image["file_name"]), picture())

    return write


def reasonseg(split: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        target = {"label": "target", "shape_type": "polygon", "points": [[2, 2], [9, 2], [9, 8.5], [2, 8]]}
        ignored = {"label": "ignore", "shape_type": "polygon", "points": [[2, 2], [4, 2], [4, 4], [2, 4]]}
        for name, sentence in (("a_1", True), ("b_2", False)):
            entry = {"text": ["the place one cooks at", "again"], "is_sentence": sentence}
            put(root / f"ReasonSeg/{split}/{name}.json", {**entry, "shapes": [target, ignored]})
            put(root / f"ReasonSeg/{split}/{name}.jpg", picture())

    return write


def gcg(split: str) -> Callable[[Path], None]:
    """Two images, one with two objects."""

    def write(root: Path) -> None:
        masks = [rle.encode(block(2)), rle.encode(block(9))]
        notes = [
            {"id": at, "image_id": image, "category_id": 1, "segmentation": mask, "iscrowd": 0}
            for at, (image, mask) in enumerate((("sa_1", masks[0]), ("sa_1", masks[1]), ("sa_2", masks[0])))
        ]
        pictures = [{"id": id, "height": HEIGHT, "width": WIDTH} for id in ("sa_1", "sa_2")]
        for picture_ in pictures:
            put(root / f"GranDf_HA_images/val_test/{picture_['id']}.jpg", picture())
        file = root / f"annotations/val_test/{split}_gcg_coco_mask_gt.json"
        put(file, {"images": pictures, "annotations": notes, "categories": [{"id": 1}]})

    return write


def groundmore(root: Path) -> None:
    """A clip of 36 frames; the object acts from its 12th to its 23rd, and one frame of those has no map."""
    clip = root / "GroundMoRe/annotations/kick_0010_0016"
    for at in range(36):
        put(clip / f"images/frame_{at:06d}.jpg", picture(at))
        index = np.zeros((HEIGHT, WIDTH), np.uint8)
        index[block(2)] = 2
        index[block(9)] = 1
        if at != 14:
            palette_png(clip / f"masks/frame_{at:06d}.png", index)
    times = {"action_start": "00:12", "action_end": "00:14"}
    questions = {
        "0": {"question": "Who kicks it", "answer": "he", "obj_id": "2", "q_type": "Causal", **times},
        "1": {"question": "What moves?", "answer": "it", "obj_id": "1, 2", "q_type": "Descriptive", **times},
    }
    put(root / "GroundMoRe/test_v2.json", {"videos": {"kick_0010_0016": {"questions": questions}}})


def reasonvos(root: Path) -> None:
    folder = root / "ReasonVOS"
    expressions = [
        {"obj_id": 3, "exp_id": 0, "exp_text": "What barks", "is_sent": True},
        {"obj_id": 3, "exp_id": 1, "exp_text": "the Dog", "is_sent": False},
    ]
    entry = {"source": "MOSE", "frames": list(FRAMES), "expressions": expressions}
    put(folder / "meta_expressions.json", {"videos": {"cat": entry}})
    frames(folder / "JPEGImages/cat")
    for at, name in enumerate(FRAMES):
        path = folder / "Annotations/MOSE_cat_3" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(block(4 + at).astype(np.uint8) * 3, "L").save(path)


def two_objects(at: int) -> np.ndarray:
    """uint8: object 1 moves to the right, object 2 stays."""
    index = np.zeros((HEIGHT, WIDTH), np.uint8)
    index[block(9)] = 2
    index[block(1 + at)] = 1
    return index


def davis(root: Path, annotations: str = "Annotations", *, void: int = 0) -> None:
    """Two sequences of two objects in DAVIS's folders; `void` marks the first row as belonging to nothing."""
    put(root / "DAVIS/ImageSets/2017/val.txt", b"cat\ndog\n")
    for video in ("cat", "dog"):
        frames(root / "DAVIS/JPEGImages/480p" / video)
        for at, name in enumerate(FRAMES):
            index = two_objects(at)
            index[0, :void] = 255
            palette_png(root / "DAVIS" / annotations / "480p" / video / f"{name}.png", index)


def vos(root: Path) -> None:
    """Label maps alone, a folder a video."""
    for at, name in enumerate(FRAMES):
        palette_png(root / "Annotations/cat" / f"{name}.png", two_objects(at))


def davis16(root: Path) -> None:
    """The list names every frame, as DAVIS 2016's own does; masks are 0 and 255."""
    listed = "".join(f"/JPEGImages/480p/cat/{at}.jpg /Annotations/480p/cat/{at}.png\n" for at in FRAMES)
    put(root / "DAVIS/ImageSets/480p/val.txt", listed.encode())
    frames(root / "DAVIS/JPEGImages/480p/cat")
    for at, name in enumerate(FRAMES):
        path = root / "DAVIS/Annotations/480p/cat" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(block(1 + at).astype(np.uint8) * 255, "L").save(path)


def mosev2(root: Path) -> None:
    entry = {"length": len(FRAMES), "height": HEIGHT, "width": WIDTH, "objects": ["1", "2"]}
    put(root / "MOSEv2/valid/meta.json", {"videos": {"cat": entry}})
    frames(root / "MOSEv2/valid/JPEGImages/cat")
    for at, name in enumerate(FRAMES):
        palette_png(root / "MOSEv2/valid/Annotations/cat" / f"{name}.png", two_objects(at))


def sav(split: str) -> Callable[[Path], None]:
    """A video of 9 frames, each fourth of which is annotated, an object a folder."""

    def write(root: Path) -> None:
        folder = root / f"sav_{split}"
        put(folder / f"sav_{split}.txt", b"sav_000001\n")
        frames(folder / "JPEGImages_24fps/sav_000001", [f"{at:05d}" for at in range(9)])
        for at in range(3):
            for object in (1, 2):
                path = folder / f"Annotations_6fps/sav_000001/00{object - 1}" / f"{4 * at:05d}.png"
                palette_png(path, (two_objects(at) == object).astype(np.uint8))

    return write


UNC = ("val", "testA", "testB", "train")

MAKERS: dict[str, Callable[[Path], None]] = {
    **{f"refcoco-seg-{split}": refer("refcoco", "refs(unc).p", UNC) for split in UNC[:3]},
    **{f"refcoco+-seg-{split}": refer("refcoco+", "refs(unc).p", UNC) for split in UNC[:3]},
    **{
        f"refcocog-seg-{split}": refer("refcocog", "refs(umd).p", ("val", "test", "train"))
        for split in ("val", "test")
    },
    **{
        f"grefcoco-{split}": refer("grefcoco", "grefs(unc).json", UNC, ([1], [1, 2], [-1]))
        for split in UNC[:3]
    },
    **{f"reasonseg-{split}": reasonseg(split) for split in ("val", "test")},
    "vos": vos,
    **{f"gcg-{split}": gcg(split) for split in ("val", "test")},
    "davis16": davis16,
    "davis17-semi": davis,
    "davis17-unsup": lambda root: davis(root, "Annotations_unsupervised", void=5),
    "mosev2": mosev2,
    **{f"sa-v-{split}": sav(split) for split in ("val", "test")},
    "mevis-valid-u": mevis,
    "groundmore": groundmore,
    "reasonvos": reasonvos,
    "mevis-valid": lambda root: mevis(root, "valid", masks=False),
    "ref-davis17": ref_davis,
    "ref-youtube-vos": ref_youtube_vos,
    "revos": revos,
    "ref-sav": ref_sav,
}
