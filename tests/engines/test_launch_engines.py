"""launch_server.sh with the real engines, on tiny models and without a GPU: `make test-engines`."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightbench.families import load
from sightbench.servers import launch
from tests.paths import ROOT

SHARED = ROOT.parent / "shared"
INSTALL = ROOT / "ci" / "engines" / "install.sh"
BOOT_SECONDS = 400.0
SMALL = {
    "vllm": ("--load-format", "dummy", "--enforce-eager", "--max-model-len", "16384",
             "--max-num-batched-tokens", "8192"),
    "masks": ("--enforce-eager",),
    "sglang": ("--load-format", "dummy", "--mem-fraction-static", "0.2", "--context-length", "16384"),
}  # fmt: skip

pytestmark = pytest.mark.engines


def installed(engine: str) -> Path:
    done = subprocess.run([str(INSTALL), engine], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def vllm() -> Path:
    return installed("vllm")


@pytest.fixture(scope="module")
def sglang() -> Path:
    return installed("sglang")


@pytest.fixture(scope="module")
def models(vllm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny checkpoint per family, without weights."""
    root = tmp_path_factory.mktemp("models")
    for family in ("qwen2.5-vl", "qwen3-vl", "internvl", "llava-onevision"):
        script = str(ROOT / "ci" / "engines" / "tiny_vlm.py")
        subprocess.run([vllm / "bin" / "python", script, family, root / family], check=True)
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Dyn-Bench layout: 6 scenes of 3 noisy frames, 4 questions each."""
    root = tmp_path_factory.mktemp("data")
    draw = np.random.default_rng(0)
    (root / "multi_json" / "d").mkdir(parents=True)
    for scene in range(6):
        frames = root / "frames" / "d" / f"scene{scene}"
        frames.mkdir(parents=True)
        for index in range(3):
            pixels = draw.integers(0, 256, (84, 112, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(frames / f"frame_{index:04d}.jpg")
        questions = [
            {"question": f"Which of {n} is closer?", "options": ["A. this", "B. that"], "answer": "A"}
            for n in range(4)
        ]
        (root / "multi_json" / "d" / f"scene{scene}_qa.json").write_text(json.dumps(questions))
    (root / "masks" / "d").mkdir(parents=True)
    return root


def free_ports() -> int:
    """A port with room for two replicas above it."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as two:
                one.bind(("127.0.0.1", port + 1))
                two.bind(("127.0.0.1", port + 2))
                return port


class Server:
    def __init__(
        self,
        folder: Path,
        model: Path,
        engine: str,
        venv: Path,
        *words: str,
        path: str = "",
        extra: tuple[str, ...] = (),
    ) -> None:
        self.port = free_ports()
        self.out, self.err = folder / "out", folder / "err"
        given = {"PYTHON": sys.executable, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
        given["PATH"] = os.pathsep.join(filter(None, [path, os.environ["PATH"]]))
        command = [str(ROOT / "launch_server.sh"), str(model), "--engine", engine, "--gpus", "0"]
        command += ["--port", str(self.port), "--engine-venv", str(venv), "--log", str(folder / "log.txt")]
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [*command, *words, "--", *SMALL[engine], *extra],
                stdout=out,
                stderr=err,
                env={**os.environ, **given},
                cwd=folder,
            )
        deadline = time.monotonic() + BOOT_SECONDS
        while "Next:" not in self.out.read_text():
            assert self.process.poll() is None, self.err.read_text()
            assert time.monotonic() < deadline, "the engine did not come up"
            time.sleep(0.5)

    def bench_line(self, data: Path, run: Path) -> list[str]:
        """The line launch_server.sh says to run next, made to run here."""
        line = self.out.read_text().splitlines()[-1]
        words = [str(data) if word == "DIR" else word for word in shlex.split(line)]
        return [sys.executable, *words[1:], "--out", str(run), "--max-tokens", "8", "--quiet"]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextlib.contextmanager
def serving(*what: object, **more: str) -> Iterator[Server]:
    server = Server(*what, **more)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def replies(run: Path) -> dict[str, dict]:
    lines = [json.loads(line) for line in (run / "replies.jsonl").read_text().splitlines()]
    return {line["sample"]: line for line in lines}


def evaluate(server: Server, data: Path, run: Path, limit: int = 24) -> dict[str, dict]:
    """The first questions through bench.py, as the launcher's own line says; the replies by sample."""
    line = [*server.bench_line(data, run), "--limit", str(limit)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    answered = replies(run)
    assert len(answered) == limit and all(reply["status"] == "ok" for reply in answered.values())
    assert json.loads((run / "summary.json").read_text())
    return answered


# Of three frames of 112 x 84: as a video of Qwen's two merged pairs of 4 x 3 patches (Qwen3: bounded from
# below and with times between), as three tiles of 256 tokens, as three frames of 196.
@pytest.mark.parametrize(
    ("family", "least", "most"),
    [("qwen2.5-vl", 24, 140), ("qwen3-vl", 24, 400), ("internvl", 3 * 256, 3 * 256 + 250),
     ("llava-onevision", 3 * 196, 3 * 196 + 120)],
)  # fmt: skip
def test_vllm_answers_a_benchmark(vllm, models, data, tmp_path, family, least, most) -> None:
    with serving(tmp_path, models / family, "vllm", vllm) as server:
        answered = evaluate(server, data, tmp_path / "run")
        for reply in answered.values():
            assert least <= reply["usage"]["prompt_tokens"] <= most
        assert server.stop() == 143
    with pytest.raises(OSError), urllib.request.urlopen(f"http://127.0.0.1:{server.port}/health"):
        pass


@pytest.mark.parametrize(
    ("family", "least", "most"),
    [("qwen2.5-vl", 36, 180), ("qwen3-vl", 36, 500), ("internvl", 3 * 256, 3 * 256 + 250),
     ("llava-onevision", 3 * 196, 16384)],
)  # fmt: skip
def test_sglang_answers_a_benchmark_under_an_alias(
    sglang, models, data, tmp_path, family, least, most
) -> None:
    with serving(tmp_path, models / family, "sglang", sglang, "--alias", "model-a") as server:
        assert f"--model model-a --family {family}" in server.out.read_text()
        for reply in evaluate(server, data, tmp_path / "run", limit=3).values():
            assert least <= reply["usage"]["prompt_tokens"] <= most


def test_a_mask_model_answers_and_segments_from_one_line(vllm, tmp_path) -> None:
    tiny, davis = SHARED / "checkpoints" / "sa2va-tiny-qwen2_5", SHARED / "data" / "davis_mini"
    if not (tiny.is_dir() and davis.is_dir()):
        pytest.skip("the shared data folder beside the checkout is absent")
    # SAM 2 at 256 pixels, for speed; a real checkpoint is split by the launcher itself.
    split = [vllm / "bin" / "python", "-m", "sightbench.servers.masks", "split", "--image-size", "256"]
    subprocess.run([*split, tiny, tmp_path / "tiny"], cwd=ROOT, check=True)
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


def test_an_engines_refusal_is_one_line(vllm, models, tmp_path) -> None:
    with pytest.raises(
        AssertionError, match=r"error: vllm: the engine does not know --no-such-flag.*log.txt\)"
    ):
        Server(tmp_path, models / "qwen2.5-vl", "vllm", vllm, extra=("--no-such-flag",))


def test_a_replica_killed_behind_the_router_loses_nothing(vllm, models, data, tmp_path) -> None:
    router = installed("router") / "bin"
    words = (tmp_path, models / "qwen2.5-vl", "vllm", vllm, "--replicas", "2")
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


PARSE = {
    "vllm": """
import argparse, json, sys
from vllm.entrypoints.cli.serve import ServeSubcommand
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = FlexibleArgumentParser()
ServeSubcommand().subparser_init(parser.add_subparsers(dest="subparser"))
for line in sys.stdin:
    parser.parse_args(json.loads(line)[1:])
    print("accepted")
""",
    "sglang": """
import argparse, json, sys
from sglang.srt.server_args import ServerArgs
parser = argparse.ArgumentParser()
ServerArgs.add_cli_args(parser)
for line in sys.stdin:
    parser.parse_args(json.loads(line)[3:])
    print("accepted")
""",
}


def dry_lines(engine: str, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The engine's part of every dry run of every listed model it has, with all that adds flags."""
    lines = []
    program = {"vllm": "vllm serve", "sglang": "sglang.launch_server"}[engine]
    adapter = ["--lora", "tuned=a/b"]
    for family in load().families:
        for model in family.models:
            asked = "masks" if family.masks and engine == "vllm" else engine
            if asked not in family.serving.engines:
                continue
            for more in (
                [],
                [*adapter, "--tiles", "all", "--gpus", "2"],
                ["--gpus", "0"],
                ["--replicas", "2"],
            ):
                if family.masks and more[:1] == ["--lora"]:
                    continue
                assert launch.main([model, "--engine", asked, "--dry-run", *more]) == 0
                for line in capsys.readouterr().out.splitlines():
                    if not line.startswith("#") and program in line and "run_module.py" not in line:
                        words = shlex.split(line)
                        while "=" in words[0] and not words[0].startswith("/"):
                            words.pop(0)
                        lines.append(words)
    return lines


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_the_engines_own_parser_takes_every_command_line(engine, capsys, request) -> None:
    venv: Path = request.getfixturevalue(engine)
    lines = dry_lines(engine, capsys)
    assert len(lines) > 60
    done = subprocess.run(
        [venv / "bin" / "python", "-c", PARSE[engine]],
        input="\n".join(json.dumps(words) for words in lines),
        capture_output=True,
        text=True,
        env={**os.environ, "VLLM_TARGET_DEVICE": "cpu", "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("accepted") == len(lines)


def test_the_routers_own_parser_takes_its_command_line(capsys) -> None:
    assert launch.main(["Qwen/Qwen2.5-VL-7B-Instruct", "--dry-run", "--replicas", "2"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "vllm-router" in line)
    words = shlex.split(line)
    told = subprocess.run(
        [installed("router") / "bin" / "vllm-router", "--help"], capture_output=True, text=True
    ).stdout
    flags = [word for word in words if word.startswith("--")]
    assert flags and all(flag in told for flag in flags)
    assert words[words.index("--policy") + 1] in told
