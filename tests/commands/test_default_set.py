"""The set of the embedded default: rendered once, whoever renders it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightbench.commands import synth as synthetic
from sightbench.tasks.synthetic.generate import Manifest
from sightbench.tasks.synthetic.knobs import Knobs


def test_two_first_runs_at_once_share_the_set_that_came_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "runs/synthetic-1"
    render = synthetic.synth

    def overtaken(out: Path, scenes: int, seed: int, knobs: Knobs) -> Manifest:
        """Another run starts and ends while this one renders."""
        monkeypatch.setattr(synthetic, "synth", render)
        manifest = render(out, scenes, seed, knobs)
        assert synthetic._rendered(folder, scenes, seed) == folder
        (folder / "theirs").touch()
        return manifest

    monkeypatch.setattr(synthetic, "synth", overtaken)
    assert synthetic._rendered(folder, 1, 0) == folder
    assert (folder / "theirs").exists()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_rendering_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(out: Path, scenes: int, seed: int, knobs: Knobs) -> Manifest:
        out.mkdir()
        raise OSError("disk full")

    monkeypatch.setattr(synthetic, "synth", broken)
    with pytest.raises(OSError, match="disk full"):
        synthetic._rendered(tmp_path / "runs/synthetic-1", 1, 0)
    assert not list((tmp_path / "runs").iterdir())
