"""What tests of real engines share. A server that did not come up fails the first test that needs it, and the
others are skipped."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.engines.launching import installed
from tests.engines.server import tiny_model

BROKEN = pytest.StashKey[dict[str, str]]()


def _server(item: pytest.Item) -> str:
    """What tests of one server have in common: their module and its parameter."""
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return f"{item.nodeid.partition('::')[0]} {parameters.get('chain', '')}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    first = item.session.stash.setdefault(BROKEN, {}).get(_server(item))
    if first is not None:
        pytest.skip(f"its server did not start: see {first}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "setup" and report.failed:
        item.session.stash.setdefault(BROKEN, {}).setdefault(_server(item), item.nodeid)
    return report


@pytest.fixture(scope="session")
def vllm() -> Path:
    return installed("vllm")


@pytest.fixture(scope="session")
def sglang() -> Path:
    return installed("sglang")


@pytest.fixture(scope="session")
def tiny(vllm: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny checkpoint, without weights."""
    root = tmp_path_factory.mktemp("models")

    def made(family: str) -> Path:
        return Path(tiny_model(str(vllm / "bin" / "vllm"), root / family, family))

    return made


@pytest.fixture(scope="session")
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
