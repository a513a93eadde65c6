"""What a comparison costs as a whole command, and a control run beside the plain one.

python -m perf.studies [--videos 1000] [--rounds 3]

`compare`: two runs of ten questions about each video, read from disk, 100,000 flips. Controls: the same
questions asked of a local server that takes as long as a fast model does, plain and controlled in turn; the
least time of each, as a ratio to the plain run's, and seconds of processor beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

import sightbench
from perf.client import ROOT, mock
from sightbench.evaluation.imports import import_predictions
from sightbench.evaluation.rescore import score

TASKS = (("qa", 4), ("cameraqa", 3), ("sceneqa", 3))
FRAMES = 8
CONTROLS = ("blind", "first-frame", "shuffled", "reversed", "black", "mirrored", "other-video")


def make(root: Path, videos: int, draw: random.Random) -> None:
    """Dyn-Bench's layout: `videos` scenes of frames as large as DAVIS's at 480p, ten questions each, and two
    files of answers that are right in 60 and 63 %."""
    picture = io.BytesIO()
    noise = Image.frombytes("RGB", (107, 60), draw.randbytes(107 * 60 * 3)).resize((854, 480))
    noise.save(picture, "JPEG", quality=90)
    (root / "multi_json" / "d").mkdir(parents=True)
    (root / "masks" / "d").mkdir(parents=True)
    with (root / "a.jsonl").open("w") as one, (root / "b.jsonl").open("w") as two:
        for scene in range(videos):
            frames = root / "frames" / "d" / f"scene{scene}"
            frames.mkdir(parents=True)
            for index in range(FRAMES):
                (frames / f"frame_{index:04d}.jpg").write_bytes(picture.getvalue())
            for task, count in TASKS:
                questions = [
                    {
                        "question": f"Which of {number} is nearer?",
                        "options": [f"{letter}. thing {letter}" for letter in "ABCD"],
                        "answer": draw.choice("ABCD"),
                    }
                    for number in range(count)
                ]
                path = root / "multi_json" / "d" / f"scene{scene}_{task}.json"
                path.write_text(json.dumps(questions))
                for number, question in enumerate(questions):
                    for file, level in ((one, 0.6), (two, 0.63)):
                        said = question["answer"] if draw.random() < level else "A"
                        line = {"id": f"d/scene{scene}/{task}/{number}", "prediction": said}
                        file.write(json.dumps(line) + "\n")


def comparing(root: Path, videos: int) -> tuple[float, float]:
    """(seconds, seconds of processor) of `bench.py compare A B`, start of Python and loading included."""
    for name in ("a", "b"):
        imported = import_predictions("dynbench-qa", root, root / f"{name}.jsonl", root / f"run_{name}", None)
        score(imported.run)
    before, began = _children(), time.perf_counter()
    command = [sys.executable, str(ROOT / "bench.py"), "compare", str(root / "run_a"), str(root / "run_b")]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began, _children() - before


def asking(root: Path, url: str, control: str | None, out: Path) -> tuple[float, float]:
    """(seconds, seconds of processor) of one evaluation, asked and scored."""
    began, used = time.perf_counter(), time.process_time()
    options = sightbench.Options(
        endpoint=url, task="dynbench-qa", data=root, out=out, control=control, media="images", concurrency=32
    )
    with contextlib.redirect_stdout(io.StringIO()):
        run = sightbench.evaluate(options)
    assert run.summary.complete
    return time.perf_counter() - began, time.process_time() - used


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.5, help="seconds the server takes for an answer")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root, options.videos, random.Random(0))
        wall, used = min(comparing(root, options.videos) for _ in range(options.rounds))
        load = os.getloadavg()[0]
        print(
            f"compare, {10 * options.videos:,} samples in {options.videos:,} videos, 100,000 flips: "
            f"{wall:.2f} s ({used:.2f} s of processor; load {load:.1f})"
        )
        small = root / "small"
        make(small, max(1, options.videos // 20), random.Random(1))
        with mock(options.latency) as url:
            least: dict[str | None, tuple[float, float]] = {}
            for turn in range(options.rounds):
                for control in (None, *CONTROLS):
                    taken = asking(small, url, control, root / f"{control}-{turn}")
                    least[control] = min(taken, least.get(control, taken))
        plain, used = least[None]
        print(f"a plain run, {FRAMES} frames, {options.latency:g} s an answer: {plain:.1f} s ({used:.2f} s)")
        for name in CONTROLS:
            wall, own = least[name]
            print(f"  {name:12} {wall / plain:.2f}x   ({own:.2f} s of processor)")


if __name__ == "__main__":
    main()
