"""Command lines: a target and what was asked -> the processes that serve it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sightbench.errors import UsageError
from sightbench.families import EngineFlags, EngineName, Flag
from sightbench.servers.target import Adapter, Target

TEMPLATES = Path(__file__).with_name("templates")

LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM's --max-lora-rank may be."""

CPU = 0
"""`gpus` of a machine that has none."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How a model is to be served; `gpus` are those of one replica, 0 for none (a CPU build).

    `tiles` bounds the tiles of an image and `pixels` its pixels (least, most); None: as the model has it.
    `key_env` is the variable with the key that requests must carry. `deterministic` asks for kernels whose
    results do not depend on what else is in a batch. `sizes` are flags that go before the family's: what a
    benchmark needs. `memory_share` bounds what it takes of each GPU, of 1 (None: as the engine does), and
    `card_gb` is the memory of the smallest GPU, None where nobody can tell or nothing depends on it.
    """

    host: str
    port: int
    name: str
    gpus: int
    tiles: int | None = None
    pixels: tuple[int, int] | None = None
    extra: tuple[str, ...] = ()
    key_env: str | None = None
    deterministic: bool = False
    sizes: Mapping[str, Flag] = field(default_factory=dict)
    memory_share: float | None = None
    card_gb: float | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a launch.

    `environment` is added to our own. It is up when `url` is healthy and its /v1/models lists `serves`, if
    that is given; with no url it serves nothing itself and is only kept running. `key_env` is the variable
    that holds the key its requests must carry, `key_as` the one it reads it from; `grace` are the seconds
    it has to end by itself after a signal. `beside` are ports it listens on beside that of `url`.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    serves: str = ""
    key_env: str | None = None
    key_as: str | None = None
    grace: float = 30.0
    beside: tuple[int, ...] = ()

    @property
    def ports(self) -> tuple[int, ...]:
        """All that it listens on."""
        return self.beside if self.url is None else (int(self.url.rsplit(":", 1)[1]), *self.beside)

    @property
    def key(self) -> str | None:
        """What its requests must carry: from `key_env`, else as its command line or our environment says."""
        if self.key_env is not None:
            return os.environ.get(self.key_env)
        return value("--api-key", self.command) or os.environ.get("VLLM_API_KEY")


def local_url(host: str, port: int) -> str:
    """Where a server that listens on `host` is asked from this machine."""
    name = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def rendered(flags: Mapping[str, Flag], extra: Sequence[str] = ()) -> list[str]:
    """Flags as words of a command line, without those that `extra` gives itself."""
    given = {word.split("=", 1)[0] for word in extra if word.startswith("--")}
    words: list[str] = []
    for name, value in flags.items():
        if name in given:
            continue
        words.append(name)
        if isinstance(value, Mapping):
            words.append(json.dumps(value))
        elif value is not True:
            text = str(value)
            words.append(str(TEMPLATES / text) if text.endswith(".jinja") else text)
    return words


def vllm(target: Target, wish: Wish, executable: Sequence[str]) -> Process:
    """`vllm serve` with the family's flags."""
    engine = target.family.serving.engines["vllm"]
    flags: dict[str, Flag] = {**engine.flags, **_sizes(engine, wish)}
    if wish.gpus > 1:
        flags["--tensor-parallel-size"] = wish.gpus
    if wish.memory_share is not None:
        flags["--gpu-memory-utilization"] = wish.memory_share
    if target.adapters:
        flags["--enable-lora"] = True
        flags["--max-loras"] = len(target.adapters)
        ranks = [adapter.rank for adapter in target.adapters if adapter.rank]
        if ranks:
            flags["--max-lora-rank"] = next((r for r in LORA_RANKS if r >= max(ranks)), max(ranks))
    command = [*executable, target.model, *_address(wish), "--served-model-name", wish.name]
    command += rendered(flags, wish.extra)
    command += _adapters("--lora-modules", target.adapters)
    made = _serving("vllm", target, wish, [*command, *wish.extra])
    environment = {**made.environment, **({"VLLM_BATCH_INVARIANT": "1"} if wish.deterministic else {})}
    key_as = "VLLM_API_KEY" if wish.key_env else None
    return replace(made, environment=environment, key_env=wish.key_env, key_as=key_as)


def sglang(target: Target, wish: Wish, executable: Sequence[str]) -> Process:
    """SGLang's server with the family's flags."""
    refuse_key("sglang", wish)
    engine = target.family.serving.engines["sglang"]
    flags: dict[str, Flag] = {**engine.flags, **_sizes(engine, wish)}
    if wish.gpus > 1:
        flags["--tp-size"] = wish.gpus
    if wish.memory_share is not None:
        flags["--mem-fraction-static"] = wish.memory_share
    if wish.gpus == CPU:
        flags["--device"] = "cpu"
    if wish.deterministic:
        flags["--enable-deterministic-inference"] = True
    if target.adapters:
        flags["--enable-lora"] = True
    command = [*executable, "--model-path", target.model, *_address(wish), "--served-model-name", wish.name]
    command += rendered(flags, wish.extra)
    command += _adapters("--lora-paths", target.adapters)
    return _serving("sglang", target, wish, [*command, *wish.extra])


def _sizes(engine: EngineFlags, wish: Wish) -> dict[str, Flag]:
    """The flags that bound tiles, pixels and prompts, as wished for."""
    flags: dict[str, Flag] = {}
    if wish.tiles is not None:
        flags |= engine.with_tiles(wish.tiles)
    if wish.pixels is not None:
        flags |= engine.with_pixels(*wish.pixels)
    return {**flags, **wish.sizes}


def transformers(target: Target, wish: Wish, executable: Sequence[str]) -> Process:
    """`transformers serve`: one request at a time, but it runs what no engine has. No alias, no adapters."""
    if target.adapters:
        raise UsageError("--engine transformers serves no adapters: merge them, or take vllm or sglang")
    refuse_key("transformers", wish)
    if wish.name != target.name:
        raise UsageError("--engine transformers serves a model under its own name only: leave --alias out")
    flags: dict[str, Flag] = dict(target.family.serving.engines["transformers"].flags)
    if wish.gpus == CPU:
        flags["--device"] = "cpu"
    command = [*executable, target.model, *_address(wish), *rendered(flags, wish.extra), *wish.extra]
    # It lists what is in the hub's cache, not what it serves, and is healthy once the model is loaded.
    return replace(_serving("transformers", target, wish, command), serves="")


def refuse_key(engine: EngineName, wish: Wish) -> None:
    """Raises UsageError where a key was asked for and the engine cannot be given one unseen."""
    if wish.key_env is not None:
        raise UsageError(
            f"--api-key-env: {engine} reads a key from its command line only, where everybody on this "
            "machine can see it; serve on 127.0.0.1 without one, or give it after --"
        )


def router(wish: Wish, workers: Sequence[str], executable: str) -> Process:
    """vllm-router before several engines: questions about one video, known by X-Session-ID, stay together."""
    metrics = wish.port + 50
    command = [
        executable, *_address(wish), "--policy", "sticky_least_loaded",
        "--health-check-interval-secs", "5", "--prometheus-port", str(metrics),
        "--worker-urls", *workers,
    ]  # fmt: skip
    # Its workers are on this machine; a proxy of the environment is not asked for them.
    direct = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    url = local_url(wish.host, wish.port)
    return Process("router", tuple(command), direct, url, wish.name, beside=(metrics,))


def find(engine: EngineName, venv: Path | None) -> tuple[str, ...] | None:
    """How the engine's server is started: out of `venv`, else beside this Python, else from PATH."""
    if engine == "sglang":
        path = _program("sglang", venv)
        if path is None:
            return None
        for name in ("python", "python3"):
            beside = Path(path).with_name(name)
            if beside.exists():
                return str(beside), "-m", "sglang.launch_server"
        return path, "serve"
    path = _program("transformers" if engine == "transformers" else "vllm", venv)
    return None if path is None else (path, "serve")


def find_router(venv: Path | None) -> str | None:
    return _program("vllm-router", venv) or _program("vllm-router", None)


def not_installed(engine: EngineName) -> tuple[str, ...]:
    """The command of an engine that is not here, for a dry run."""
    return {
        "sglang": ("python", "-m", "sglang.launch_server"),
        "transformers": ("transformers", "serve"),
    }.get(engine, ("vllm", "serve"))


def install_hint(engine: EngineName) -> str:
    """One line on how to get an engine that was not found."""
    packages = {"sglang": "sglang>=0.5.23", "transformers": "transformers[serving]>=5"}
    package = packages.get(engine, "vllm>=0.32")
    program = package.split(">")[0].split("[")[0]
    return (
        f"{program} is not installed (neither beside {sys.executable} nor on PATH): "
        f"pip install '{package}' into a virtual environment of its own and name it with --engine-venv "
        "(or ENGINE_VENV)"
    )


def _program(name: str, venv: Path | None) -> str | None:
    if venv is not None:
        return shutil.which(name, path=str(venv / "bin"))
    # Not resolved: the interpreter of a virtual environment is a link.
    beside = os.path.dirname(sys.executable)
    return shutil.which(name, path=beside) or shutil.which(name)


def _address(wish: Wish) -> list[str]:
    return ["--host", wish.host, "--port", str(wish.port)]


def _adapters(flag: str, adapters: Sequence[Adapter]) -> list[str]:
    return [flag, *(f"{adapter.name}={adapter.path}" for adapter in adapters)] if adapters else []


def _serving(name: str, target: Target, wish: Wish, command: Sequence[str]) -> Process:
    offline = {"HF_HUB_OFFLINE": "1"} if target.folder is not None else {}
    # Only the first node of several answers requests.
    headless = "--headless" in wish.extra or value("--node-rank", wish.extra) not in (None, "0")
    url = None if headless else local_url(wish.host, wish.port)
    return Process(name, tuple(command), offline, url, wish.name)


def value(flag: str, words: Sequence[str]) -> str | None:
    """What `flag` is given on a command line, None if it is not."""
    for index, word in enumerate(words):
        if word.startswith(flag + "="):
            return word.partition("=")[2]
        if word == flag and index + 1 < len(words):
            return words[index + 1]
    return None
