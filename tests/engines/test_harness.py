"""What the tests of real engines stand on: whose Python has torch, what a server that is not up costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

BORROWS = """
import sys
from tests.engines.engine_process import borrow
first = borrow(sys.argv[1])
import torch
print(first, borrow(sys.argv[1]), torch.whose)
"""

MODULE = """
import pytest

@pytest.fixture(scope="module", params=["broken", "fine"])
def chain(request):
    if request.param == "broken":
        pytest.fail("the engine ended with 1")

def test_one(chain): pass
def test_two(chain): pass
def test_three(chain): pass
"""


def python(*words: str, cwd: Path = ROOT) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_whoever_borrows_torch_second_gets_the_same_interpreter(tmp_path: Path) -> None:
    torch = tmp_path / f"lib/python3.{sys.version_info.minor}/site-packages/torch"
    torch.mkdir(parents=True)
    (torch / "__init__.py").write_text("whose = 'the engine'\n")
    own = str(tmp_path / "bin" / "python")
    assert python("-c", BORROWS, str(tmp_path / "bin" / "vllm")) == f"{own} {own} the engine\n"


def test_a_server_that_does_not_start_fails_once(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(MODULE)
    words = ("-q", "-rs", "-p", "no:cacheprovider", "-p", "tests.engines.conftest", "-c", os.devnull)
    told = python("-m", "pytest", *words, f"--rootdir={tmp_path}", "test_it.py", cwd=tmp_path)
    assert "3 passed, 2 skipped, 1 error" in told, told
    assert "its server did not start: see test_it.py::test_one[broken]" in told
