"""docs/api.md runs as it is printed, against the embedded baseline."""

from __future__ import annotations

import ast
import inspect
import json
import re
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.tasks import formats

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/api.md").read_text(), re.DOTALL)


async def test_every_block_of_the_page_runs_in_order(
    baseline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    formats.make("MMStar", tmp_path / "data")
    question = {"question": "What is it?", "answers": ["a cat"]}
    (tmp_path / "data/mine.jsonl").write_text(json.dumps(question) + "\n")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in BLOCKS:
        source = block.replace("http://127.0.0.1:8000/v1", baseline)
        code = compile(source, "docs/api.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        # An event loop runs here, as it does in a notebook.
        waiting = eval(code, names)
        if inspect.isawaitable(waiting):
            await waiting
    printed = capsys.readouterr().out
    assert "MMStar" in printed
    assert "EndpointError" in printed
    assert (tmp_path / "runs/pixel-baseline-mine/scores.jsonl").exists()
