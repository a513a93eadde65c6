"""How long whole mask benchmarks take to score from saved RLEs: `python -m perf.mask_sets`.

Sets of the real ones' sizes are made of the masks in `--data` (as in perf.masks; without it of random blobs)
in the benchmarks' own layouts: Ref-DAVIS17 val (30 videos, 244 expressions, 67 frames), MeViS valid_u (50,
793, 70), RefCOCO testA (750 images, 5,657 expressions). A fresh process scores each, reading the ground truth
once; wall time and CPU time are its own. `--references` measures the references' scorers on decoded arrays of
the same masks beside ours from RLE, as ratios, at 480p and 720p.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import orjson
from PIL import Image
from rich.console import Console
from rich.table import Table

from perf.masks import Pair, as_read, blobs, cpu_us, davis, read_pairs, scaled
from sightbench import rle
from sightbench.evaluation.grade import score_masks
from sightbench.evaluation.imports import import_masks
from sightbench.evaluation.rescore import score
from sightbench.scorers.masks.overlap import intersection_over_union

Wire = dict[str, Any]
Tracks = list[tuple[list[Wire], list[Wire]]]
"""(predicted, true) RLEs, a frame each."""


def tracks(pairs: list[Pair]) -> Tracks:
    return [
        ([rle.encode(mask) for mask in preds], [rle.encode(mask) for mask in gts]) for preds, gts in pairs
    ]


def looped(masks: list[Wire], frames: int) -> list[Wire]:
    return [masks[at % len(masks)] for at in range(frames)]


def picture(h: int, w: int, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (w, h)).save(path, quality=30)
    return path


def videos(
    root: Path, known: Tracks, count: int, expressions: int, frames: int
) -> tuple[dict[str, Any], Wire, Wire]:
    """(list of expressions, true masks, results.json) of so many videos; their frames lie below `root`."""
    listed: dict[str, Any] = {}
    masks: dict[str, Any] = {}
    results: dict[str, Any] = {}
    jpeg: dict[tuple[int, int], Path] = {}
    names = [f"{at:05d}" for at in range(frames)]
    for number in range(expressions):
        video = f"v{number % count:03d}"
        pred, true = known[number % count % len(known)]
        h, w = true[0]["size"]
        if video not in listed:
            source = jpeg.setdefault((h, w), picture(h, w, root / f"{h}x{w}.jpg"))
            (root / "JPEGImages" / video).mkdir(parents=True)
            for name in names:
                os.link(source, root / "JPEGImages" / video / f"{name}.jpg")
            listed[video] = {"frames": names, "expressions": {}}
        id = str(len(listed[video]["expressions"]))
        ids = [number] if number % 3 else [number, (number + count) % expressions]
        listed[video]["expressions"][id] = {"exp": f"thing {id}", "obj_id": "1", "anno_id": ids}
        masks[str(number)] = looped(true, frames)
        entry = {"frames": names, "prediction_masks": looped(pred, frames)}
        results.setdefault(video, {})[id] = entry
    return listed, masks, results


def mevis(root: Path, known: Tracks) -> tuple[str, Path]:
    folder = root / "mevis/valid_u"
    listed, masks, results = videos(folder, known, 50, 793, 70)
    (folder / "meta_expressions.json").write_bytes(orjson.dumps({"videos": listed}))
    (folder / "mask_dict.json").write_bytes(orjson.dumps(masks))
    return "mevis-valid-u", _saved(root, results)


def ref_davis(root: Path, known: Tracks) -> tuple[str, Path]:
    folder = root / "davis17/valid"
    listed, _, results = videos(folder, known, 30, 244, 67)
    truth = {f"v{n:03d}": looped(known[n % len(known)][1], 67) for n in range(30)}
    order = [video for video in sorted(listed) for _ in listed[video]["expressions"]]
    (folder / "mask_dict.pkl").write_bytes(
        pickle.dumps({str(n): truth[video] for n, video in enumerate(order)})
    )
    target = root / "davis17/meta_expressions/valid/meta_expressions.json"
    target.parent.mkdir(parents=True)
    target.write_bytes(orjson.dumps({"videos": listed}))
    return "ref-davis17", _saved(root, results)


def refcoco(root: Path, known: Tracks) -> tuple[str, Path]:
    rng = np.random.default_rng(0)
    h, w, images, expressions = 480, 640, 750, 5657
    folder = root / "refcoco"
    folder.mkdir(parents=True)
    jpeg = picture(h, w, root / "images/mscoco/images/train2014/0.jpg")
    pictures, notes, refs, lines = [], [], [], []
    angles = np.linspace(0, 2 * np.pi, 33)[:-1]
    for number in range(images):
        name = f"COCO_train2014_{number:012d}.jpg"
        os.link(jpeg, jpeg.parent / name)
        pictures.append({"id": number, "file_name": name, "height": h, "width": w})
    for number in range(expressions):
        object = number // 3
        if number % 3 == 0:
            radius = rng.uniform(40, 150) * rng.uniform(0.8, 1.2, angles.size)
            x = rng.uniform(150, w - 150) + radius * np.cos(angles)
            y = rng.uniform(150, h - 150) + radius * np.sin(angles)
            polygon = np.stack([x, y], 1).ravel().round(2).tolist()
            notes.append({"id": object, "image_id": object % images, "segmentation": [polygon], "iscrowd": 0})
            refs.append({"ref_id": object, "ann_id": object, "image_id": object % images, "split": "testA"})
            refs[-1]["sentences"] = []
        refs[-1]["sentences"].append({"sent": f"thing {number}", "sent_id": number})
        pred = known[number % len(known)][0][0]
        fitting = pred if pred["size"] == [h, w] else rle.to_wire(rle.resize(rle.read(pred), h, w))
        lines.append({"ref_id": object, "sent_id": number, "prediction_masks": [fitting]})
    (folder / "instances.json").write_bytes(orjson.dumps({"images": pictures, "annotations": notes}))
    (folder / "refs(unc).p").write_bytes(pickle.dumps(refs))
    saved = root / "masks.jsonl"
    saved.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    return "refcoco-seg-testA", saved


def _saved(root: Path, results: Wire) -> Path:
    path = root / "results.json"
    path.write_bytes(orjson.dumps(results))
    return path


SETS: dict[str, tuple[Callable[[Path, Tracks], tuple[str, Path]], float]] = {
    "Ref-DAVIS17 val": (ref_davis, 10),
    "MeViS valid_u": (mevis, 30),
    "RefCOCO testA": (refcoco, 3),
}
"""Name -> what makes it, and the seconds it may take."""


def whole_sets(known: Tracks, console: Console) -> None:
    table = Table(title=f"scoring a run of a whole set, a fresh process (load {os.getloadavg()[0]:.1f})")
    for column in ("set", "expressions", "masks", "wall s", "CPU s", "bound s"):
        table.add_column(column, justify="left" if column == "set" else "right")
    for title, (make, bound) in SETS.items():
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            task, saved = make(root, known)
            imported = import_masks([task], root, saved, root / "run", "saved")
            command = [sys.executable, "-m", "perf.mask_sets", "--score", str(root / "run")]
            told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            frames = 1 if "RefCOCO" in title else 70 if "MeViS" in title else 67
            table.add_row(
                title, f"{imported.total:,}", f"{imported.total * frames:,}",
                f"{told['wall']:.2f}", f"{told['cpu']:.2f}", f"{bound:g}",
            )  # fmt: skip
    console.print(table)


def score_alone(folder: Path) -> None:
    start, began = time.process_time(), time.perf_counter()
    run = score(folder)
    spent = {"wall": time.perf_counter() - began, "cpu": time.process_time() - start}
    assert run.summary.benchmarks[0].headline.value is not None
    print(json.dumps(spent))


def lisa_iou(pred: np.ndarray, gt: np.ndarray) -> tuple[int, int]:
    """intersectionAndUnionGPU of LISA, on a CPU: histograms of the masks and of where they agree."""
    same = pred[pred == gt]
    both, _ = np.histogram(same, bins=2, range=(0, 2))
    of_pred, _ = np.histogram(pred, bins=2, range=(0, 2))
    of_gt, _ = np.histogram(gt, bins=2, range=(0, 2))
    return int(both[1]), int(of_pred[1] + of_gt[1] - both[1])


def references(pairs: list[Pair], console: Console) -> None:
    # of one thread the CPU time is told, so OpenCV may not spread its work over several
    cv2.setNumThreads(1)
    table = Table(
        title=f"CPU microseconds per mask, references on decoded arrays (load {os.getloadavg()[0]:.1f})"
    )
    table.add_column("method")
    sizes = ((480, 854), (720, 1280))
    cells: dict[str, list[str]] = {}
    for h, w in sizes:
        table.add_column(f"{h}x{w}", justify="right")
        spent: dict[str, list[float]] = {}
        for preds, gts in scaled(pairs[::2], h, w):
            p, g = [rle.encode(m) for m in preds], [rle.encode(m) for m in gts]
            few = slice(0, None, max(1, len(gts) // 6))
            theirs = (preds[few], gts[few])
            bytes_ = (as_read(theirs[0], 255), as_read(theirs[1], 1))
            spent.setdefault("J&F, MeViS's own (OpenCV)", []).append(
                cpu_us(lambda b=bytes_: davis(*b), len(bytes_[0]), 2)
            )
            ours = cpu_us(lambda p=p, g=g: score_masks(p, g, "mevis"), len(g), 9)
            spent.setdefault("J&F here, from RLE", []).append(ours)
            ints = [(a.astype(np.uint8), b.astype(np.uint8)) for a, b in zip(*theirs, strict=True)]
            lisa = cpu_us(lambda i=ints: [lisa_iou(a, b) for a, b in i], len(ints), 1)
            spent.setdefault("I and U, LISA's histograms", []).append(lisa)
            read = [(rle.read(a), rle.read(b)) for a, b in zip(p, g, strict=True)]
            here = cpu_us(lambda r=read: [intersection_over_union(a, b) for a, b in r], len(read), 9)
            spent.setdefault("I and U here, from RLE", []).append(here)
        means = {name: float(np.mean(values)) for name, values in spent.items()}
        names = list(means)
        for name, value in means.items():
            cells.setdefault(name, []).append(f"{value:,.1f}")
        for theirs_name, ours_name in (names[:2], names[2:]):
            ratio = means[theirs_name] / means[ours_name]
            cells.setdefault(f"{theirs_name} / here", []).append(f"{ratio:,.0f}x")
    for name, values in cells.items():
        table.add_row(name, *values, style="bold" if name.endswith("/ here") else "")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of real masks (default: random blobs)")
    parser.add_argument("--references", action="store_true", help="ratios to the references' scorers only")
    parser.add_argument("--score", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.score:
        score_alone(options.score)
        return
    console = Console(width=max(100, os.get_terminal_size().columns if sys.stdout.isatty() else 0))
    pairs = read_pairs(options.data) if options.data else blobs()
    if options.references:
        references(pairs, console)
    else:
        whole_sets(tracks(pairs), console)


if __name__ == "__main__":
    main()
