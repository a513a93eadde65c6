"""The command against servers that fail: the scores of a clean run, one clear line, no key anywhere."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.faults.server import Request, Response, completion, error, flaky, healthy, serving
from tests.paths import ROOT

KEY = "sk-never-to-be-written-anywhere"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three scenes in the Dyn-Bench layout, eight questions each."""
    root = tmp_path / "data"
    (root / "multi_json" / "mini").mkdir(parents=True)
    for scene in range(3):
        frames = root / "frames" / "mini" / f"scene{scene}"
        frames.mkdir(parents=True)
        for frame in range(2):
            Image.new("RGB", (32, 24), (40 * scene, 90 * frame, 7)).save(frames / f"frame_{frame:04}.jpg")
        questions = [
            {
                "question": f"What is {n}?",
                "options": ["A. a", "B. b", "C. c", "D. d"],
                "answer": "ABCD"[n % 4],
            }
            for n in range(8)
        ]
        name = root / "multi_json" / "mini" / f"scene{scene}_cameraqa.json"
        name.write_text(json.dumps(questions))
    return root


async def bench(url: str, data: Path, out: Path, *more: str) -> asyncio.subprocess.Process:
    command = ["bench.py", "--endpoint", url, "--model", "tiny", "--task", "cameraqa", "--data", str(data)]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        *("--out", str(out), "--concurrency", "16", *more),
        cwd=ROOT,
        env={**os.environ, "OPENAI_API_KEY": KEY},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def done(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    out, err = await process.communicate()
    return process.returncode, (out + err).decode()


def everything_in(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())


async def test_with_a_third_of_requests_failing_the_scores_are_a_clean_runs_byte_for_byte(
    data: Path, tmp_path: Path
) -> None:
    async with serving() as server:
        code, words = await done(await bench(server.url, data, tmp_path / "clean"))
        assert code == 0, words
        server.script = flaky(0.3, seed=5)
        code, words = await done(await bench(server.url, data, tmp_path / "faulty", "--attempts", "20"))
        assert code == 0, words
        assert server.count > 2 * 24 + 4
    clean, faulty = (tmp_path / name / "scores.jsonl" for name in ("clean", "faulty"))
    assert clean.read_bytes() == faulty.read_bytes() != b""


async def test_what_failed_has_no_score_and_the_next_run_asks_only_that(data: Path, tmp_path: Path) -> None:
    def script(request: object, number: int) -> Response:
        return error(400, "not this one") if number % 4 == 0 else healthy(request, number)  # type: ignore[arg-type]

    async with serving(script) as server:
        code, _ = await done(await bench(server.url, data, tmp_path / "run"))
        assert code == 1
        scores = [json.loads(line) for line in (tmp_path / "run" / "scores.jsonl").read_text().splitlines()]
        failed = [score for score in scores if score["status"] == "error"]
        assert len(scores) == 24 and len(failed) == 6
        assert all(score.get("value") is None for score in failed)
        server.script, server.count = healthy, 0
        code, words = await done(await bench(server.url, data, tmp_path / "run"))
    assert (code, server.count) == (0, 6), words


async def test_an_expired_key_ends_the_run_with_one_line_and_is_written_nowhere(
    data: Path, tmp_path: Path
) -> None:
    def script(request: object, number: int) -> Response:
        return error(401, f"Incorrect API key provided: {KEY}") if number > 10 else healthy(request, number)  # type: ignore[arg-type]

    async with serving(script) as server:
        code, words = await done(await bench(server.url, data, tmp_path / "run"))
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert code == 1
    assert "key is missing or wrong" in words and "Traceback" not in words
    assert KEY not in words + everything_in(tmp_path / "run")


async def test_ctrl_c_ends_the_run_soon_and_says_how_to_go_on(data: Path, tmp_path: Path) -> None:
    async with serving(lambda request, number: Response(delay=60.0)) as server:
        process = await bench(server.url, data, tmp_path / "run")
        await server.reached(16)
        process.send_signal(signal.SIGINT)
        code, words = await asyncio.wait_for(done(process), timeout=20)
        assert code == 1
        assert "interrupted" in words and "Start the same command again to continue" in words
        assert "Traceback" not in words
        server.script, server.count = healthy, 0
        code, words = await done(await bench(server.url, data, tmp_path / "run"))
    assert (code, server.count) == (0, 24), words


async def test_nothing_there_is_one_line_before_anything_is_asked(data: Path, tmp_path: Path) -> None:
    code, words = await done(await bench("http://127.0.0.1:9/v1", data, tmp_path / "run"))
    assert code == 1
    assert "cannot be reached" in words and "Traceback" not in words
    assert not (tmp_path / "run").exists()


async def test_a_server_that_goes_away_is_waited_for_as_long_as_was_said(data: Path, tmp_path: Path) -> None:
    async with serving(lambda request, number: Response(delay=0.0 if number < 5 else 60.0)) as server:
        process = await bench(server.url, data, tmp_path / "run", "--patience", "1.5")
        await server.reached(6)
        await server.stop()
        code, words = await asyncio.wait_for(done(process), timeout=60)
    assert code == 1
    assert "no endpoint has answered for 1.5 s" in words and "Traceback" not in words, words


async def test_a_model_nobody_knows_is_asked_plainly_and_that_is_said_once(
    data: Path, tmp_path: Path
) -> None:
    async with serving() as server:
        code, words = await done(await bench(server.url, data, tmp_path / "run"))
        assert code == 0 and words.count("no model family is known by tiny") == 1 and "--family" in words
        more = ("--family", "qwen2.5-vl")
        _, words = await done(await bench(server.url, data, tmp_path / "named", *more))
        assert "no model family is known" not in words


async def test_a_refusal_is_counted_and_a_senseless_bill_is_no_traceback(data: Path, tmp_path: Path) -> None:
    usage = {"prompt_tokens": 2**62, "completion_tokens": 2**62, "total_tokens": 2**63}

    def script(request: object, number: int) -> Response:
        refused = [{"type": "refusal", "refusal": "I will not."}]
        content = json.loads(completion(refused if b"is 3?" in request.body else "A"))  # type: ignore[arg-type, attr-defined]
        return Response(body=json.dumps({**content, "usage": usage}).encode())

    async with serving(script) as server:
        code, words = await done(await bench(server.url, data, tmp_path / "run"))
    assert code == 0 and "3 refused" in " ".join(words.split()) and "Traceback" not in words, words
    assert (tmp_path / "run/summary.json").exists()


async def test_a_bit_that_flips_is_named_and_its_sample_asked_again(data: Path, tmp_path: Path) -> None:
    replies = tmp_path / "run/replies.jsonl"
    async with serving() as server:
        await done(await bench(server.url, data, tmp_path / "run"))
        scores = (tmp_path / "run/scores.jsonl").read_bytes()
        first, *rest = replies.read_bytes().splitlines(keepends=True)
        replies.write_bytes(first.replace(b'"text":"', b'"text":"x', 1) + b"".join(rest))
        server.count = 0
        code, words = await done(await bench(server.url, data, tmp_path / "run"))
    assert (code, server.count) == (0, 1), words
    assert "replies.damaged" in words and json.loads(first)["sample"] in words
    assert (tmp_path / "run/scores.jsonl").read_bytes() == scores


async def test_a_run_whose_reader_has_gone_ends_soon(data: Path, tmp_path: Path) -> None:
    replies = tmp_path / "run/replies.jsonl"

    def script(request: Request, number: int) -> Response:
        return Response(body=completion(), delay=60.0 if number > 12 else 0.0)

    async with serving(script) as server:
        process = await bench(server.url, data, tmp_path / "run")
        await server.reached(20)
        await asyncio.sleep(1)  # what is answered is written within that
        assert process.stdout is not None and process.stderr is not None
        process.stdout._transport.close()  # type: ignore[attr-defined]
        process.stderr._transport.close()  # type: ignore[attr-defined]
        assert await asyncio.wait_for(process.wait(), 20) == 1
    assert replies.read_bytes().count(b"\n") >= 8


async def test_files_of_a_run_follow_the_umask(data: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        async with serving() as server:
            await done(await bench(server.url, data, tmp_path / "run"))
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) > 4 and all(path.stat().st_mode & 0o077 == 0 for path in files)
