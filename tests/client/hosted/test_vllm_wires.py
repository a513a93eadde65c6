"""A real vLLM asked over three wires with images, and by files: `vllm run-batch` on davis_mini.

SIGHTBENCH_VLLM=/path/to/bin/vllm pytest -m vllm
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sightbench.client.batches.file_wire import answers_to
from sightbench.evaluation.evaluate import evaluate
from sightbench.evaluation.options import Options
from sightbench.sample import Sample, Video
from tests.client.samples import about, run, to
from tests.client.test_vllm import DATA, VLLM
from tests.engines.server import Server, tiny_model
from tests.engines.server import vllm as serve_vllm

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(not VLLM, reason="no vLLM here: set SIGHTBENCH_VLLM to its executable"),
    pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder beside the checkout is absent"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_model(VLLM, tmp_path_factory.mktemp("wires") / "model")


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
    for number, folder in enumerate(sorted((DATA / "frames").glob("*/*"))[:3]):
        frames = tuple(sorted(folder.glob("*.jpg"))[:4])
        yield about(Video(folder.name, frames=frames), f"q/{number}", "What moves?", max_tokens=16)


async def test_three_wires_show_a_model_the_same_pictures(vllm: Server, tmp_path: Path) -> None:
    found = {}
    for name in ("generic", "anthropic", "openai-responses"):
        outcome, replies = await run(tmp_path / name, to(vllm.url, provider=name), questions())
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
