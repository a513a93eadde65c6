"""The replay backend on a real SGLang (slow on a CPU: one test).

SIGHTBENCH_SGLANG is the `sglang` executable; torch and transformers may be this python's or an engine's.
"""

# ruff: noqa: E402 (torch may come from an engine's environment, made importable first)

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import numpy as np
import pytest

from sightbench.servers.ports import held_free
from tests.engines.engine_process import borrow, start, stop

SGLANG = os.environ.get("SIGHTBENCH_SGLANG")
borrow(os.environ.get("SIGHTBENCH_VLLM") or SGLANG)
pytest.importorskip("torch", reason="the mask server's extra is not installed (pip install '.[masks]')")
pytest.importorskip("transformers", reason="the mask server's extra is not installed")

from sightbench.servers.masks import selftest
from sightbench.servers.masks.backends.base import Generation
from sightbench.servers.masks.backends.sglang import SglangBackend
from sightbench.servers.masks.backends.transformers_model import TransformersBackend
from sightbench.servers.masks.checkpoint import load_model, split
from sightbench.servers.masks.engine import sglang_command
from sightbench.servers.masks.serve import load_projection
from tests.engines import tiny_masks

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(SGLANG is None, reason="no SGLang here: set SIGHTBENCH_SGLANG to its executable"),
]


def test_the_replayed_state_is_the_references(tmp_path: Path) -> None:
    tiny_masks.make("qwen2_5", tmp_path / "checkpoint")
    model = split(tmp_path / "checkpoint", tmp_path / "tiny", 256)
    assert load_model(tmp_path / "tiny") == model
    projection = load_projection(tmp_path / "tiny", model)
    images = selftest.probe_images(1, 6)
    plain = TransformersBackend(tmp_path / "tiny", model, "cpu", "float32", 1)
    expected = asyncio.run(plain.generate(selftest.probe_request(images), images))
    asyncio.run(selftest.record(plain, tmp_path / "tiny", projection))
    small = ("--device", "cpu", "--mem-fraction-static", "0.5", "--max-total-tokens", "20000")
    with contextlib.ExitStack() as running:
        port = running.enter_context(held_free())
        command = sglang_command(
            tmp_path / "tiny",
            port,
            dtype="float32",
            executable=(str(Path(str(SGLANG)).parent / "python"), "-m", "sglang.launch_server"),
            extra=(*small, "--context-length", "8192", "--skip-server-warmup", "--disable-overlap-schedule"),
        )
        url = f"http://127.0.0.1:{port}"
        environment = os.environ | {"HF_HUB_OFFLINE": "1"}
        running.callback(stop, start(command, environment, tmp_path / "sglang.log", url))

        async def ask() -> tuple[str, Generation]:
            backend = SglangBackend(tmp_path / "tiny", model, url, 600)
            checked = await selftest.run(backend, tmp_path / "tiny", projection, "float32")
            made = await backend.generate(selftest.probe_request(images), images)
            await backend.close()
            return checked, made

        checked, made = asyncio.run(ask())
    assert "equal to the known answer" in checked
    assert made.token_ids == expected.token_ids and made.tokens == expected.tokens
    reference = projection.normed(expected.states).numpy()
    assert float(np.linalg.norm(made.states - reference) / np.linalg.norm(reference)) < 1e-5
