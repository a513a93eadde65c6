"""launch_server.sh with an engine that is a small script: readiness, signals, logs, failures, replicas."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sightbench.servers import checks, launch, supervise
from sightbench.servers.diagnosis import diagnose
from sightbench.servers.engines import Process
from sightbench.servers.ports import held_free
from tests.paths import ROOT

DEADLINE = 30.0

ENGINE = '''#!{python}
"""`vllm serve MODEL ...` as far as its launcher sees it; what it does beside is told by files in HOME_DIR."""
import http.server, json, os, pathlib, signal, subprocess, sys, threading, time

home = pathlib.Path(os.environ["HOME_DIR"])
words = sys.argv[1:]
value = lambda name: words[words.index(name) + 1]
port = value("--port")
if (home / "dies").exists():
    print((home / "dies").read_text(), file=sys.stderr)
    sys.exit(1)
(home / f"started-{{port}}").write_text(json.dumps({{"words": words, "environment": dict(os.environ)}}))
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
(home / f"worker-{{port}}").write_text(str(worker.pid))


def stop(number, frame):
    (home / f"stopped-{{port}}").write_text(signal.Signals(number).name)
    os._exit(0)


signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)


key = value("--api-key") if "--api-key" in words else os.environ.get("VLLM_API_KEY")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if key and self.path.startswith("/v1") and self.headers["Authorization"] != f"Bearer {{key}}":
            self.send_response(401)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.path == "/v1/models" and (home / "loading").exists():
            return self.say({{"data": [{{"id": "somebody else"}}]}})
        if self.path == "/v1/models":
            return self.say({{"data": [{{"id": value("--served-model-name")}}]}})
        return self.say({{}})

    def say(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *what):
        print("GET", self.path)


http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
'''


def eventually(condition, what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def serves(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models") as reply:
        return bool(reply.status == 200)
    return False


def gone(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    return True


class Launched:
    """launch_server.sh as a process, its output in files."""

    def __init__(self, home: Path, *words: str, **environment: str) -> None:
        self.home = home
        self.holding = contextlib.ExitStack()
        # The launcher's own, and those of two replicas.
        self.port = self.holding.enter_context(held_free((1, 2)))
        self.out, self.err = home / "out", home / "err"
        command = [str(ROOT / "launch_server.sh"), "Qwen/Qwen2.5-VL-7B-Instruct", "--port", str(self.port)]
        env = {
            **os.environ,
            "PYTHON": sys.executable,
            "ENGINE_VENV": str(home / "venv"),
            "HOME_DIR": str(home),
        }
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [*command, "--gpus", "0", "--log", str(home / "log"), *words],
                stdout=out,
                stderr=err,
                env={**env, **environment},
                cwd=home,
            )

    def ready(self) -> None:
        eventually(lambda: "Next:" in self.out.read_text() or self.process.poll() is not None, "never ready")
        assert self.process.poll() is None, self.err.read_text()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE)

    def ended(self) -> tuple[int, str]:
        return self.process.wait(DEADLINE), self.err.read_text()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    program = tmp_path / "venv" / "bin" / "vllm"
    program.parent.mkdir(parents=True)
    program.write_text(ENGINE.format(python=sys.executable))
    program.chmod(0o755)
    return tmp_path


@pytest.fixture
def launched(home: Path) -> Iterator:
    made: list[Launched] = []

    def launch(*words: str, **environment: str) -> Launched:
        made.append(Launched(home, *words, **environment))
        return made[-1]

    yield launch
    for one in made:
        if one.process.poll() is None:
            one.stop()
        one.holding.close()


def test_it_is_ready_when_the_right_model_is_there_and_not_before(home, launched) -> None:
    (home / "loading").touch()
    server = launched("--alias", "model-a")
    eventually(
        lambda: (home / "log").exists() and "GET /v1/models" in (home / "log").read_text(), "not asked"
    )
    assert "Next:" not in server.out.read_text()
    (home / "loading").unlink()
    server.ready()
    assert f"--endpoint http://127.0.0.1:{server.port}/v1 --model model-a --family qwen2.5-vl" in (
        server.out.read_text()
    )
    assert (home / "log").read_text().startswith("$ ")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_reaches_the_engine_and_nothing_is_left_behind(home, launched, number, code) -> None:
    server = launched()
    server.ready()
    worker = int((home / f"worker-{server.port}").read_text())
    server.process.send_signal(number)
    assert server.ended() == (code, "")
    assert (home / f"stopped-{server.port}").read_text() == number.name
    # The worker ignores us and has lost its parent; it goes with the group.
    eventually(lambda: gone(worker), "the worker is still there")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent was killed")
def test_the_engine_is_told_to_end_where_the_launcher_is_killed(home, launched) -> None:
    server = launched()
    server.ready()
    server.process.kill()
    server.process.wait(DEADLINE)
    told = home / f"stopped-{server.port}"
    eventually(lambda: told.exists() and told.read_text(), "the engine is still there")
    assert told.read_text() == "SIGTERM"
    os.kill(int((home / f"worker-{server.port}").read_text()), signal.SIGKILL)


def test_under_nohup_a_hangup_ends_nothing(launched) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        server = launched()
    finally:
        signal.signal(signal.SIGHUP, before)
    server.ready()
    server.process.send_signal(signal.SIGHUP)
    server.process.send_signal(signal.SIGTERM)
    assert server.ended() == (143, "")


def test_a_signal_while_loading_stops_it_too(home, launched) -> None:
    (home / "loading").touch()
    server = launched()
    eventually(lambda: (home / f"worker-{server.port}").exists(), "not started")
    worker = int((home / f"worker-{server.port}").read_text() or 0)
    server.process.send_signal(signal.SIGTERM)
    assert server.ended()[0] == 143
    eventually(lambda: gone(worker), "the worker is still there")


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB.", "out of memory: more GPUs"),
        (
            "ValueError: To serve at least one request with the model's max seq len (32768), 7.0 GiB KV "
            "cache is needed, which is larger than the available KV cache memory (2.1 GiB).",
            "out of memory: the context does not fit",
        ),
        ("RuntimeError: Failed to infer device type, please set", "no GPU that this engine can use"),
        ("OSError: [Errno 98] Address already in use", "a port that it wanted is taken"),
        ("huggingface_hub.errors.RepositoryNotFoundError: 404.", "the hub has no model of this name"),
        ("huggingface_hub.errors.GatedRepoError: 401 Client Error.", "set HF_TOKEN"),
        (
            "OSError: We couldn't connect to 'https://huggingface.co' to load the files",
            "the weights are not here and the hub cannot be reached",
        ),
        ("vllm serve: error: unrecognized arguments: --no-such 1", "the engine does not know --no-such 1"),
        ("Traceback (most recent call last):\n  x\npkg.mod.SomeError: it broke", "SomeError: it broke"),
        (
            "WARNING 11-21 22:51:29 [hub.py:3] couldn't connect to the hub, going on\nValueError: odd",
            "ValueError: odd",
        ),
        ("nothing to see", "ended with exit code 1"),
    ],
)  # fmt: skip
def test_an_engine_that_dies_is_explained_in_one_line(tmp_path, log, said) -> None:
    file = tmp_path / "log"
    file.write_text(f"torch.OutOfMemoryError: of an earlier start\n{log}\nAnd then it shut down.\n")
    line = diagnose(file, 1, begin=len("torch.OutOfMemoryError: of an earlier start\n"))
    assert said in line and "\n" not in line


def test_a_program_of_ours_that_ends_has_said_why(tmp_path) -> None:
    file = tmp_path / "log"
    file.write_text(
        "ValueError: of something else\nINFO loading\nerror: self-test failed, not serving: other masks\n\n"
    )
    assert diagnose(file, 1) == "self-test failed, not serving: other masks"


@pytest.mark.parametrize("code", [-9, 137])
def test_a_killed_engine_is_out_of_memory_only_where_its_log_says_so(tmp_path, code) -> None:
    """SGLang ends itself with SIGKILL whatever went wrong."""
    file = tmp_path / "log"
    assert diagnose(file, code) == (
        f"ended with exit code {code}, and its log cannot be read: No such file or directory"
    )
    file.write_text("INFO 11-21 22:51:29 loading\n")
    assert diagnose(file, code).startswith("killed (SIGKILL), and its log does not say why")
    file.write_text(
        "FileNotFoundError: [Errno 2] No such file or directory: 'model/config.json'\nkilling all\n"
    )
    assert diagnose(file, code) == (
        "killed (SIGKILL); the last error it wrote is FileNotFoundError: "
        "[Errno 2] No such file or directory: 'model/config.json'"
    )
    file.write_text("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB.\n")
    assert diagnose(file, code).startswith("out of memory: more GPUs")


def test_what_the_engine_says_goes_to_the_user_in_one_line(home, launched) -> None:
    (home / "dies").write_text("torch.OutOfMemoryError: CUDA out of memory.")
    code, err = launched().ended()
    assert code == 1 and err.count("\n") == 1
    assert err.startswith("error: vllm: out of memory") and f"(log: {home / 'log'})" in err


def test_an_engine_that_ends_later_ends_the_launch(home, launched) -> None:
    server = launched()
    server.ready()
    words = json.loads((home / f"started-{server.port}").read_text())["words"]
    assert words[:2] == ["serve", "Qwen/Qwen2.5-VL-7B-Instruct"]
    pid = int(Path(f"/proc/{(home / f'worker-{server.port}').read_text()}/stat").read_text().split()[3])
    os.kill(pid, signal.SIGKILL)
    code, err = server.ended()
    assert code == 1 and "killed (SIGKILL), and its log does not say why" in err


def test_a_taken_port_is_told_before_anything_starts(home, launched) -> None:
    first = launched()
    first.ready()
    command = [str(ROOT / "launch_server.sh"), "Qwen/Qwen2.5-VL-7B-Instruct", "--gpus", "0"]
    env = {**os.environ, "PYTHON": sys.executable, "ENGINE_VENV": str(home / "venv")}
    second = subprocess.run(
        [*command, "--port", str(first.port)], env=env, capture_output=True, text=True, cwd=home
    )
    assert second.returncode == 2
    assert second.stderr == (
        f"error: port {first.port} is taken by a server of Qwen/Qwen2.5-VL-7B-Instruct: "
        "choose another with --port\n"
    )


def test_a_log_that_cannot_be_written_is_told(home, launched) -> None:
    (home / "folder").mkdir()
    code, err = launched("--log", str(home / "folder")).ended()
    assert code == 2 and err.count("\n") == 1 and "--log" in err


def test_an_interrupt_before_anything_was_started_is_no_traceback(home, launched) -> None:
    slow = home / "bin" / "nvidia-smi"
    slow.parent.mkdir()
    slow.write_text(f"#!/bin/sh\ntouch {home}/asked\nexec sleep 60\n")
    slow.chmod(0o755)
    server = launched("--memory-share", "0.5", PATH=f"{slow.parent}{os.pathsep}{os.environ['PATH']}")
    eventually(lambda: (home / "asked").exists(), "not asked")
    server.process.send_signal(signal.SIGINT)
    assert server.ended() == (130, "")


def run_here(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHON": sys.executable, **environment}
    env.pop("ENGINE_VENV", None)
    command = [str(ROOT / "launch_server.sh"), "Qwen/Qwen2.5-VL-7B-Instruct", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, cwd=home, timeout=DEADLINE)


@pytest.mark.parametrize("installed", [("yaml",), ("msgspec",), ()])
def test_a_python_without_what_it_needs_is_not_taken(tmp_path, installed: tuple[str, ...]) -> None:
    for module in installed:
        (tmp_path / f"{module}.py").write_text("")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    (tools / "python3").write_text(f'#!/bin/bash\nexec {sys.executable} -S "$@"\n')
    (tools / "python3").chmod(0o755)
    # Not the checkout's own, beside which there may be a .venv.
    script = shutil.copy(ROOT / "launch_server.sh", tmp_path)
    environment = {"PATH": str(tools), "PYTHONPATH": str(tmp_path)}
    said = subprocess.run([script, "--help"], env=environment, capture_output=True, text=True)
    assert said.returncode == 2 and said.stderr.count("\n") == 1
    assert "PyYAML and msgspec" in said.stderr and "make demo" in said.stderr


def test_no_gpu_and_too_few_are_told(home) -> None:
    said = run_here(home, "--engine-venv", str(home / "venv"), CUDA_VISIBLE_DEVICES="")
    assert said.returncode == 2 and "no GPU was found" in said.stderr and "--gpus 0" in said.stderr
    said = run_here(home, "--gpus", "4", "--engine-venv", str(home / "venv"), CUDA_VISIBLE_DEVICES="0,1")
    assert said.returncode == 2 and "4 GPUs are needed and 2 are visible" in said.stderr


def test_gpus_of_several_machines_are_not_looked_for_on_one() -> None:
    assert checks.gpus_here(8, 2, ("--nnodes", "2", "--node-rank", "1")) == 8
    assert checks.gpus_here(8, 1, ("--nnodes=4",)) == 2 and checks.gpus_here(8, 1, ("--seed", "1")) == 8


def test_an_engine_that_is_not_installed_is_told(home) -> None:
    said = run_here(home, "--gpus", "0", "--engine-venv", str(home))
    assert said.returncode == 2 and said.stderr.count("\n") == 1
    assert "pip install 'vllm>=0.32'" in said.stderr and "--engine-venv" in said.stderr


def test_replicas_without_a_router_are_endpoints_and_outlive_each_other(home, launched) -> None:
    (home / "bin").mkdir()
    path = os.pathsep.join(
        folder for folder in os.environ["PATH"].split(os.pathsep)
        if not (Path(folder) / "vllm-router").exists()
    )  # fmt: skip
    server = launched("--replicas", "2", PATH=path)
    server.ready()
    out = server.out.read_text()
    one, two = server.port + 1, server.port + 2
    assert "vllm-router is not installed" in out
    assert f"--endpoint http://127.0.0.1:{one}/v1 --endpoint http://127.0.0.1:{two}/v1" in out
    pid = int(Path(f"/proc/{(home / f'worker-{one}').read_text()}/stat").read_text().split()[3])
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: "started again in 5 s, the others go on" in server.err.read_text(), "not told")
    with urllib.request.urlopen(f"http://127.0.0.1:{two}/v1/models") as reply:
        assert reply.status == 200
    eventually(lambda: serves(one), "the dead one was not started again")
    assert (home / "log-vllm-1").exists() and (home / "log-vllm-2").exists()
    server.stop()
    assert server.process.returncode == 143


def test_the_gateway_takes_the_flags_it_is_started_with(monkeypatch, capsys) -> None:
    from sightbench.servers.masks import __main__ as gateway

    assert launch.main(["ByteDance/Sa2VA-4B", "--dry-run", "--gpus", "0", "--alias", "m"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "servers.masks serve" in line)
    words = shlex.split(line)
    seen = []
    monkeypatch.setattr(gateway, "_serve", lambda options: seen.append(options) or 0)
    assert gateway.main(words[words.index("servers.masks") + 1 :]) == 0
    assert (seen[0].alias, seen[0].backend, seen[0].device) == ("m", "vllm", "cpu")


def test_an_engine_inherits_nothing_of_ours(home, launched) -> None:
    server = launched(PYTHONPATH="/of/the/user")
    server.ready()
    environment = json.loads((home / f"started-{server.port}").read_text())["environment"]
    assert environment["PYTHONPATH"] == "/of/the/user"


def test_an_engine_that_asks_for_a_key_becomes_ready(home, launched) -> None:
    server = launched("--api-key-env", "MY_KEY", MY_KEY="hunter2-secret")
    server.ready()
    environment = json.loads((home / f"started-{server.port}").read_text())["environment"]
    assert environment["VLLM_API_KEY"] == "hunter2-secret"
    assert "--api-key-env MY_KEY" in server.out.read_text()
    server.stop()
    assert "hunter2" not in (home / "log").read_text() + server.out.read_text() + server.err.read_text()


def test_an_engine_with_a_key_of_the_users_own_is_there(home, launched) -> None:
    # Nobody told the launcher: 401 is an answer all the same.
    server = launched(VLLM_API_KEY="hunter2-secret")
    server.ready()
    server = launched("--", "--api-key", "hunter2-secret")
    server.ready()
    server.stop()
    assert "hunter2" not in (home / "log").read_text() + server.out.read_text() + server.err.read_text()


def test_a_start_that_takes_too_long_ends_with_a_line(home, launched) -> None:
    (home / "loading").touch()
    server = launched("--start-timeout", "2")
    code, err = server.ended()
    assert code == 1 and "not ready after 2 s (--start-timeout" in err and err.count("\n") == 1
    assert gone(int((home / f"worker-{server.port}").read_text()))


STAGE = """
import http.server, os, pathlib, signal, sys, threading, time
port, peer, slow = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
def stop(number, frame):
    time.sleep(slow)
    alive = ""
    if peer:
        import socket
        with socket.create_connection(("127.0.0.1", peer), 2):
            alive = " while the engine still serves"
    print("ended" + alive, flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"data": [{"id": "m"}]}')
    def log_message(self, *what): pass
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def test_the_front_ends_before_the_engine_behind_it(tmp_path) -> None:
    """What is in hand at SIGTERM still needs the engine."""
    (tmp_path / "stage.py").write_text(STAGE)
    script = f"""
import sys
from pathlib import Path
from sightbench.servers.engines import Process
from sightbench.servers.supervise import serve
def made(name, port, peer, slow):
    command = ({sys.executable!r}, {str(tmp_path / "stage.py")!r}, str(port), str(peer), str(slow))
    return Process(name, command, url=f"http://127.0.0.1:{{port}}", serves="m")
engine, front = map(int, sys.argv[1:])
stages = [[made("engine", engine, 0, 0)], [made("front", front, engine, 1)]]
raise SystemExit(serve(stages, Path({str(tmp_path / "log.txt")!r}), lambda: print("up", flush=True))[0])
"""
    with (
        held_free((1,)) as engine,
        subprocess.Popen(
            [sys.executable, "-c", script, str(engine), str(engine + 1)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as process,
    ):
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 143
    assert "ended while the engine still serves" in (tmp_path / "log-front.txt").read_text()
    assert (tmp_path / "log-engine.txt").read_text().rstrip().endswith("ended")


def test_a_replica_that_dies_again_and_again_is_given_up_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, starts = io.StringIO(), tmp_path / "starts"
    monkeypatch.setattr(sys, "stderr", told)
    monkeypatch.setattr(supervise, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervise, "_POLL_SECONDS", 0.02)
    dies = ("bash", "-c", f"echo >> {starts}; exit 3")
    stays = ("bash", "-c", f"until [ -e {tmp_path / 'enough'} ]; do sleep 0.05; done; exit 4")

    def enough() -> None:
        eventually(lambda: "given up" in told.getvalue(), "never given up")
        (tmp_path / "enough").touch()

    waiting = threading.Thread(target=enough)
    stage = [Process("one", dies), Process("two", stays)]
    code, why = supervise.serve([stage], tmp_path / "log", waiting.start)
    waiting.join()
    assert code == 1 and str(why).startswith("two: ended with exit code 4")
    assert len(starts.read_text()) == supervise.MOST_STARTS
    assert told.getvalue().count("it is started again in") == supervise.MOST_STARTS - 1
    assert f"given up after {supervise.MOST_STARTS} starts, the others go on" in told.getvalue()
