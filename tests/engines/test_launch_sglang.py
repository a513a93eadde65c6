"""launch_server.sh with a real SGLang, on tiny models and without a GPU: `make test-engines`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engines.launching import evaluate, serving

pytestmark = pytest.mark.engines


@pytest.mark.parametrize(
    ("family", "least", "most"),
    [("qwen2.5-vl", 36, 180), ("qwen3-vl", 36, 500), ("internvl", 3 * 256, 3 * 256 + 250),
     ("llava-onevision", 3 * 196, 16384)],
)  # fmt: skip
def test_sglang_answers_a_benchmark_under_an_alias(
    sglang: Path, tiny: Callable[[str], Path], data: Path, tmp_path: Path, family: str, least: int, most: int
) -> None:
    with serving(tmp_path, tiny(family), "sglang", sglang, "--alias", "model-a") as server:
        assert f"--model model-a --family {family}" in server.out.read_text()
        for reply in evaluate(server, data, tmp_path / "run", limit=3).values():
            assert least <= reply["usage"]["prompt_tokens"] <= most
