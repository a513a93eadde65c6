"""Small runs with everything a page has to show: questions, masks, boxes, a conversation, hostile text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image as Pixels

from sightbench import rle
from sightbench.reports.entry import Entry, Fact, Masks, Pairing, Run
from sightbench.reports.summary import BenchmarkSummary, Spent, Summary
from sightbench.sample import Failure, Image, Reply, Sample, Text, Turn, Usage, Video
from sightbench.scorers.dynbench import extras as dynbench_extras
from sightbench.scorers.dynbench import overall as dynbench
from sightbench.scorers.masks.jf import score_object
from sightbench.scorers.score import Metric, Row, Score
from sightbench.scorers.scoring import coverage
from sightbench.scorers.statistics.comparison import Comparison, Difference

H, W, FRAMES = 48, 64, 6
CATEGORIES = ("Camera-Object", "Inter-Object", "Object-Scene")

HOSTILE = {
    "script": "<script>window.hacked = 1</script>",
    "end": "A </script><img src=x onerror='window.hacked = 1'> <!-- <script>",
    "link": "[see](javascript:window.hacked=1) javascript:window.hacked=1",
    "nul": "before\x00after\x1b[31m",
    "long": "five megabytes " + "word " * 1_000_000 + "the end",
    "chinese": "答案是 B:骆驼在围栏后面。",
    "arabic": "الجواب هو ب \u202egnp.exe\u202c تمام",
}


def frames(folder: Path, videos: int = 3) -> Path:
    """Frames of flat colours: <folder>/<video>/frame_0000.jpg."""
    for video in range(videos):
        place = folder / f"video {video} #1"
        place.mkdir(parents=True, exist_ok=True)
        for frame in range(FRAMES):
            pixels = Pixels.new("RGB", (W, H), (40 * video, 30 * frame, 90))
            pixels.save(place / f"frame_{frame:04d}.jpg")
    return folder


def box_mask(x: int, y: int, size: int = 20) -> npt.NDArray[np.bool_]:
    mask = np.zeros((H, W), bool)
    mask[max(0, y) : max(0, y + size), max(0, x) : max(0, x + size)] = True
    return mask


def truth_mask(frame: int) -> npt.NDArray[np.bool_]:
    mask = box_mask(10 + 3 * frame, 8)
    mask[14:18, 12 + 3 * frame : 16 + 3 * frame] = False  # a hole, so that runs are many
    return mask


def predicted_mask(frame: int, shift: int) -> npt.NDArray[np.bool_] | None:
    """None on the last frame; shifted against the truth on the others."""
    return None if frame == FRAMES - 1 else box_mask(10 + 3 * frame + shift, 8 + shift)


def masks(shift: int) -> Masks:
    truth = tuple(rle.from_array(truth_mask(frame)) for frame in range(FRAMES))
    found = [predicted_mask(frame, shift) for frame in range(FRAMES)]
    predicted = tuple(None if mask is None else rle.from_array(mask) for mask in found)
    score = score_object(predicted, truth)
    return Masks(predicted, truth, score.js, score.fs)


def entries(folder: Path, *, model: int = 0) -> list[Entry]:
    """The samples of one run. `model` 1 answers some questions otherwise and shifts its masks more."""
    made: list[Entry] = []

    def add(sample: Sample, score: Score, reply: Reply | None, drawn: Masks | None = None) -> None:
        made.append(Entry(sample, sample.turns, reply, score, drawn))

    for video in range(3):
        place = folder / f"video {video} #1"
        clip = Video(f"toy/v{video}", tuple(place / f"frame_{frame:04d}.jpg" for frame in range(FRAMES)))
        for number in range(4):
            id = f"toy/v{video}/qa/{number}"
            ask = Turn("user", (clip, Text(f"Question {number} on video {video}?\nA. yes\nB. no")))
            sample = Sample(id, "toy", "qa", CATEGORIES[number % 3], (ask,), gold="A")
            right = (number + model) % 4 != 1
            told = "A" if right else "B"
            usage = Usage(900 + 10 * number + 200 * model, 1 + number)
            reply = Reply(
                id, "x", "ok", told, finish_reason="stop", usage=usage, latency_s=0.1 * (number + 1)
            )
            add(sample, Score(id, float(right), told, "scored", {"rule": "first token"}), reply)
        id = f"toy/v{video}/objmask/object_1"
        ask = Turn("user", (clip, Text("Please segment the box.")))
        sample = Sample(id, "toy", "objmask", CATEGORIES[video], (ask,), wants="masks")
        drawn = masks(2 * video + 3 * model)
        j, f = float(np.mean(drawn.j)), float(np.mean(drawn.f))
        detail = {"J": j, "F": f, "frames_scored": FRAMES, "rule": "first object"}
        add(
            sample,
            Score(id, (j + f) / 2, {"frames": FRAMES}, "scored", detail),
            Reply(id, "x", "ok", ""),
            drawn,
        )
    for name, text in HOSTILE.items():
        id = f"toy/hostile/qa/{name}"
        sample = Sample(
            id, "toy", "qa", "Inter-Object", (Turn("user", (Text(f"Say {text[:60]}"),)),), gold=text[:60]
        )
        reply = Reply(id, "x", "ok", text, reasoning=text[:80], finish_reason="length")
        add(sample, Score(id, 0.0, None, "unparsed", {"truncated": True}), reply)
    id = "toy/v0/qa/failed"
    sample = Sample(id, "toy", "qa", "Inter-Object", (Turn("user", (Text("Will it fail?"),)),), gold="A")
    failure = Failure("timeout", "no answer within 60 s <b>at all</b>", None)
    add(sample, Score(id, None, None, "error", {"error": "timeout", "message": failure.message}),
        Reply(id, "x", "error", error=failure))  # fmt: skip
    id = "toy/v0/qa/refused"
    sample = Sample(id, "toy", "qa", "Inter-Object", (Turn("user", (Text("Will you?"),)),), gold="A")
    add(
        sample,
        Score(id, 0.0, None, "unparsed", {"refused": True}),
        Reply(id, "x", "ok", "I can't help with that."),
    )
    last = None
    for turn in range(3):
        id = f"toy/talk/qa/{turn}"
        ask = Turn("user", (Text(f"Turn number {turn} of the talk?"),))
        sample = Sample(id, "toy", "qa", "Inter-Object", (ask,), gold="A", follows=last)
        add(
            sample,
            Score(id, 1.0, "A", "scored", {"rule": "first token"}),
            Reply(id, "x", "ok", f"A, said in turn {turn}"),
        )
        last = id
    return made


PAIRING = Pairing(
    1,
    Comparison(
        benchmark="toy",
        title="Toy scenes",
        baseline="model-a",
        candidate="model-b",
        differences=(
            Difference(
                name="Overall", depth=0, unit="%", baseline=60.0, candidate=52.5, value=-7.5, stderr=4.0,
                interval=(-17.25, 2.25), p=0.11, adjusted_p=0.213, verdict="undecided", needed=31, n=15,
                clusters=3, wins=3, losses=6, method="every sign pattern",
            ),
            Difference(
                name="J&F", depth=1, unit="%", baseline=50.0, candidate=40.0, value=-10.0, stderr=1.0,
                interval=(-12.0, -8.0), p=0.001, adjusted_p=0.002, verdict="worse", needed=None, n=3,
                clusters=3, wins=0, losses=3, method="every sign pattern",
            ),
        ),
        margin=1.0,
        flips=1000,
        shared=15,
        only_baseline=2,
        only_candidate=0,
        warnings=("frames differs: 8 and <b>16</b>",),
    ),
)  # fmt: skip


def grounding(picture: Path) -> Entry:
    """A box question on one image: gold and predicted box overlap a little."""
    Pixels.new("RGB", (200, 100), (90, 120, 60)).save(picture)
    id = "toy/box/qa/0"
    sample = Sample(
        id,
        "toy",
        "qa",
        "Inter-Object",
        (Turn("user", (Image(picture), Text("Where is it?"))),),
        gold=[20, 10, 120, 80],
    )
    detail = {"iou": 0.4, "box": [60.0, 20.0, 150.0, 90.0]}
    return Entry(
        sample,
        sample.turns,
        Reply(id, "x", "ok", "[60, 20, 150, 90]"),
        Score(id, 0.0, [60, 20, 150, 90], "scored", detail),
    )


def summary(made: Sequence[Entry], model: str) -> Summary:
    rows = [Row(entry.sample, entry.score) for entry in made]
    toy = BenchmarkSummary(
        name="toy",
        title="Toy scenes",
        profile="official",
        metric="share of right letters",
        reference="nobody's",
        headline=dynbench(rows),
        extras=(*dynbench_extras(rows), Metric("never computed", None, 0, note="no such samples")),
        coverage=coverage(rows),
        notes=("a note <i>",),
    )
    spent = Spent(1.25, 20, 3, "a table", ("prices of <today>",))
    return Summary(model, (toy,), {"prompt_tokens": 1}, {}, spent)


def run(
    folder: Path,
    made: Sequence[Entry],
    label: str = "model-a",
    state: Literal["complete", "incomplete", "running"] = "incomplete",
) -> Run:
    def stream() -> Iterator[Entry]:
        yield from made

    facts: Any = (Fact("data", f"{folder} <digest>"),)
    return Run(label, folder, state, summary(made, label), stream, "bench.py --model 'a b'", facts)
