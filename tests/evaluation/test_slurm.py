"""A shard is taken from Slurm only where srun started several tasks, and never without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

import sightbench
from tests.faults.server import healthy, serving
from tests.tasks import formats

STEP = ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_NTASKS")


def in_slurm(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    for name, value in zip(STEP, values, strict=True):
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)


async def ask(url: str, data: Path, notes: list[str], **more: str) -> sightbench.Run:
    wanted = sightbench.Options(endpoint=url, model="tiny", task="MMStar", data=data, **more)  # type: ignore[arg-type]
    return await sightbench.evaluate_async(wanted, note=notes.append)


async def test_the_tasks_of_one_srun_ask_their_parts_into_their_own_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    asked = []
    async with serving(healthy) as server:
        for index in "012":
            in_slurm(monkeypatch, "3", index, "3")
            notes: list[str] = []
            run = await ask(server.url, data, notes)
            assert any(f"part {index}/3" in note for note in notes)
            assert run.folder.name.endswith(f"-{index}of3") and run.outcome is not None
            asked.append(run.outcome.asked)
        in_slurm(monkeypatch, "", "", "")
        whole = await ask(server.url, data, [], out=str(tmp_path / "whole"))
    assert whole.outcome is not None and sum(asked) == whole.outcome.asked


async def test_the_body_of_an_sbatch_script_asks_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = formats.make("MMStar", tmp_path / "data")
    in_slurm(monkeypatch, "", "0", "4")
    notes: list[str] = []
    async with serving(healthy) as server:
        run = await ask(server.url, data, notes, out=str(tmp_path / "run"))
    assert run.record.shard is None and run.summary.complete
    assert not any("srun" in note for note in notes)
