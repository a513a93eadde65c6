"""Masks that somebody else's run left on disk, read as the replies they would have been.

Two layouts: `<dir>/[<dataset>/]<scene>/frame_0000_obj1.png` (one file per frame and object), and
Dyn-Bench's own `mask_details/<dataset>/<scene>_<suffix>_output/frame_0000.png` (one object per task file).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sightbench.errors import DatasetError
from sightbench.files import opened_image
from sightbench.mask_text import MaskText
from sightbench.rle import MAX_PIXELS
from sightbench.sample import MaskTruth, Reply, Sample

FORMS = "<scene>/frame_0000_obj1.png or <dataset>/<scene>_<task>_output/frame_0000.png"


def reply(sample: Sample, folder: Path) -> Reply | None:
    """The reply that holds the saved masks of one mask sample; None if no file of it is there.

    The mask list ends with the last saved frame; a frame missing before it is null (no mask). Any
    non-zero luminance is foreground, as in Dyn-Bench's loader. Raises DatasetError for an unreadable file.
    """
    names = next((names for names in _layouts(sample, folder) if names[0].parent.is_dir()), None)
    if names is None:
        return None
    frames = [path if path.exists() else None for path in names]
    while frames and frames[-1] is None:
        frames.pop()
    if not frames:
        return None
    rles = [None if path is None else _encode(path) for path in frames]
    size = next(rle["size"] for rle in rles if rle is not None)
    mask = {"object_id": 0, "token_index": None, "size": size, "num_frames": len(rles), "rles": rles}
    return Reply(
        sample.id,
        fingerprint="",
        status="ok",
        text="",
        masks=MaskText(orjson.dumps([mask])),
        finish_reason="stop",
        attempts=0,
        endpoint="import",
    )


def _layouts(sample: Sample, folder: Path) -> Iterator[list[Path]]:
    assert isinstance(sample.gold, MaskTruth)
    dataset, _, scene = sample.affinity.rpartition("/")
    number = sample.gold.object.split("_")[-1]
    frames = range(sample.gold.frames)
    for parent in (folder / scene, folder / dataset / scene):
        yield [parent / f"frame_{i:04d}_obj{number}.png" for i in frames]
    for root in (folder, folder / "mask_details"):
        parent = root / dataset / f"{scene}_{sample.task}_output"
        several = any(parent.glob(f"frame_*_obj{number}.png"))
        yield [
            parent / (f"frame_{i:04d}_obj{number}.png" if several else f"frame_{i:04d}.png") for i in frames
        ]


def _encode(path: Path) -> dict[str, Any]:
    from pycocotools import mask as coco

    try:
        with opened_image(path, MAX_PIXELS) as image:
            pixels = np.asarray(image.convert("L"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"not a readable mask image ({error})", path) from None
    rle = coco.encode(np.asfortranarray(pixels > 0, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}
