"""A real vLLM server with a tiny model: all of davis_mini, through kills, over three wires, and from files.

SIGHTBENCH_VLLM=/path/to/bin/vllm pytest -m vllm
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sightbench.client.batches.file_wire import answers_to
from sightbench.client.journal import REPLIES, Journal
from sightbench.client.lines import from_line
from sightbench.client.probe import probe, probe_masks
from sightbench.client.run import ask, settle
from sightbench.errors import EndpointError
from sightbench.evaluation.evaluate import evaluate
from sightbench.evaluation.options import Options
from sightbench.sample import Reply, Sample, Video
from tests.client.samples import about, run, text, to
from tests.engines.server import BOOT_SECONDS, Server, tiny_model
from tests.engines.server import vllm as serve_vllm
from tests.paths import ROOT, SHARED

DATA = SHARED / "data" / "davis_mini"
VLLM = os.environ.get("SIGHTBENCH_VLLM", "")

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(not VLLM, reason="no vLLM here: set SIGHTBENCH_VLLM to its executable"),
    pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder beside the checkout is absent"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_model(VLLM, tmp_path_factory.mktemp("vllm") / "model")


@pytest.fixture(scope="module")
def vllm(model: str) -> Iterator[Server]:
    server = serve_vllm(VLLM, model, Path(model).parent / "log")
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.kill()


def questions() -> Iterator[Sample]:
    """davis_mini's questions as their own reader gives them."""
    from sightbench.tasks.benchmark import Problems
    from sightbench.tasks.readers.dynbench import read

    for sample in read(DATA, "official", Problems()):
        if sample.wants == "text":
            yield replace(sample, max_tokens=32)


def texts_of(folder: Path) -> dict[str, Reply]:
    lines = (folder / REPLIES).read_bytes().splitlines(keepends=True) if (folder / REPLIES).exists() else []
    replies = [from_line(line) for line in lines if line.endswith(b"\n")]
    ok = [reply for reply in replies if reply.status == "ok"]
    assert max(Counter(reply.sample for reply in ok).values(), default=1) == 1, "answered twice"
    return {reply.sample: reply for reply in ok}


def answered(folder: Path, count: int) -> None:
    """Waits until the run has that many answers."""
    deadline = time.monotonic() + BOOT_SECONDS
    while len(texts_of(folder)) < count:
        assert time.monotonic() < deadline, "no answers"
        time.sleep(0.02)


def test_the_server_is_what_it_is_taken_for(vllm: Server) -> None:
    info = asyncio.run(probe(vllm.url))
    assert (info.engine, info.model, info.max_model_len, info.frame_lists) == ("vllm", "tiny", 16384, True)
    assert not asyncio.run(probe_masks(to(vllm.url)))
    with pytest.raises(EndpointError, match=r"'nope'.*tiny"):
        asyncio.run(probe(vllm.url, model="nope"))


async def test_no_frame_is_dropped_and_every_way_of_sending_is_understood(
    vllm: Server, tmp_path: Path
) -> None:
    sample = next(s for s in questions() if len(s.turns[0].parts) > 1)
    video = next(part for part in sample.turns[0].parts if isinstance(part, Video))
    forty = about(replace(video, frames=(video.frames * 40)[:40]), "forty", max_tokens=1)
    info = await probe(vllm.url)
    tokens = {}
    for mode in ("video", "images"):
        for frames in (8, 16, 40):
            settings = settle(to(vllm.url, frames=frames, timeout=120.0), info, mode=mode)
            outcome, replies = await run(tmp_path / f"{mode}{frames}", settings, [forty])
            tokens[mode, frames] = replies["forty"].usage.prompt_tokens or 0
            reply = replies["forty"]
            known = reply.error is not None and reply.error.kind == "context_length"
            assert outcome.answered == 1 or (frames == 40 and known), reply.error
    text_tokens = 2 * tokens["images", 8] - tokens["images", 16]
    assert tokens["images", 8] > 1.7 * tokens["video", 8]
    # Qwen merges two frames: five times the frames are five times the tokens, none left behind at 32.
    grown = (tokens["video", 40] - text_tokens) / (tokens["video", 8] - text_tokens)
    assert 4.8 <= grown <= 5.2


async def test_what_does_not_fit_is_named(vllm: Server, tmp_path: Path) -> None:
    info = await probe(vllm.url)
    samples = [text("long", "word " * 60_000), text("fits", "Hi", max_tokens=2)]
    _, replies = await run(tmp_path, settle(to(vllm.url), info), samples)
    assert replies["long"].error is not None and replies["long"].error.kind == "context_length"
    assert replies["fits"].status == "ok"


async def test_auto_concurrency_answers_everything(vllm: Server, tmp_path: Path) -> None:
    info = await probe(vllm.url)
    settings = settle(to(vllm.url, concurrency="auto", frames=4, timeout=120.0), info)
    outcome, _ = await run(tmp_path, settings, questions())
    assert outcome.failed == 0 and outcome.answered == sum(1 for _ in questions())


def three_videos() -> Iterator[Sample]:
    for number, folder in enumerate(sorted((DATA / "frames").glob("*/*"))[:3]):
        frames = tuple(sorted(folder.glob("*.jpg"))[:4])
        yield about(Video(folder.name, frames=frames), f"q/{number}", "What moves?", max_tokens=16)


async def test_three_wires_show_a_model_the_same_pictures(vllm: Server, tmp_path: Path) -> None:
    found = {}
    for name in ("generic", "anthropic", "openai-responses"):
        outcome, replies = await run(tmp_path / name, to(vllm.url, provider=name), three_videos())
        assert (outcome.answered, outcome.failed) == (3, 0), name
        found[name] = {
            sample: (
                reply.text,
                reply.finish_reason,
                reply.usage.prompt_tokens,
                reply.usage.completion_tokens,
            )
            for sample, reply in replies.items()
        }
    assert found["generic"] == found["anthropic"] == found["openai-responses"]


def test_run_batch_answers_davis_mini_from_files(model: str, tmp_path: Path) -> None:
    asked = Options(
        batch="file", model="tiny", family="qwen2.5-vl", task="dynbench-qa", data=DATA, max_tokens=16,
        out=tmp_path / "run",
    )  # fmt: skip
    first = evaluate(asked)
    assert first.outcome is not None and "vllm run-batch" in str(first.outcome.stopped)
    requests = tmp_path / "run" / "batches" / "0001.jsonl"
    command = [
        VLLM, "run-batch", "-i", str(requests), "-o", str(answers_to(requests)), "--model", model,
        "--served-model-name", "tiny", "--load-format", "dummy", "--enforce-eager",
        "--max-model-len", "16384", "--generation-config", "vllm",
    ]  # fmt: skip
    given = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    subprocess.run(command, check=True, env={**os.environ, **given}, capture_output=True, timeout=900)
    second = evaluate(asked)
    cover = second.summary.benchmarks[0].coverage
    assert cover.complete and cover.answered == cover.asked > 0


def test_davis_mini_survives_kills_of_the_client(vllm: Server, tmp_path: Path) -> None:
    draw = random.Random(0)
    code = (
        "import sys, asyncio; from pathlib import Path; import tests.client.test_vllm as t\n"
        "t.continue_run(sys.argv[1], Path(sys.argv[2]))"
    )
    total = sum(1 for _ in questions())
    for _ in range(4):
        before = texts_of(tmp_path)
        process = subprocess.Popen([sys.executable, "-c", code, vllm.url, str(tmp_path)], cwd=ROOT)
        answered(tmp_path, len(before) + draw.randint(1, 4))
        process.kill()
        process.wait()
        after = texts_of(tmp_path)
        assert {name: after[name] for name in before} == before
    subprocess.run([sys.executable, "-c", code, vllm.url, str(tmp_path)], cwd=ROOT, check=True)
    assert len(texts_of(tmp_path)) == total


def continue_run(url: str, folder: Path) -> None:
    async def main() -> None:
        settings = settle(to(url, concurrency=2, frames=8, timeout=120.0), await probe(url))
        with Journal.open(folder) as journal:
            outcome = await ask(questions(), settings, journal)
        assert outcome.failed == 0 and outcome.stopped is None, outcome

    asyncio.run(main())


async def test_davis_mini_survives_a_kill_of_the_server(vllm: Server, tmp_path: Path) -> None:
    info = await probe(vllm.url)
    settings = settle(to(vllm.url, concurrency=2, frames=8, timeout=120.0, patience=BOOT_SECONDS), info)
    total = sum(1 for _ in questions())

    def kill_and_restart() -> None:
        answered(tmp_path, 4)
        vllm.kill()
        vllm.start()

    with Journal.open(tmp_path) as journal:
        killing = asyncio.create_task(asyncio.to_thread(kill_and_restart))
        outcome = await ask(questions(), settings, journal)
        await killing
    await asyncio.to_thread(vllm.wait)
    assert (outcome.answered, outcome.failed, outcome.stopped) == (total, 0, None)
    assert max(reply.attempts for reply in texts_of(tmp_path).values()) > 1
