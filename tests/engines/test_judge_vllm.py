"""A real vLLM as the judge: structured output from a model of random weights is a verdict, or cut off.

SIGHTBENCH_VLLM=/path/to/bin/vllm pytest -m engines tests/engines/test_judge_vllm.py
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.engines.server import Server, tiny_model
from tests.engines.server import vllm as serve_vllm
from tests.evaluation.judges.test_judged_runs import SAID, answering, scores, summed, text
from tests.faults.server import serving
from tests.tasks import formats

VLLM = os.environ.get("SIGHTBENCH_VLLM", "")

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(not VLLM, reason="no vLLM here: set SIGHTBENCH_VLLM to its executable"),
]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("judge")
    # White space between two fields is allowed otherwise, and these weights may write nothing else.
    compact = (
        "--structured-outputs-config",
        json.dumps({"backend": "xgrammar", "disable_any_whitespace": True}),
    )
    server = serve_vllm(VLLM, tiny_model(VLLM, folder / "model"), folder / "log", *compact)
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.kill()


@pytest.mark.parametrize(
    "name", ["mmvet", "llava-bench", "blind_10", "mmscan_2d", "MMStar", "HallusionBench"]
)
async def test_structured_output_is_never_out_of_format(
    name: str, judge: Server, run: Command, tmp_path: Path
) -> None:
    data = formats.make(name, tmp_path / "data")
    profile = ("--profile", "vlmevalkit") if name == "MMStar" else ()
    async with serving(answering(SAID)) as model:
        code, out, err = await asyncio.to_thread(
            run,
            *("--endpoint", model.url, "--task", name, "--data", data, "--out", "RUN", "--quiet"),
            *("--judge-endpoint", judge.url, *profile),
        )
    assert code == 0, out + err
    told = [score["detail"]["judge"] for score in scores() if "judge" in score["detail"]]
    assert told
    # A letter that is none of the question's is a verdict of the schema, and none here.
    allowed = {"verdict", "cut off"} | ({"out of format"} if name == "MMStar" else set())
    assert {each["outcome"] for each in told} <= allowed, text("RUN/judgements.jsonl")[:3000]
    assert summed()["judged"]["judge"].startswith("tiny (")
    record = json.loads(Path("RUN/run.json").read_text())["judge"]  # noqa: ASYNC240
    assert record["engine"] == "vllm"
    assert record["version"]
    assert record["root"]
