"""The benchmark of the whole mask chain, in its form without a GPU: `make test-engines`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.engines


def test_the_table_is_printed_with_masks_that_agree(vllm: Path) -> None:
    command = [sys.executable, "-m", "perf.mask_chain", "--requests", "3", "--frames", "3", "--alone", "2"]
    own = {"SIGHTBENCH_VLLM": str(vllm / "bin" / "vllm")}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | own, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    table = [line.split("|") for line in done.stdout.splitlines() if " | " in line]
    answered = {(row[0].strip(), row[1].strip(), row[2].strip()) for row in table if len(row) == 7}
    start = "served, --enforce-eager"
    assert {("one at a time", "2", "2"), (start, "3", "3"), (start, "4", "1")} <= answered
    (differ,) = (row[1].split() for row in table if "differ" in row[-1])
    assert int(differ[2]) == 2 * 3 * 480 * 854 and int(differ[0]) < int(differ[2]) / 1e5
