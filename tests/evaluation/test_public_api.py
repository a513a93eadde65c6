"""`import sightbench`: what it offers, what it costs, how it behaves in a program."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sightbench
from sightbench.client.progress import Progress
from tests.faults.server import Request, Response, error, healthy, serving
from tests.tasks import formats


def test_importing_it_imports_nothing_but_itself() -> None:
    source = "import sys; before = set(sys.modules); import sightbench; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["sightbench"]


def test_every_name_it_promises_is_there() -> None:
    promised = [name for name in dir(sightbench) if not name.startswith("_") or name == "__version__"]
    assert {"evaluate", "evaluate_async", "score", "open_run", "grade", "score_masks"} < set(promised)
    for name in promised:
        assert getattr(sightbench, name) is not None
    with pytest.raises(AttributeError, match="evaluat"):
        sightbench.evaluat  # type: ignore[attr-defined]  # noqa: B018


def options(url: str, data: Path, out: Path, **more: object) -> sightbench.Options:
    return sightbench.Options(endpoint=url, model="tiny", task="MMStar", data=data, out=out, **more)  # type: ignore[arg-type]


async def test_it_runs_where_a_loop_runs_and_beside_it(tmp_path: Path) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    async with serving(healthy) as server:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        run = await sightbench.evaluate_async(options(server.url, data, tmp_path / "one"))
        ticking.cancel()
        assert run.outcome is not None
        assert run.outcome.answered == len(list(run)) > 0
        assert ticks > 10
        # The server answers in this loop, so the evaluation that makes it wait has its own thread here.
        again = await asyncio.to_thread(sightbench.evaluate, options(server.url, data, tmp_path / "one"))
        assert again.outcome is not None and again.outcome.asked == 0


async def test_progress_and_what_failed_are_told_and_nothing_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    seen: list[tuple[int, int | None]] = []

    def progress(counts: Progress, total: int | None) -> None:
        seen.append((counts.done, total))

    async with serving(lambda request, number: error(400, "not this one")) as server:
        run = await sightbench.evaluate_async(options(server.url, data, tmp_path / "run"), progress=progress)
    samples = len(list(run))
    assert seen[-1] == (samples, samples)
    assert not run.summary.complete
    assert run.summary.benchmarks[0].coverage.answered == 0
    assert all(score.value is None for _, _, score in run)
    assert capsys.readouterr() == ("", "")


def test_options_refuse_what_means_nothing() -> None:
    bads: tuple[dict[str, object], ...] = (
        {"temperature": -1},
        {"temperature": float("nan")},
        {"limit": 0},
        {"seed": 2**70},
        {"box_mode": "sideways"},
        {"concurrency": "many"},
        {"extra_body": {"messages": []}},
    )
    for bad in bads:
        with pytest.raises(sightbench.UsageError, match="--" + next(iter(bad)).replace("_", "-")):
            sightbench.Options(**bad)  # type: ignore[arg-type]


def test_a_set_of_ones_own_is_scored_again_from_its_folder(baseline: str, tmp_path: Path) -> None:
    def read(data: Path, profile: str, problems: sightbench.Problems) -> Iterator[sightbench.Sample]:
        for number, line in enumerate((data / "mine.jsonl").read_text().splitlines(), 1):
            row = json.loads(line)
            turn = sightbench.Turn("user", (sightbench.Text(row["question"]),))
            yield sightbench.Sample(
                id=str(number), benchmark="mine", task="", category="", turns=(turn,), gold=row["answers"]
            )

    (tmp_path / "mine.jsonl").write_text('{"question": "What?", "answers": ["x"]}\n')
    mine = sightbench.Benchmark(
        "mine", {"text": "anls"}, read, files=(sightbench.Needed("questions", ("mine.jsonl",)),)
    )
    asked = sightbench.Options(endpoint=baseline, task=mine, data=tmp_path, out=tmp_path / "run")
    run = sightbench.evaluate(asked)
    assert run.summary.benchmarks[0].title == "mine"
    with pytest.raises(sightbench.RunFolderError, match="'mine'"):
        sightbench.open_run(run.folder)
    opened = sightbench.open_run(run.folder, benchmarks=[mine])
    assert [sample.id for sample, _, _ in sightbench.score(opened)] == ["mine/1"]
    (tmp_path / "mine.jsonl").write_text('{"question": "What?", "answers": ["y"]}\n')
    with pytest.raises(sightbench.RunFolderError, match="is not the dataset"):
        sightbench.open_run(run.folder, benchmarks=[mine])


def test_masks_of_published_definitions() -> None:
    square = {"size": [4, 4], "counts": [5, 2, 2, 2, 5]}
    perfect = sightbench.score_masks([square] * 3, [square] * 3)
    assert (perfect.j, perfect.f, perfect.jf) == (1.0, 1.0, 1.0)
    assert sightbench.score_masks([None] * 3, [square] * 3).j == 0.0
    with pytest.raises(sightbench.UsageError, match="nonsense"):
        sightbench.score_masks([square], [square], definition="nonsense")
    with pytest.raises(sightbench.SightbenchError, match="frame 0"):
        sightbench.score_masks([{"size": [4, 4], "counts": [99]}], [square])


def test_one_answer_is_graded_and_bad_gold_is_told() -> None:
    assert sightbench.grade("anls", "a cat", ["a cat"]).value == 1.0
    with pytest.raises(sightbench.UsageError, match="no metric 'nonsense'"):
        sightbench.grade("nonsense", "x", "x")
    with pytest.raises(sightbench.UsageError, match="box_iou"):
        sightbench.grade("box_iou", "[1, 2, 3, 4]", "nonsense")


NOTEBOOK = """
import asyncio, sys
import sightbench

async def cell():
    sightbench.evaluate(sightbench.Options(
        endpoint=sys.argv[1], model="tiny", task="MMStar", data=sys.argv[2], out=sys.argv[3], concurrency=1))

try:
    asyncio.new_event_loop().run_until_complete(cell())
except KeyboardInterrupt:
    print("interrupted")
"""


async def test_ctrl_c_in_a_notebook_ends_the_evaluation_and_keeps_its_answers(tmp_path: Path) -> None:
    data = formats.make("MMStar", tmp_path / "data")

    def one_then_silence(request: Request, number: int) -> Response:
        return healthy(request, number) if number == 0 else Response(delay=60.0)

    async with serving(one_then_silence) as server:
        command = [sys.executable, "-c", NOTEBOOK, server.url, str(data), str(tmp_path / "run")]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        await server.reached(2)
        process.send_signal(signal.SIGINT)
        out, _ = await asyncio.wait_for(process.communicate(), timeout=30)
    assert out == b"interrupted\n"
    answered = (tmp_path / "run/replies.jsonl").read_bytes()
    assert answered.count(b"\n") == 1
