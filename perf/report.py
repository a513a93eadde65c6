"""What building and opening a big report page costs, beside a plain json.dumps of the same data.

    python -m perf.report [--samples 10000] [--objects 3000] [--frames 16] [--only build|open]

Each build runs in a process of its own: seconds, the highest memory (that of the imports beside it), bytes
written. The samples come from a generator with a fixed seed, whose own time stands beside the others. Opening
needs a Chromium and playwright (`make test-browser` brings both); its figures are the page's own clock and
heap, on a page with its data beside it, opened from disk.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from sightbench import rle
from sightbench.reports.build import build
from sightbench.reports.entry import Entry, Masks, Run
from sightbench.reports.summary import BenchmarkSummary, Summary
from sightbench.rle import Rle
from sightbench.sample import MaskTruth, Reply, Sample, Text, Turn, Usage, Video
from sightbench.scorers.score import Metric, Score
from sightbench.scorers.scoring import Coverage

CATEGORIES = ("Camera-Object", "Inter-Object", "Object-Scene")
WORDS = (
    "the",
    "a",
    "box",
    "left",
    "right",
    "red",
    "moves",
    "camera",
    "near",
    "far",
    "behind",
    "sphere",
    "frame",
)
HEIGHT, WIDTH = 480, 854


def blob(draw: np.random.Generator, h: int, w: int) -> Rle:
    """A ragged blob: one run a column over a quarter of the width, as masks of real objects have it."""
    columns = w // 4
    first = int(draw.integers(0, w - columns))
    half = h / 5 * np.sqrt(1 - np.linspace(-0.98, 0.98, columns) ** 2) + np.cumsum(
        draw.normal(0, 0.6, columns)
    )
    middle = h / 2 + np.cumsum(draw.normal(0, 0.8, columns))
    top = np.clip(middle - half, 1, h - 4).astype(int)
    bottom = np.clip(np.maximum(middle + half, top + 1), 2, h - 2).astype(int)
    start = (np.arange(columns) + first) * h
    edges = np.stack([start + top, start + np.maximum(bottom, top + 1)], axis=1).ravel()
    return rle.from_lengths(h, w, np.diff(np.concatenate(([0], edges, [h * w]))))


def entries(samples: int, objects: int, frames: int, h: int = HEIGHT, w: int = WIDTH) -> Iterator[Entry]:
    """`samples` samples of which `objects` ask for masks, the same ones each time."""
    draw, pick = np.random.default_rng(0), random.Random(0)
    for number in range(samples):
        video = f"made/v{number // 10}"
        paths = tuple(Path(f"/nowhere/{video}/frame_{frame:04d}.jpg") for frame in range(frames))
        wants_masks = number < objects
        id = f"{video}/{'objmask/object_' if wants_masks else 'qa/'}{number % 10}"
        text = " ".join(pick.choices(WORDS, k=60)) + "?\nA. yes\nB. no"
        turns = (Turn("user", (Video(video, paths), Text(text))),)
        usage = Usage(pick.randrange(900, 1400), pick.randrange(1, 200))
        seen = {"finish_reason": "stop", "usage": usage, "latency_s": pick.random(), "at": 1.7e9 + number}
        category = CATEGORIES[number % 3]
        if not wants_masks:
            sample = Sample(id, "made", "qa", category, turns, gold="A")
            reply = Reply(id, "0" * 64, "ok", " ".join(pick.choices(WORDS, k=80)), **seen)
            yield Entry(
                sample, turns, reply, Score(id, float(number % 2), "A", "scored", {"rule": "first token"})
            )
            continue
        sample = Sample(
            id, "made", "objmask", category, turns, MaskTruth("/nowhere", "object_1", frames), "masks"
        )
        predicted, truth = (tuple(blob(draw, h, w) for _ in range(frames)) for _ in range(2))
        js, fs = (tuple(pick.random() for _ in range(frames)) for _ in range(2))
        reply = Reply(id, "0" * 64, "ok", "It is [SEG].", **seen)
        score = Score(id, sum(js) / frames, {"frames": frames}, "scored", {"J": 0.5, "F": 0.5})
        yield Entry(sample, turns, reply, score, Masks(predicted, truth, js, fs))


def run(samples: int, objects: int, frames: int, h: int = HEIGHT, w: int = WIDTH) -> Run:
    metric = Metric("accuracy", 50.0, samples, stderr=1.0, interval=(48.0, 52.0))
    coverage = Coverage(samples, samples, {}, 0, 0, 0, 0, 0)
    made = BenchmarkSummary("made", "Made up", "official", "accuracy", "", metric, (), coverage)
    summary = Summary("model", (made,), {}, {})
    return Run("model", Path("made"), "complete", summary, lambda: entries(samples, objects, frames, h, w))


def only_make(arguments: tuple[int, int, int], _folder: Path) -> None:
    for _ in entries(*arguments):
        pass


def make_page(arguments: tuple[int, int, int], folder: Path) -> None:
    build([run(*arguments)], folder / "report.html", single=False)


def make_json(arguments: tuple[int, int, int], folder: Path) -> None:
    (folder / "all.json").write_text(
        json.dumps([asdict(entry) for entry in entries(*arguments)], default=str)
    )


def measured(
    work: Callable[..., None], arguments: tuple[int, int, int], folder: Path
) -> tuple[float, float, int]:
    """(seconds, seconds of processor, highest memory in MB) of `work` in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    results: Any = spawn.SimpleQueue()
    process = spawn.Process(target=_child, args=(work, arguments, folder, results))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{work.__name__} ended with exit code {process.exitcode}")
    seconds, processor, kilobytes = results.get()
    return seconds, processor, kilobytes // 1024


def _child(work: Callable[..., None], arguments: tuple[int, int, int], folder: Path, results: Any) -> None:
    start, started = time.perf_counter(), time.process_time()
    work(arguments, folder)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results.put((time.perf_counter() - start, time.process_time() - started, memory))


def size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def opened(page: Path, browser: Any, masks: bool) -> dict[str, float]:
    """The page's own clock in ms, its heap in MB, and what it asked of a network."""
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    foreign: list[str] = []
    tab.on(
        "console",
        lambda message: foreign.append(message.text) if "ERR_FILE_NOT_FOUND" not in message.text else None,
    )
    tab.on("pageerror", lambda error: foreign.append(str(error)))
    tab.on("request", lambda asked: foreign.append(asked.url) if asked.url.startswith("http") else None)
    tab.goto(page.as_uri() + "#view=samples")
    tab.wait_for_selector("body[data-ready]", state="attached", timeout=60_000)
    found = tab.evaluate(
        """async () => {
          const at = (name) => performance.getEntriesByName(name)[0].startTime;
          const out = {"first table, ms": at("table"), "all of the overview, ms": at("ready")};
          const waitFor = async (done) => { while (!done()) await new Promise((go) => setTimeout(go, 1)); };
          const times = [];
          let heap = 0;
          for (let k = 1; k <= 12; k++) {
            const id = index.shared.id[Math.floor(index.count * k / 12) - 1];
            const start = performance.now();
            go({s: id, f: "0"});
            await waitFor(() => document.querySelector("#pane h2")?.textContent === id);
            times.push(performance.now() - start);
            heap = Math.max(heap, performance.memory.usedJSHeapSize);
          }
          out["a sample, best ms"] = Math.min(...times);
          out["a sample, median ms"] = median(times);
          out["heap, MB"] = heap / 1e6;
          return out;
        }"""
    )
    if masks:
        found |= tab.evaluate(
            """async () => {
              const id = index.shared.id[0];
              go({s: id, f: "0"});
              const there = () => viewer && document.querySelector("#pane h2").textContent === id;
              while (!there()) await new Promise((go) => setTimeout(go, 1));
              const times = [];
              for (let k = 0; k < 5 * viewer.length; k++) {
                const start = performance.now();
                viewer.show(k % viewer.length);
                times.push(performance.now() - start);
              }
              return {"a mask frame, best ms": Math.min(...times), "a mask frame, median ms": median(times)};
            }"""
        )
    found["network requests and console lines"] = len(foreign)
    tab.close()
    return dict(found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--objects", type=int, default=3_000)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--only", choices=("build", "open"))
    told = parser.parse_args()
    arguments = (told.samples, told.objects, told.frames)
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if told.only != "open":
            _builds(arguments, folder, console)
        if told.only != "build":
            _opens(arguments, folder, console)


def _builds(arguments: tuple[int, int, int], folder: Path, console: Console) -> None:
    table = Table(title="{} samples, {} of them objects of {} frames".format(*arguments))
    for column in ("", "seconds", "of processor", "highest memory, MB", "MB written"):
        table.add_column(column, justify="left" if not column else "right")
    for title, work in (
        ("making the samples up", only_make),
        ("report page", make_page),
        ("json.dumps", make_json),
    ):
        place = folder / work.__name__
        place.mkdir()
        seconds, processor, memory = measured(work, arguments, place)
        table.add_row(title, f"{seconds:.1f}", f"{processor:.1f}", str(memory), f"{size(place):.1f}")
        shutil.rmtree(place)
    console.print(table)


def _opens(arguments: tuple[int, int, int], folder: Path, console: Console) -> None:
    found = os.environ.get("SIGHTBENCH_BROWSER") or shutil.which("chromium-headless-shell")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = None
    if found is None:
        console.print("NOT RUN: opening the page (needs a Chromium and playwright: make test-browser)")
        return
    flags = ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]
    pages = {
        f"{arguments[0]:,} samples": (arguments, HEIGHT, WIDTH),
        "1080p": ((40, 40, 16), 1080, 1920),
        "100,000 samples": ((100_000, 0, 8), HEIGHT, WIDTH),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=flags)
        for title, (amounts, h, w) in pages.items():
            page = build([run(*amounts, h, w)], folder / title / "report.html", single=False).path
            table = Table("", title, title="opened from disk")
            for name, value in opened(page, browser, masks=amounts[1] > 0).items():
                table.add_row(name, f"{value:.0f}" if value >= 20 or value == int(value) else f"{value:.1f}")
            console.print(table)
        browser.close()


if __name__ == "__main__":
    main()
