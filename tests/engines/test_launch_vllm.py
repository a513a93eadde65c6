"""launch_server.sh with a real vLLM, on tiny models and without a GPU: `make test-engines`."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engines.launching import Server, evaluate, installed, replies, serving
from tests.paths import ROOT, SHARED

pytestmark = pytest.mark.engines

Tiny = Callable[[str], Path]


# Of three frames of 112 x 84: as a video of Qwen's two merged pairs of 4 x 3 patches (Qwen3: bounded from
# below and with times between), as three tiles of 256 tokens, as three frames of 196.
@pytest.mark.parametrize(
    ("family", "least", "most"),
    [("qwen2.5-vl", 24, 140), ("qwen3-vl", 24, 400), ("internvl", 3 * 256, 3 * 256 + 250),
     ("llava-onevision", 3 * 196, 3 * 196 + 120)],
)  # fmt: skip
def test_vllm_answers_a_benchmark(
    vllm: Path, tiny: Tiny, data: Path, tmp_path: Path, family: str, least: int, most: int
) -> None:
    with serving(tmp_path, tiny(family), "vllm", vllm) as server:
        answered = evaluate(server, data, tmp_path / "run")
        for reply in answered.values():
            assert least <= reply["usage"]["prompt_tokens"] <= most
        assert server.stop() == 143
    with pytest.raises(OSError), urllib.request.urlopen(f"http://127.0.0.1:{server.port}/health"):
        pass


def test_a_mask_model_answers_and_segments_from_one_line(vllm: Path, tmp_path: Path) -> None:
    source, davis = SHARED / "checkpoints" / "sa2va-tiny-qwen2_5", SHARED / "data" / "davis_mini"
    if not (source.is_dir() and davis.is_dir()):
        pytest.skip("the shared data folder beside the checkout is absent")
    # SAM 2 at 256 pixels, for speed; a real checkpoint is split by the launcher itself.
    split: list[str | Path] = [
        vllm / "bin" / "python",
        "-m",
        "sightbench.servers.masks",
        "split",
        "--image-size",
        "256",
    ]
    subprocess.run([*split, source, tmp_path / "tiny"], cwd=ROOT, check=True)
    with serving(tmp_path, tmp_path / "tiny", "masks", vllm, "--alias", "model-b") as server:
        line = server.bench_line(davis, tmp_path / "run")
        assert line[line.index("--task") + 1] == "all"
        line[line.index("--max-tokens") + 1] = "64"
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    answered = replies(tmp_path / "run")
    assert all(reply["status"] == "ok" for reply in answered.values())
    drawn = {name: reply for name, reply in answered.items() if "mask" in name.split("/")[2]}
    assert drawn and all(len(reply["masks"]) == 1 for reply in drawn.values())


def test_an_engines_refusal_is_one_line(vllm: Path, tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(
        AssertionError, match=r"error: vllm: the engine does not know --no-such-flag.*log.txt\)"
    ):
        Server(tmp_path, tiny("qwen2.5-vl"), "vllm", vllm, extra=("--no-such-flag",))


def test_a_replica_killed_behind_the_router_loses_nothing(
    vllm: Path, tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    router = installed("router") / "bin"
    words = (tmp_path, tiny("qwen2.5-vl"), "vllm", vllm, "--replicas", "2")
    with serving(*words, path=str(router)) as server:
        run = tmp_path / "run"
        bench = subprocess.Popen(
            [*server.bench_line(data, run), "--concurrency", "2"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = time.monotonic() + 120
        while not (run / "replies.jsonl").exists() or len(replies(run)) < 4:
            assert bench.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(engine_of(server, server.port + 1), signal.SIGKILL)
        out, _ = bench.communicate(timeout=300)
        assert bench.returncode == 0, out
        answered = replies(run)
        assert len(answered) == 24 and all(reply["status"] == "ok" for reply in answered.values())
        assert "the others go on" in server.err.read_text()


def engine_of(server: Server, port: int) -> int:
    """The process among the launcher's children that listens on `port`; it leads its own group."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    for child in children:
        words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        if b"--port" in words and words[words.index(b"--port") + 1] == str(port).encode():
            return int(child)
    raise AssertionError(f"no child listens on {port}")
