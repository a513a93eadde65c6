"""How fast the synthetic benchmark is made: `python -m perf.synthetic`.

Frames per second of one process, by CPU time, the best of the rounds: rendering alone, the whole set written,
and, as the floor that any generator of this layout pays, Pillow encoding the same pictures and masks again.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightbench.tasks.synthetic.controls import text_only_prior
from sightbench.tasks.synthetic.generate import generate, read_manifest
from sightbench.tasks.synthetic.knobs import Knobs
from sightbench.tasks.synthetic.render import render
from sightbench.tasks.synthetic.scene import make_scene

SETTINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("default", {}),
    ("twins", {"twins": True}),
    ("twins and depth", {"twins": True, "depth": True}),
    ("8-10 objects", {"objects": (8, 10), "movers": (2, 5)}),
    ("640 x 480", {"size": (640, 480)}),
)


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def render_only(scenes: int, knobs: Knobs) -> None:
    for index in range(scenes):
        scene = make_scene(0, index, knobs)
        for frame in range(knobs.frames):
            render(scene, frame, knobs.size)


def pictures(root: Path) -> list[tuple[str, Image.Image]]:
    """All frames and masks of a set, decoded, each with the name of its format."""
    formats = {".jpg": "JPEG", ".png": "PNG"}
    paths = [path for kind in ("frames", "masks") for path in sorted((root / kind).glob("*/*/*"))]
    return [(formats[path.suffix], Image.fromarray(np.asarray(Image.open(path)))) for path in paths]


def encode(decoded: list[tuple[str, Image.Image]]) -> None:
    for kind, picture in decoded:
        picture.save(io.BytesIO(), kind, quality=92, subsampling=0, compress_level=1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(f"{'setting':18} {'render':>8} {'all':>8} {'encode':>8}  frames/s   {'all : encode':>12}  tasks/s")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        for name, values in SETTINGS:
            knobs = Knobs(**values)
            best = [float("inf")] * 3
            for _ in range(chosen.rounds):
                shutil.rmtree(out, ignore_errors=True)
                best[0] = min(best[0], seconds(partial(render_only, chosen.scenes, knobs)))
                best[1] = min(best[1], seconds(partial(generate, out, chosen.scenes, 0, knobs)))
                best[2] = min(best[2], seconds(partial(encode, pictures(out))))
            manifest = read_manifest(out)
            frames, tasks = manifest.videos * knobs.frames, sum(manifest.tasks.values())
            rendered = chosen.scenes * knobs.frames
            speeds = rendered / best[0], frames / best[1], frames / best[2]
            print(
                f"{name:18} {speeds[0]:8.0f} {speeds[1]:8.0f} {speeds[2]:8.0f}  "
                f"{'':9}  {speeds[1] / speeds[2]:12.2f}  {tasks / best[1]:7.0f}"
            )
        for seed in (1, 2):
            generate(Path(folder) / str(seed), 10 * chosen.scenes, seed, Knobs(size=(96, 72)))
        prior = text_only_prior(Path(folder) / "1", Path(folder) / "2")
        print(
            f"text alone, fitted on {10 * chosen.scenes} other scenes: {prior.accuracy:.1f} % "
            f"(chance {prior.chance:.1f} +- {prior.stderr:.1f}, n = {prior.n})"
        )


if __name__ == "__main__":
    main()
