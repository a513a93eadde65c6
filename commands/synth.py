"""`bench.py synth`, and the set the embedded default is evaluated on."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sightbench.errors import UsageError
from sightbench.tasks.synthetic.controls import text_only_prior
from sightbench.tasks.synthetic.generate import Manifest, generate
from sightbench.tasks.synthetic.knobs import Knobs

SEED = 0
PRIOR_SEED = 1_000_000
"""Seed of the scenes the text-only prior is fitted on: never those it is asked about."""


def knobs_of(flags: Mapping[str, Any]) -> Knobs:
    """The knobs of the command's flags, `objects`, `movers` and `size` as text. Raises UsageError."""
    spans = {name: span(flags[name], f"--{name}") for name in ("objects", "movers")}
    return Knobs(**{**flags, **spans, "size": size(flags["size"])})


def told(manifest: Manifest, out: Path) -> str:
    """What was rendered, in two lines."""
    tasks = ", ".join(f"{count} {task}" for task, count in manifest.tasks.items())
    return (
        f"{out}: {manifest.videos} videos of {manifest.knobs['frames']} frames, seed {manifest.seed}\n{tasks}"
    )


def synth(out: Path, scenes: int, seed: int, knobs: Knobs) -> Manifest:
    """Renders a set into `out` on all cores, with a line of progress on a terminal."""
    show = sys.stderr.isatty()

    def progress(done: int, total: int) -> None:
        if show:
            print(f"\rrendered {done}/{total} scenes", end="\n" if done == total else "", file=sys.stderr)

    workers = min(os.cpu_count() or 1, scenes)
    return generate(out, scenes, seed, knobs, workers=workers, progress=progress)


def default_set(scenes: int) -> tuple[Path, dict[str, Any]]:
    """The set of the embedded default, rendered once: its folder, and how far its texts alone lead.

    The second is {"accuracy", "chance", "n", "stderr"} in percent of a text-only model fitted on as many
    other scenes.
    """
    test = _rendered(Path("runs") / f"synthetic-{scenes}", scenes, SEED)
    train = _rendered(Path("runs") / f"synthetic-{scenes}-prior", scenes, PRIOR_SEED)
    prior = text_only_prior(train, test)
    told = {"accuracy": prior.accuracy, "chance": prior.chance, "n": prior.n, "stderr": prior.stderr}
    return test, told


def span(text: str, flag: str) -> tuple[int, int]:
    """(3, 6) of "3-6", (4, 4) of "4"."""
    low, _, high = text.partition("-")
    if not low.isdigit() or not (high or low).isdigit():
        raise UsageError(f"{flag} {text}: a number or a range such as 3-6")
    return int(low), int(high or low)


def size(text: str) -> tuple[int, int]:
    """(width, height) of "320x240"."""
    width, _, height = text.partition("x")
    if not width.isdigit() or not height.isdigit():
        raise UsageError(f"--size {text}: width x height, such as 320x240")
    return int(width), int(height)


def _rendered(folder: Path, scenes: int, seed: int) -> Path:
    if not folder.exists():
        print(f"rendering {scenes} synthetic scenes into {folder}", file=sys.stderr)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as own:
            rendered = Path(own) / folder.name
            synth(rendered, scenes, seed, Knobs())
            try:
                rendered.rename(folder)
            except OSError:
                # Another run came first; the same seed rendered the same set.
                if not folder.is_dir():
                    raise
    return folder
