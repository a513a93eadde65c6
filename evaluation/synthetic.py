"""The set that is asked when there is no other: rendered once, with how far its texts alone lead."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from sightbench.errors import UsageError
from sightbench.evaluation.run_record import TextOnlyPrior
from sightbench.tasks.synthetic import layouts
from sightbench.tasks.synthetic.controls import text_only_prior
from sightbench.tasks.synthetic.generate import Manifest, generate
from sightbench.tasks.synthetic.knobs import Knobs

SEED = 0
PRIOR_SEED = 1_000_000
"""Seed of the scenes the text-only prior is fitted on: never those it is asked about."""

Rendered = Callable[[int, int], None]
"""Called with (scenes rendered, scenes in all)."""


def render(
    out: Path, scenes: int, seed: int, knobs: Knobs | None = None, progress: Rendered | None = None
) -> Manifest:
    """Renders a set into `out` on all cores. Raises UsageError for knobs that cannot be."""
    workers = min(os.cpu_count() or 1, scenes)
    return generate(out, scenes, seed, knobs or Knobs(), workers=workers, progress=progress)


def render_layout(
    out: Path,
    layout: str,
    scenes: int,
    seed: int,
    knobs: Knobs | None = None,
    progress: Rendered | None = None,
) -> int:
    """Renders a set into `out` in the layout of a referring benchmark (tasks/synthetic/layouts.py): how many
    expressions. Raises UsageError for a layout nobody knows, or a folder that holds something."""
    layouts.check(layout)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not an empty folder: choose another one, or remove it first")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rendered.", dir=out.parent) as own:
        render(Path(own) / "set", scenes, seed, knobs, progress)
        return layouts.write(Path(own) / "set", out, layout)


def default_set(
    scenes: int, note: Callable[[str], None], progress: Rendered | None = None
) -> tuple[Path, TextOnlyPrior]:
    """The set of the embedded default: its folder, and what a model of its texts alone reaches on it."""
    test = rendered_once(Path("runs") / f"synthetic-{scenes}", scenes, SEED, note, progress)
    train = rendered_once(Path("runs") / f"synthetic-{scenes}-prior", scenes, PRIOR_SEED, note, progress)
    prior = text_only_prior(train, test)
    return test, TextOnlyPrior(accuracy=prior.accuracy, chance=prior.chance, n=prior.n, stderr=prior.stderr)


def rendered_once(
    folder: Path, scenes: int, seed: int, note: Callable[[str], None], progress: Rendered | None = None
) -> Path:
    """The folder with the set in it, rendered unless it is there."""
    if not folder.exists():
        note(f"rendering {scenes} synthetic scenes into {folder}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as own:
            rendered = Path(own) / folder.name
            render(rendered, scenes, seed, progress=progress)
            try:
                rendered.rename(folder)
            except OSError:
                # Another run came first; the same seed rendered the same set.
                if not folder.is_dir():
                    raise
    return folder
