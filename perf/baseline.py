"""How good and how fast the pixel baseline is: `python -m perf.baseline --scenes 120 --seed 0`.

Renders a set, looks at every video in this process, and prints per family the share of right answers beside
chance and the mean J of masks, then thread CPU time per video beside that of decoding its JPEGs alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from sightbench.servers.baseline.answer import answer
from sightbench.servers.baseline.frames import decode
from sightbench.servers.baseline.sight.perceive import Scene, perceive
from sightbench.tasks.synthetic.generate import generate

T = TypeVar("T")
DIRECTLY = "Answer with the option's letter from the given choices directly."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    right: dict[str, list[bool]] = defaultdict(list)
    chance: dict[str, list[float]] = defaultdict(list)
    overlap: dict[str, list[float]] = defaultdict(list)
    looking: list[float] = []
    decoding: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "set"
        generate(root, options.scenes, options.seed)
        for video in sorted((root / "frames" / "synthetic").iterdir()):
            data = [path.read_bytes() for path in sorted(video.iterdir())]
            began = time.thread_time()
            frames = decode(data)
            decoded = time.thread_time()
            scene = perceive(frames)
            looking.append(time.thread_time() - decoded)
            decoding.append(decoded - began)
            for path in sorted((root / "multi_json" / "synthetic").glob(f"{video.name}_*.json")):
                suffix = path.stem.rsplit("_", 1)[1]
                records = json.loads(path.read_text())
                if suffix.endswith("mask"):
                    for key, record in records.items():
                        truth = _truth(root / "masks" / "synthetic" / video.name, key.split("_")[1])
                        overlap[f"{suffix} {record['family']}"].append(_j(scene, record["question"], truth))
                    continue
                for record in records:
                    text = "\n".join([record["question"], *record["options"], DIRECTLY])
                    right[f"{suffix} {record['family']}"].append(answer(text, scene).text == record["answer"])
                    chance[f"{suffix} {record['family']}"].append(1 / len(record["options"]))
    table = Table("family", "n", "right %", "chance %", "J", title=f"seed {options.seed}")
    for name, values in [*sorted(right.items()), ("all questions", _flat(right))]:
        odds = chance.get(name) or _flat(chance)
        table.add_row(
            name, str(len(values)), f"{100 * np.mean(values):.1f}", f"{100 * np.mean(odds):.1f}", ""
        )
    for name, js in [*sorted(overlap.items()), ("all masks", _flat(overlap))]:
        table.add_row(name, str(len(js)), "", "", f"{np.mean(js):.3f}")
    console = Console()
    console.print(table)
    console.print(
        f"looking at a video: {np.mean(looking):.3f} s of one thread, "
        f"{np.mean(looking) / np.mean(decoding):.1f} times decoding its JPEGs"
    )


def _flat(groups: dict[str, list[T]]) -> list[T]:
    return [value for values in groups.values() for value in values]


def _truth(folder: Path, number: str) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) > 0 for path in sorted(folder.glob(f"*_obj{number}.png"))])


def _j(scene: Scene, question: str, truth: np.ndarray) -> float:
    """Mean IoU over the frames; two empty masks agree."""
    said = answer(question, scene).objects
    mask = np.isin(scene.labels, said) & (scene.labels > 0)
    both, either = (mask & truth).sum((1, 2)), (mask | truth).sum((1, 2))
    return float(np.mean(np.where(either, both / np.maximum(either, 1), 1.0)))


if __name__ == "__main__":
    main()
