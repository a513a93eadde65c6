"""Sweeps over checkpoints: found and ordered, a server for each, adapters of one server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from sightbench.errors import UsageError
from sightbench.evaluation.studies.checkpoints import checkpoints
from tests.faults.server import Response, healthy, serving
from tests.paths import ROOT
from tests.tasks import formats

ENGINE = '''#!{python}
"""`vllm serve MODEL` as far as a sweep sees it: the later the checkpoint, the better."""
import hashlib, http.server, json, os, pathlib, signal, sys, time

home, words = pathlib.Path({home!r}), sys.argv[1:]
value = lambda name: words[words.index(name) + 1]
model = pathlib.Path(words[1])
if (model / "broken").exists():
    sys.exit("ValueError: this checkpoint cannot be read")
with (home / "started").open("a") as file:
    file.write(f"{{model.name}} {{os.getpid()}}\\n")
step = int(model.name.rpartition("-")[2])


def tell(what):
    with (home / "events").open("a") as file:
        file.write(f"{{what}} {{model.name}} {{os.environ.get('CUDA_VISIBLE_DEVICES', '')}}\\n")


tell("start")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.say({{"data": [{{"id": value("--served-model-name"), "root": str(model)}}]}})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.3 if (home / "slow").exists() else 0)
        content = json.loads(body)["messages"]
        draw = hashlib.sha256(json.dumps(content).encode()).digest()[0]
        message = {{"role": "assistant", "content": "B" if draw < step / 8 else "A"}}
        tell("answer")
        self.say({{"choices": [{{"index": 0, "finish_reason": "stop", "message": message}}],
            "model": value("--served-model-name"),
            "usage": {{"prompt_tokens": 90, "completion_tokens": 1, "total_tokens": 91}}}})

    def say(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *what):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(value("--port"))), Handler).serve_forever()
'''


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with an engine, a training run of three checkpoints, and a benchmark."""
    program = tmp_path / "venv" / "bin" / "vllm"
    program.parent.mkdir(parents=True)
    program.write_text(ENGINE.format(python=sys.executable, home=str(tmp_path)))
    program.chmod(0o755)
    for step in (1000, 200, 400):
        checkpoint(tmp_path / "sft" / f"checkpoint-{step}")
    rows = [
        formats.options(index=at, image=formats.in_base64(at), category="c", l2_category="x")
        for at in range(12)
    ]
    formats.table(tmp_path / "data" / "MMStar.tsv", rows)
    return tmp_path


def checkpoint(folder: Path, **config: object) -> Path:
    folder.mkdir(parents=True)
    content = {"architectures": ["Qwen2_5_VLForConditionalGeneration"], **config}
    (folder / "config.json").write_text(json.dumps(content))
    (folder / "model.safetensors").write_bytes(b"")
    return folder


def command(home: Path, *words: str, gpus: int = 0) -> list[str]:
    serve = f"--gpus {gpus} --engine-venv {home / 'venv'}"
    line = [sys.executable, str(ROOT / "bench.py"), "sweep", "--serve", serve, "--task", "MMStar"]
    return [*line, "--data", str(home / "data"), "--out", str(home / "out"), "--quiet", *words]


def started(home: Path) -> list[str]:
    path = home / "started"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def all_gone(home: Path) -> bool:
    pids = [int(line.split()[1]) for line in (home / "started").read_text().splitlines()]
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def eventually(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_checkpoints_stand_in_the_order_of_their_steps_and_namesakes_are_told_apart(tmp_path: Path) -> None:
    for name in ("a/sft/checkpoint-200", "b/sft/checkpoint-200", "a/sft/checkpoint-1000"):
        checkpoint(tmp_path / name)
    base = "Qwen/Qwen2.5-VL-7B-Instruct"
    found = checkpoints([str(tmp_path / "a" / "sft"), str(tmp_path / "b" / "sft"), base])
    steps = ["a/sft/checkpoint-200", "a/sft/checkpoint-1000", "b/sft/checkpoint-200"]
    assert [one.label for one in found] == [base, *steps]
    assert [one.series for one in found] == ["", "a/sft", "a/sft", "b/sft"]
    for name in ("lora_gentle_step10", "lora_gentle_step9"):
        (tmp_path / "loras" / name).mkdir(parents=True)
        (tmp_path / "loras" / name / "adapter_config.json").write_text("{}")
    loras = checkpoints([str(tmp_path / "loras")])
    assert [(one.series, one.step, one.is_adapter) for one in loras] == [
        ("gentle", 9, True),
        ("gentle", 10, True),
    ]
    with pytest.raises(UsageError, match="no such folder"):
        checkpoints(["./nowhere"])
    with pytest.raises(UsageError, match="neither checkpoint"):
        checkpoints([str(tmp_path)])


def test_a_server_is_started_for_each_checkpoint_and_stopped_and_none_twice(home: Path) -> None:
    done = subprocess.run(
        command(home, "--checkpoints", str(home / "sft")), cwd=home, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert started(home) == ["checkpoint-200", "checkpoint-400", "checkpoint-1000"]
    assert all_gone(home)
    kept = orjson.loads((home / "out" / "sweep.json").read_bytes())
    assert [entry["x"] for entry in kept] == [200, 400, 1000]
    scores = [entry["headline"]["value"] for entry in kept]
    assert scores == sorted(scores) and scores[0] < scores[2]
    assert kept[2]["gain"]["value"] == pytest.approx(scores[2] - scores[0])
    assert [entry["best"] for entry in kept] == [False, False, True]
    assert "picked on these very answers" in done.stdout
    page = (home / "out" / "sweep.html").read_text()
    assert "<polyline" in page and page.count("<circle") == 6
    assert (home / "out" / "checkpoint-200" / "report.html").exists()
    again = subprocess.run(
        command(home, "--checkpoints", str(home / "sft")), cwd=home, capture_output=True, text=True
    )
    assert again.returncode == 0 and len(started(home)) == 3, "what is done needs no server"
    assert "is done: its server is not started" in again.stderr


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)]
)
def test_a_sweep_that_is_ended_leaves_no_server_and_continues(home: Path, number: signal.Signals) -> None:
    (home / "slow").touch()
    line = command(home, "--concurrency", "1", "--checkpoints", str(home / "sft"))
    process = subprocess.Popen(line, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    replies = home / "out" / "checkpoint-200" / "replies.jsonl"
    eventually(lambda: replies.exists() and replies.read_bytes().count(b"\n") >= 2)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 1)
    eventually(lambda: all_gone(home))
    before = replies.read_bytes().count(b"\n")
    assert started(home) == ["checkpoint-200"], "none is started after the signal"
    (home / "slow").unlink()
    done = subprocess.run(line, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert replies.read_bytes().count(b"\n") == 12 and before < 12


def test_a_checkpoint_that_does_not_come_up_is_told_and_the_others_are_asked(home: Path) -> None:
    (home / "sft" / "checkpoint-400" / "broken").touch()
    done = subprocess.run(
        command(home, "--checkpoints", str(home / "sft")), cwd=home, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert started(home) == ["checkpoint-200", "checkpoint-1000"] and all_gone(home)
    assert "no run of checkpoint-400" in done.stderr and "Traceback" not in done.stderr
    assert "checkpoint-400" in (home / "out" / "sweep.html").read_text()


async def test_the_adapters_of_one_server_are_found_and_compared_with_their_base(home: Path) -> None:
    import asyncio

    cards = [{"id": name, "parent": "tiny"} for name in ("lora_a_step20", "lora_a_step3")]
    async with serving(healthy, models=("tiny", "lora_a_step20", "lora_a_step3")) as server:
        listed = {"data": [*cards, {"id": "tiny", "root": "/m/Qwen2.5-VL-7B-Instruct"}]}
        server.other["/v1/models"] = Response(body=orjson.dumps(listed))
        words = ["--endpoint", server.url, "--models", "all"]
        line = command(home, *words)
        done = await asyncio.to_thread(subprocess.run, line, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kept = orjson.loads((home / "out" / "sweep.json").read_bytes())
    assert [(entry["label"], entry["x"]) for entry in kept] == [
        ("model=tiny", None),
        ("model=lora_a_step3", 3),
        ("model=lora_a_step20", 20),
    ]
    families = {
        json.loads((home / "out" / entry["folder"] / "run.json").read_text())["request"]["family"]
        for entry in kept
    }
    assert families == {"qwen2.5-vl"}, "an adapter is asked as its base is"


def test_what_cannot_be_swept_together_is_refused(home: Path) -> None:
    line = command(home, "--checkpoints", str(home / "sft"), "--endpoint", "http://127.0.0.1:9/v1")
    done = subprocess.run(line, cwd=home, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: --checkpoints starts a server")
    assert os.listdir(home).count("started") == 0
