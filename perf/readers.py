"""How soon the first question of a big table is there, and what reading all of it costs.

    python -m perf.readers [--gigabytes 1] [--lines 200000]

Beside ours stands Python's csv module reading the same file (what pandas must do too before its first
row, and pandas then holds the whole file). Times are wall-clock, best of three after one warm-up read.
"""

from __future__ import annotations

import argparse
import base64
import csv
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Problems

IMAGE = 300_000


def write_table(path: Path, gigabytes: float) -> int:
    """A TSV of `gigabytes` with a 300 kB image a row; returns the number of rows."""
    rows = round(gigabytes * 2**30 / (IMAGE * 4 / 3))
    with path.open("w") as file:
        file.write("index\tquestion\tA\tB\tanswer\timage\n")
        for row in range(rows):
            image = base64.b64encode(os.urandom(IMAGE)).decode()
            file.write(f'{row}\t"Which of two?\nThe {row}th."\tred\tblue\tA\t{image}\n')
    return rows


def write_lines(folder: Path, rows: int) -> None:
    (folder / "gqa/images").mkdir(parents=True)
    for number in range(100):
        (folder / f"gqa/images/{number}.jpg").write_bytes(b"jpeg")
    with (folder / "gqa/test.jsonl").open("w") as file:
        for row in range(rows):
            image = f"data/gqa/images/{row % 100}.jpg"
            line = {"image": image, "question": "What is it?", "question_id": row, "answer": "a cow"}
            file.write(json.dumps(line) + "\n")
    (folder / "gqa/test.jsonl").rename(folder / "gqa/llava_gqa_testdev_balanced_qwen_format.jsonl")


def best(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of `times` runs after one that does not count."""
    work()
    spans = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spans.append(time.perf_counter() - start)
    return min(spans)


def first_and_all(name: str, data: Path) -> tuple[float, float]:
    (selection,) = catalog.resolve([name])
    first = best(lambda: next(catalog.read(selection, data, problems=Problems())))
    whole = best(lambda: sum(1 for _ in catalog.read(selection, data, problems=Problems())))
    return first, whole


def csv_first_and_all(path: Path) -> tuple[float, float]:
    csv.field_size_limit(2**31 - 1)

    def read(limit: int | None) -> int:
        with path.open(newline="") as file:
            count = 0
            for count, _ in enumerate(csv.DictReader(file, delimiter="\t"), start=1):
                if count == limit:
                    break
            return count

    return best(lambda: read(1)), best(lambda: read(None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--lines", type=int, default=200_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = write_table(folder / "AI2D_TEST.tsv", chosen.gigabytes)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        first, whole = first_and_all("AI2D_TEST", folder)
        csv_first, csv_whole = csv_first_and_all(folder / "AI2D_TEST.tsv")
        print(f"TSV of {chosen.gigabytes:g} GB, {rows} rows with an image each")
        print(f"  first sample   {first * 1e3:9.2f} ms    csv {csv_first * 1e3:9.2f} ms")
        print(f"  all samples    {whole:9.2f} s     csv {csv_whole:9.2f} s     {csv_whole / whole:.1f} x")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"  memory         {before / 1024:9.0f} MB before, {peak / 1024:.0f} MB at most")
        write_lines(folder, chosen.lines)
        first, whole = first_and_all("vqa-gqa-testdev", folder)
        path = folder / "gqa/llava_gqa_testdev_balanced_qwen_format.jsonl"
        plain = best(lambda: [json.loads(line) for line in path.open()])
        print(f"JSON lines, {chosen.lines} questions, every image looked for on disk")
        print(f"  first sample   {first * 1e3:9.2f} ms")
        print(
            f"  all samples    {whole:9.2f} s     json.loads alone {plain:.2f} s, {whole / plain:.1f} x of it"
        )


if __name__ == "__main__":
    main()
