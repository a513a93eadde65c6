"""Parts of one run: what tells a process its part, and how parts become the run that one process makes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
from PIL import Image

import sightbench
from sightbench.errors import RunFolderError, UsageError
from sightbench.evaluation.shards.merge import merge
from sightbench.evaluation.shards.part import part
from tests.faults.server import Request, Response, healthy, serving
from tests.paths import ROOT
from tests.tasks import formats

QUESTIONS = 40
OF_SCHEDULERS = ("SLURM_", "PMI_", "JOB_COMPLETION", "OMPI_", "RANK", "WORLD_SIZE")
ARRAY = {"SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "7", "SLURM_ARRAY_TASK_STEP": "2"}
STEP = {"SLURM_STEP_NUM_TASKS": "3", "SLURM_PROCID": "1", "SLURM_NTASKS": "3"}
BODY = {"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}
TASK_2 = ARRAY | {"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_COUNT": "4"}


@pytest.mark.parametrize(
    ("asked", "environment", "expected"),
    [
        (None, {}, None),
        ("2/5", STEP, "2/5"),
        (None, STEP, "1/3"),
        ("auto", STEP, "1/3"),
        (None, BODY, None),
        ("auto", BODY, None),
        (None, TASK_2, None),
        ("auto", TASK_2, "2/4"),
        ("auto", TASK_2 | BODY, "2/4"),
        ("auto", TASK_2 | STEP, "7/12"),
        # pmi2 numbers the tasks of one step, which is one task of the array.
        ("auto", TASK_2 | STEP | {"PMI_RANK": "1", "PMI_SIZE": "3"}, "7/12"),
        ("auto", {"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "8"}, "0/8"),
        ("auto", {"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "1"}, None),
        (None, {"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "8"}, None),
        ("auto", {"PMI_RANK": "3", "PMI_SIZE": "4"}, "3/4"),
        ("auto", {"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "4"}, "3/4"),
        ("auto", {"RANK": "3", "WORLD_SIZE": "4"}, "3/4"),
        ("auto", STEP | {"RANK": "9", "WORLD_SIZE": "24"}, "9/24"),
        (None, {"RANK": "3", "WORLD_SIZE": "4"}, None),
        ("auto", {"RANK": "0", "WORLD_SIZE": "1"}, None),
        ("auto", {"RANK": "x", "WORLD_SIZE": ""}, None),
    ],
)
def test_the_part_is_what_the_scheduler_says(
    asked: str | None, environment: dict[str, str], expected: str | None
) -> None:
    found = part(asked, environment)
    assert (None if found is None else str(found)) == expected


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"JOB_COMPLETION_INDEX": "0"}, "JOB_COMPLETIONS"),
        ({"JOB_COMPLETION_INDEX": "8", "JOB_COMPLETIONS": "8"}, "there are 8 in all"),
        (TASK_2 | {"SLURM_ARRAY_TASK_COUNT": "3"}, "without gaps"),
        # One task of an earlier array sent again by its number: part 3 of how many?
        (
            {f"SLURM_ARRAY_TASK_{name}": "3" for name in ("ID", "MIN", "MAX")}
            | {"SLURM_ARRAY_TASK_COUNT": "1"},
            "--shard i/n",
        ),
    ],
)
def test_half_of_an_answer_is_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        part("auto", environment)


@pytest.fixture
def questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set of forty pictures with a question each, in a place where no scheduler has started us."""
    for name in list(os.environ):
        if name.startswith(OF_SCHEDULERS):
            monkeypatch.delenv(name)
    folder = tmp_path / "data"
    folder.mkdir()
    lines = []
    for number in range(QUESTIONS):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
        line = {"image": f"{number}.png", "question": "Which?", "question_id": number, "answer": "A"}
        lines.append(orjson.dumps(line))
    (folder / "own.jsonl").write_bytes(b"\n".join(lines))
    return folder / "own.jsonl"


async def ask(
    url: str,
    task: Path,
    out: Path,
    shard: str | None = None,
    notes: list[str] | None = None,
    limit: int | None = None,
) -> sightbench.Run:
    wanted = sightbench.Options(endpoint=url, model="tiny", task=str(task), out=out, shard=shard, limit=limit)
    return await sightbench.evaluate_async(wanted, note=None if notes is None else notes.append)


def scores(run: Path) -> bytes:
    return (run / "scores.jsonl").read_bytes()


def merges(run: Path) -> int:
    """How often the shards of a run were merged, whoever did it."""
    lines = (run / "shards" / "ledger.jsonl").read_bytes().splitlines()
    return sum(b'"states"' in line for line in lines)


@pytest.mark.parametrize(("count", "limit"), [(3, QUESTIONS), (8, 4)])
async def test_the_last_part_makes_the_run_that_one_process_makes(
    count: int, limit: int, questions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    async with serving(healthy) as server:
        whole = await ask(server.url, questions, tmp_path / "whole", limit=limit)
        monkeypatch.setenv("JOB_COMPLETIONS", str(count))
        for index in reversed(range(count)):
            monkeypatch.setenv("JOB_COMPLETION_INDEX", str(index))
            notes: list[str] = []
            run = await ask(server.url, questions, out, "auto", notes, limit)
            assert notes[0].startswith(f"part {index}/{count} of the run is asked here (JOB_COMPLETION_INDEX")
            if index:
                assert run.folder == out / "shards" / f"{index}-of-{count}" and run.record.shard
                assert not (out / "summary.json").exists()
        assert len(server.requests) == 2 * limit
        assert run.folder == out and run.summary.complete
        assert scores(out) == scores(whole.folder) and merges(out) == 1
        again = await ask(server.url, questions, out, "auto", limit=limit)
        assert again.summary.complete and merges(out) == 1 and len(server.requests) == 2 * limit


def start(url: str, task: Path, out: Path, shard: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, str(ROOT / "bench.py"), "--endpoint", url, "--model", "tiny", "--quiet"),
            *("--task", str(task), "--out", str(out), "--shard", shard),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def test_parts_asked_at_once_merge_once_though_one_was_killed(questions: Path, tmp_path: Path) -> None:
    import asyncio

    def slow(request: Request, number: int) -> Response:
        return Response(body=healthy(request, number).body, delay=0.2)

    out = tmp_path / "run"
    async with serving(slow) as server:
        shards = [start(server.url, questions, out, f"{index}/3") for index in range(3)]
        replies = out / "shards" / "1-of-3" / "replies.jsonl"
        until = time.monotonic() + 60
        while not (replies.exists() and replies.stat().st_size):
            assert time.monotonic() < until
            await asyncio.sleep(0.01)
        shards[1].send_signal(signal.SIGKILL)
        codes = [await asyncio.to_thread(shard.wait, 60) for shard in shards]
        assert codes == [0, -signal.SIGKILL, 0]
        assert not (out / "run.json").exists()
        before = len(server.requests)
        # The one that was killed, and one that had nothing left to do: as a scheduler starts a job again.
        shards = [start(server.url, questions, out, f"{index}/3") for index in (0, 1)]
        assert [await asyncio.to_thread(shard.wait, 60) for shard in shards] == [0, 0]
        assert len(server.requests) - before < QUESTIONS / 2
        whole = await ask(server.url, questions, tmp_path / "whole")
    assert scores(out) == scores(whole.folder) and merges(out) == 1


@pytest.mark.parametrize("left", [1, 2, 3])
async def test_the_next_does_a_merge_that_was_killed(left: int, questions: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    async with serving(healthy) as server:
        await ask(server.url, questions, out, "0/2")
        await ask(server.url, questions, out, "1/2")
        made = scores(out)
        # Killed before it said that it was done; inside the line that says so; and before the replies moved.
        ledger = out / "shards" / "ledger.jsonl"
        lines = ledger.read_bytes().splitlines(keepends=True)
        if left == 3:
            (out / "replies.jsonl").unlink()
        ledger.write_bytes(b"".join(lines[:-1]) + (lines[-1][:9] if left == 2 else b""))
        (out / "scores.jsonl").unlink()
        run = await ask(server.url, questions, out, "1/2")
    assert run.summary.complete and scores(out) == made and merges(out) == 1


async def test_a_part_with_failures_is_merged_and_merged_again_when_it_has_them(
    questions: Path, tmp_path: Path
) -> None:
    broken = True

    def script(request: Request, number: int) -> Response:
        return Response(400, b'{"error": {"message": "no"}}') if broken else healthy(request, number)

    out = tmp_path / "run"
    async with serving(script) as server:
        await ask(server.url, questions, out, "0/2")
        broken = False
        first = await ask(server.url, questions, out, "1/2")
        assert not first.summary.complete
        second = await ask(server.url, questions, out, "0/2")
    assert second.summary.complete and merges(out) == 2


async def test_a_run_asked_as_a_whole_is_not_overwritten(questions: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    async with serving(healthy) as server:
        await ask(server.url, questions, out)
        before = (out / "replies.jsonl").read_bytes()
        with pytest.raises(RunFolderError, match="asked as a whole"):
            await ask(server.url, questions, out, "0/1")
    assert (out / "replies.jsonl").read_bytes() == before


async def test_unfinished_parts_can_be_looked_at_and_still_come_together(
    questions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    async with serving(healthy) as server:
        await ask(server.url, questions, out, "0/2")
        run, merged = merge([out], None)
        half = sightbench.score(run).summary
        assert not half.complete and 0 < merged.replies < QUESTIONS
        last = await ask(server.url, questions, out, "1/2")
        assert last.folder == out and last.summary.complete


async def test_shards_of_0_1_continue_in_their_folders(questions: Path, tmp_path: Path) -> None:
    async with serving(healthy) as server:
        for index in (0, 1):
            run = await ask(server.url, questions, tmp_path / f"made-{index}", f"{index}/2")
            # 0.1 kept a shard in the folder that --out named.
            (tmp_path / f"made-{index}" / "shards" / f"{index}-of-2").rename(tmp_path / f"run-{index}")
        before = len(server.requests)
        run = await ask(server.url, questions, tmp_path / "run-0", "0/2")
        assert run.folder == tmp_path / "run-0" and run.record.shard == (0, 2)
        assert len(server.requests) == before
        run, merged = merge([tmp_path / "run-0", tmp_path / "run-1"], tmp_path / "run")
        whole = await ask(server.url, questions, tmp_path / "whole")
    assert merged.replies == QUESTIONS and scores(sightbench.score(run).folder) == scores(whole.folder)


async def test_one_folder_a_part_is_still_merged_by_hand(questions: Path, tmp_path: Path) -> None:
    async with serving(healthy) as server:
        for index in (0, 1):
            await ask(server.url, questions, tmp_path / f"run-{index}", f"{index}/2")
    run, merged = merge([tmp_path / "run-0", tmp_path / "run-1"], tmp_path / "run")
    assert merged.replies == QUESTIONS and sightbench.score(run).summary.complete


async def test_what_one_part_was_asked_beyond_the_others_is_merged_too(
    questions: Path, tmp_path: Path
) -> None:
    formats.make("MMStar", questions.parent)
    async with serving(healthy) as server:
        await ask(server.url, questions, tmp_path / "run-0", "0/2", limit=4)
        await ask(server.url, questions, tmp_path / "run-1", "1/2")
        options = sightbench.Options(
            endpoint=server.url, model="tiny", task="MMStar", data=questions.parent, out=tmp_path / "run-2"
        )
        await sightbench.evaluate_async(options)
    run, merged = merge([tmp_path / f"run-{number}" for number in range(3)], tmp_path / "run")
    one, two = (benchmark.coverage for benchmark in sightbench.score(run).summary.benchmarks)
    assert (one.asked, two.asked) == (QUESTIONS, 4)
    assert one.answered + two.answered == merged.replies and two.answered == 4 < one.answered
