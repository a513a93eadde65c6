"""How much faster masks are scored here than by the benchmarks' own scorers: `python -m perf.masks`.

All methods run side by side in one process on the same objects; figures are thread CPU time per frame,
the best of several passes per object, then the mean over objects. The references are handed decoded
arrays, our cores RLE text, so parsing and validation are in our figure and decoding is not in theirs.

Needs the references: `pip install -e .[oracle]`. `--data` names a folder of real masks laid out as
masks/<set>/<scene>/frame_*.png with predictions/<any>/<scene>/frame_*.png of the same names; without it
smooth random blobs are scored.
"""

from __future__ import annotations

import argparse
import os
import resource
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
from pycocotools import mask as cocomask
from rich.console import Console
from rich.table import Table
from scipy import ndimage
from skimage.morphology import disk

from sightbench import rle
from sightbench.scorers.masks import boundary
from sightbench.scorers.masks.jf import score_object
from sightbench.scorers.masks.scorer import JF
from sightbench.scorers.masks.truth import Truth, open_cache

Frames = list[np.ndarray]
Pair = tuple[Frames, Frames]
OPENCV = "DAVIS, MeViS (OpenCV)"
SIZES = ((240, 427), (480, 854), (720, 1280), (1080, 1920), (2160, 3840))


# --- the references, restated ---------------------------------------------------------------------


def dynbench(preds: Frames, gts: Frames) -> float:
    """LilyYang0504/Bench utils/cal_metrics.py: compute_jf_score."""
    js, fs = [], []
    for pred, gt in zip(preds, gts, strict=True):
        union = np.logical_or(pred, gt).sum()
        js.append(np.logical_and(pred, gt).sum() / union if union else 1.0)
        boundary_p = pred ^ ndimage.binary_erosion(pred, iterations=2)
        boundary_g = gt ^ ndimage.binary_erosion(gt, iterations=2)
        if not boundary_p.any() or not boundary_g.any():
            fs.append(1.0 if boundary_p.any() == boundary_g.any() else 0.0)
            continue
        p = (
            np.logical_and(boundary_p, ndimage.binary_dilation(boundary_g, iterations=2)).sum()
            / boundary_p.sum()
        )
        r = (
            np.logical_and(boundary_g, ndimage.binary_dilation(boundary_p, iterations=2)).sum()
            / boundary_g.sum()
        )
        fs.append(2 * p * r / (p + r) if p + r else 0.0)
    return float((np.mean(js) + np.mean(fs)) / 2)


def seg2bmap(mask: np.ndarray) -> np.ndarray:
    seg = mask.astype(bool)
    seg[seg > 0] = 1
    right, below, both = np.zeros_like(seg), np.zeros_like(seg), np.zeros_like(seg)
    right[:, :-1], below[:-1], both[:-1, :-1] = seg[:, 1:], seg[1:], seg[1:, 1:]
    boundary = seg ^ right | seg ^ below | seg ^ both
    boundary[-1] = seg[-1] ^ right[-1]
    boundary[:, -1] = seg[:, -1] ^ below[:, -1]
    boundary[-1, -1] = 0
    return boundary


def davis(preds: np.ndarray, gts: np.ndarray) -> float:
    """db_eval_iou and db_eval_boundary over all frames (T x h x w), array operation by array operation.

    davis2017-evaluation davis2017/metrics.py; MeViS tools/metrics.py, which VISA and Sa2VA share.
    """
    p, g = preds.astype(bool), gts.astype(bool)
    void = np.zeros_like(p)
    inter = np.sum((p & g) & np.logical_not(void), axis=(-2, -1))
    union = np.sum((p | g) & np.logical_not(void), axis=(-2, -1))
    with np.errstate(invalid="ignore"):
        js = inter / union
    js[np.isclose(union, 0)] = 1
    fs = []
    for pred, gt in zip(preds, gts, strict=True):
        void = np.zeros_like(pred).astype(bool)
        radius = np.ceil(0.008 * np.linalg.norm(pred.shape))
        boundary_p, boundary_g = (seg2bmap(mask * np.logical_not(void)) for mask in (pred, gt))
        wide_p, wide_g = (
            cv2.dilate(boundary.astype(np.uint8), disk(radius).astype(np.uint8))
            for boundary in (boundary_p, boundary_g)
        )
        match_g, match_p = boundary_g * wide_p, boundary_p * wide_g
        n_p, n_g = np.sum(boundary_p), np.sum(boundary_g)
        if n_p == 0 or n_g == 0:
            fs.append(float(n_p == n_g))
            continue
        precision, recall = np.sum(match_p) / float(n_p), np.sum(match_g) / float(n_g)
        total = precision + recall
        fs.append(2 * precision * recall / total if total else 0.0)
    return float((np.mean(js) + np.mean(fs)) / 2)


def as_read(masks: Frames, foreground: int) -> np.ndarray:
    """Masks as that reference holds them: T x h x w bytes, predictions 255 as in their PNGs, the truth 1."""
    return np.stack(masks).astype(np.uint8) * np.uint8(foreground)


def vos_benchmark() -> Callable[[Frames, Frames], float] | None:
    """The package's own evaluator, fed every frame; None where it is not installed."""
    try:
        from vos_benchmark.evaluator import Evaluator
    except ImportError:
        return None

    def run(preds: Frames, gts: Frames) -> float:
        evaluator = Evaluator()
        for pred, gt in zip(preds, gts, strict=True):
            evaluator.feed_frame(pred.astype(np.uint8), gt.astype(np.uint8))
        j, f = evaluator.conclude()
        return (j[1] / 100 + f[1] / 100) / 2

    return run


# --- workloads ------------------------------------------------------------------------------------


def read_pairs(data: Path) -> list[Pair]:
    pairs = []
    for gt_dir in sorted(data.glob("masks/*/*")):
        for pred_dir in sorted(data.glob(f"predictions/*/{gt_dir.name}")):
            names = sorted(
                path.name for path in gt_dir.glob("frame_*.png") if (pred_dir / path.name).exists()
            )
            load = [
                [np.array(Image.open(d / name).convert("L")) > 0 for name in names]
                for d in (pred_dir, gt_dir)
            ]
            pairs.append((load[0], load[1]))
    return pairs


def blobs(objects: int = 8, frames: int = 12) -> list[Pair]:
    rng = np.random.default_rng(0)

    def frame(seed: np.ndarray) -> np.ndarray:
        noise = ndimage.gaussian_filter(seed, 25)
        return noise > np.quantile(noise, 0.88)

    pairs = []
    for _ in range(objects):
        seeds = [rng.standard_normal((480, 854)) for _ in range(frames)]
        other = [seed + 0.4 * rng.standard_normal(seed.shape) for seed in seeds]
        pairs.append(([frame(seed) for seed in other], [frame(seed) for seed in seeds]))
    return pairs


def scaled(pairs: list[Pair], h: int, w: int) -> list[Pair]:
    def scale(mask: np.ndarray) -> np.ndarray:
        image = Image.fromarray(mask.astype(np.uint8) * 255)
        return np.array(image.resize((w, h), Image.Resampling.BICUBIC)) > 127

    return [([scale(m) for m in preds], [scale(m) for m in gts]) for preds, gts in pairs]


# --- measuring ------------------------------------------------------------------------------------


def cpu_us(run: Callable[[], object], frames: int, passes: int) -> float:
    """Microseconds of this thread's CPU time per frame, best of `passes`."""
    best = float("inf")
    for _ in range(passes):
        start = time.thread_time_ns()
        run()
        best = min(best, time.thread_time_ns() - start)
    return best / frames / 1000


def measure(pairs: list[Pair], reference_frames: int) -> dict[str, float]:
    """Mean CPU microseconds per frame by method; checks that all agree on every object on the way."""
    references: dict[str, tuple[str, Callable[[Any, Any], float]]] = {
        "Dyn-Bench (scipy)": ("dynbench", dynbench),
        OPENCV: ("mevis", davis),
    }
    package = vos_benchmark()
    if package is not None:
        references["vos-benchmark"] = ("mevis", package)
    spent: dict[str, list[float]] = {}
    for preds, gts in pairs:
        p, g = [rle.from_array(m) for m in preds], [rle.from_array(m) for m in gts]
        some = slice(0, None, max(1, len(gts) // reference_frames))
        for name, (definition, reference) in references.items():
            few = (preds[some], gts[some])
            if name == OPENCV:
                few = (as_read(few[0], 255), as_read(few[1], 1))
            got, expected = score_object(p[some], g[some], definition).jf, reference(*few)
            assert abs(got - expected) < 1e-12, (name, got, expected)
            spent.setdefault(name, []).append(cpu_us(lambda few=few, r=reference: r(*few), len(few[1]), 1))
        wire = [{"size": [*m[:2]], "counts": m.counts.encode()} for m in (*p[some], *g[some])]
        decode = cpu_us(lambda wire=wire: [cocomask.decode(m) for m in wire], len(p[some]), 3)
        spent.setdefault("pycocotools decode, both masks", []).append(decode)
        for core in boundary.cores():
            for definition in ("dynbench", "mevis"):
                label = f"{core}: {'Dyn-Bench' if definition == 'dynbench' else 'DAVIS'} from RLE"
                passes = 3 if core == "numpy" else 9
                us = cpu_us(
                    lambda d=definition, c=core, p=p, g=g: score_object(p, g, d, core=c), len(g), passes
                )
                spent.setdefault(label, []).append(us)
    return {name: float(np.mean(values)) for name, values in spent.items()}


def report(pairs: list[Pair], console: Console) -> None:
    columns = {}
    for h, w in SIZES:
        some = pairs if h <= 480 else pairs[:: 2 if h < 2160 else 4]
        columns[f"{h}x{w}"] = measure(scaled(some, h, w), 12 if h <= 480 else 3 if h <= 1080 else 1)
    table = Table(title="CPU microseconds per frame, per-object calls")
    table.add_column("method")
    for size in columns:
        table.add_column(size, justify="right")
    for method in next(iter(columns.values())):
        table.add_row(method, *(f"{column[method]:,.1f}" for column in columns.values()))
    table.add_section()
    fastest = boundary.cores()[0]
    ratios = [("Dyn-Bench (scipy)", "Dyn-Bench", core) for core in (fastest, "numpy")]
    ratios += [(name, "DAVIS", fastest) for name in (OPENCV, "vos-benchmark")]
    for reference, ours, core in ratios:
        if reference in next(iter(columns.values())):
            cells = (f"{c[reference] / c[f'{core}: {ours} from RLE']:,.0f}x" for c in columns.values())
            table.add_row(f"{reference} / {core}", *cells, style="bold")
    console.print(table)
    pixels = np.log([h * w for h, w in SIZES])
    for ours in ("Dyn-Bench", "DAVIS"):
        times = np.log([column[f"{fastest}: {ours} from RLE"] for column in columns.values()])
        console.print(f"{fastest} {ours}: grows as pixels^{np.polyfit(pixels, times, 1)[0]:.2f}")


# --- a whole benchmark from its journal -----------------------------------------------------------


def whole_set(pairs: list[Pair], console: Console, objects: int = 3000, frames: int = 30) -> None:
    """Scores as many objects as Dyn-Bench has from a journal, ground truth cached, in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        cache = open_cache(root)
        replies = []
        for preds, gts in pairs:
            looped = [i % len(gts) for i in range(frames)]
            replies.append([rle.encode(preds[i]) for i in looped])
            masks = Truth(tuple(rle.from_array(gts[i]) for i in looped))
            # as many files as a real set has, for the cache to check; their content is read only once
            (root / "masks").mkdir(exist_ok=True)
            for n in range(len(replies) - 1, objects, len(pairs)):
                for i in range(frames):
                    (root / "masks" / f"frame_{i:04d}_obj{n}.png").touch()
                cache._keep(cache._job((str(root / "masks"), f"object_{n}", frames)), masks)
        with (root / "replies.jsonl").open("wb") as journal:
            for n in range(objects):
                masks = [{"object_id": 0, "token_index": 4, "rles": replies[n % len(replies)]}]
                line = {"sample": str(n), "status": "ok", "text": "It is [SEG].", "masks": masks}
                journal.write(orjson.dumps(line) + b"\n")
        size = (root / "replies.jsonl").stat().st_size / 1e6
        command = [sys.executable, "-m", "perf.masks", "--score", folder, "--frames", str(frames)]
        told = orjson.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    console.print(
        f"{told['objects']} objects x {frames} frames from a {size:.0f} MB journal, warm ground truth: "
        f"{told['cpu_s']:.2f} s CPU, peak memory {told['peak_mb']:.0f} MB (core {told['core']})"
    )


def score_journal(root: Path, frames: int) -> None:
    start = time.process_time()
    cache = open_cache(root)
    done, total = 0, 0.0
    with (root / "replies.jsonl").open("rb") as journal:
        for line in journal:
            reply = orjson.loads(line)
            truth = cache.object_rles(root / "masks", f"object_{reply['sample']}", frames)
            value = JF.grade(reply["masks"], truth, {"num_frames": frames}, "dynbench").value
            total += 0.0 if value is None else value
            done += 1
    figures = {
        "objects": done,
        "mean": total / done,
        "cpu_s": time.process_time() - start,
        "peak_mb": peak_memory_mb(),
        "core": boundary.core(),
    }
    print(orjson.dumps(figures).decode())


def peak_memory_mb() -> float:
    # ru_maxrss would begin with what the parent held when it started us
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of real masks (default: random blobs)")
    parser.add_argument("--score", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--frames", type=int, default=30, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.score:
        score_journal(options.score, options.frames)
        return
    cv2.setNumThreads(1)
    console = Console(width=max(110, os.get_terminal_size().columns if sys.stdout.isatty() else 0))
    pairs = read_pairs(options.data) if options.data else blobs()
    console.print(
        f"{len(pairs)} objects, {sum(len(g) for _, g in pairs)} frames; load {os.getloadavg()[0]:.1f}"
    )
    report(pairs, console)
    whole_set(pairs, console)


if __name__ == "__main__":
    main()
