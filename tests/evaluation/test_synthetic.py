"""The set of the embedded default: rendered once, whoever renders it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightbench.evaluation import synthetic
from sightbench.tasks.synthetic.generate import Manifest


def test_two_first_runs_at_once_share_the_set_that_came_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "runs/synthetic-1"
    render = synthetic.render

    def overtaken(out: Path, scenes: int, seed: int, **more: object) -> Manifest:
        """Another run starts and ends while this one renders."""
        monkeypatch.setattr(synthetic, "render", render)
        manifest = render(out, scenes, seed)
        assert synthetic.rendered_once(folder, scenes, seed, print) == folder
        (folder / "theirs").touch()
        return manifest

    monkeypatch.setattr(synthetic, "render", overtaken)
    assert synthetic.rendered_once(folder, 1, 0, print) == folder
    assert (folder / "theirs").exists()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_rendering_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(out: Path, scenes: int, seed: int, **more: object) -> Manifest:
        out.mkdir()
        raise OSError("disk full")

    monkeypatch.setattr(synthetic, "render", broken)
    with pytest.raises(OSError, match="disk full"):
        synthetic.rendered_once(tmp_path / "runs/synthetic-1", 1, 0, print)
    assert not list((tmp_path / "runs").iterdir())
