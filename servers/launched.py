"""A model's server as a child process: launch_server.sh started, waited for, and stopped whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sightbench.errors import EndpointError
from sightbench.families import load
from sightbench.run_module import module_command
from sightbench.servers.checks import gpus_here
from sightbench.servers.launch import parser
from sightbench.servers.ports import held_free
from sightbench.servers.target import resolve

STOP_SECONDS = 150.0
"""More than an engine has to end by itself, and then its gateway."""

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Served:
    """How to ask one of the models a server has, as its launcher says: the flags of an evaluation."""

    endpoints: tuple[str, ...]
    model: str
    alias: str | None = None
    family: str | None = None
    api_key_env: str | None = None
    extra_body: Mapping[str, Any] | None = None
    deterministic: bool = False


@asynccontextmanager
async def launched(
    model: str, words: Sequence[str], log: Path, gpus: Sequence[str] = ()
) -> AsyncIterator[tuple[Served, ...]]:
    """Serves `model` with launch_server.sh's flags `words`, on a free port unless they name one, and on the
    GPUs `gpus` alone if any are given.

    Gives the models that are served: the model itself, then each adapter. The engine's output goes to `log`.
    On the way out the server is stopped and waited for, at once if the wait is cancelled; it ends by itself
    should this process be killed. Raises EndpointError with the launcher's own line when it does not come up.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    told = log.with_suffix(".launch")
    with TemporaryDirectory() as folder, told.open("wb") as output, held_free() as port:
        ready = Path(folder) / "ready"
        ours = ["--port", str(port), "--log", str(log), "--ready-file", str(ready)]
        child = subprocess.Popen(  # noqa: ASYNC220
            [*module_command(sys.executable, "servers.launch"), model, "--exit-with-parent", *ours, *words],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else None,
            # A session of its own: Ctrl-C reaches us alone, and the server outlives the last answers.
            start_new_session=True,
        )
        try:
            while not ready.exists():
                if child.poll() is not None:
                    raise EndpointError(f"{model} did not come up: {_last_line(told)}")
                await asyncio.sleep(_POLL_SECONDS)
            yield tuple(_served(line) for line in ready.read_text(encoding="utf-8").splitlines())
        finally:
            await _stop(child)


def gpus_needed(model: str, words: Sequence[str]) -> int:
    """How many GPUs of this machine a server of `model` takes with launch_server.sh's flags `words`; 0: none.

    Raises UsageError where the launcher knows no such model.
    """
    cut = words.index("--") if "--" in words else len(words)
    options, extra = parser().parse_args([model, *words[:cut]]), words[cut + 1 :]
    if options.gpus is None:
        table = load()
        target = resolve(
            model, table, family=options.family, alias=options.alias, weightless="dummy" in extra
        )
        options.gpus = table.gpus_for(target.billions)
    return gpus_here(options.gpus, options.replicas, extra)


async def _stop(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    child.terminate()
    child.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            while child.poll() is None:  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        child.kill()
    except asyncio.CancelledError:
        # Told twice, the launcher ends everything at once.
        child.terminate()
        raise
    finally:
        child.wait()


def _served(line: str) -> Served:
    """What a line of the launcher's says: every flag in it has a value, but for --deterministic."""
    said = shlex.split(line)
    words = [word for word in said if word != "--deterministic"]
    start = next(at for at, word in enumerate(words) if word.startswith("--"))
    flags = list(zip(words[start::2], words[start + 1 :: 2], strict=True))
    named = dict(flags)
    return Served(
        tuple(value for flag, value in flags if flag == "--endpoint"),
        named["--model"],
        named.get("--alias"),
        named.get("--family"),
        named.get("--api-key-env"),
        json.loads(named["--extra-body"]) if "--extra-body" in named else None,
        "--deterministic" in said,
    )


def _last_line(told: Path) -> str:
    lines = [line for line in told.read_text("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or lines or ["the launcher said nothing"])[-1].removeprefix("error: ")
