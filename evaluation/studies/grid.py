"""The grid of a sweep: one point for each checkpoint and each value of what is swept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from sightbench.client.probe import models_at
from sightbench.errors import UsageError
from sightbench.evaluation.options import Options
from sightbench.evaluation.settings import settings
from sightbench.evaluation.studies.checkpoints import Checkpoint, natural, step_of

AXES: Mapping[str, Callable[[str], object]] = {
    "model": str, "frames": int, "fps": float, "min_pixels": int, "max_pixels": int, "temperature": float,
    "top_p": float, "max_tokens": int, "seed": int, "profile": str, "prompt_profile": str, "control": str,
}  # fmt: skip
"""What can be swept, by the name of its flag, and how its values are read."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the grid: what it is called, the evaluation it is, and the checkpoint to serve for it
    (None: whatever answers at the endpoint).

    On a curve it lies at `x`, None where what is swept is no number; `series` is the curve.
    """

    label: str
    options: Options
    checkpoint: Checkpoint | None = None
    series: str = ""
    x: float | None = None


def points(
    options: Options, over: Sequence[str], checkpoints: Sequence[Checkpoint] = ()
) -> tuple[Point, ...]:
    """The grid of `over` ("frames=4,8,16"), for each checkpoint; the first axis is the slowest.

    Each run has its folder below `out`. Model names are put in natural order: checkpoint-200 before
    checkpoint-1000. Raises UsageError for an axis nobody can sweep or a value it cannot have.
    """
    axes = [_axis(text) for text in over]
    if not axes and not checkpoints:
        raise UsageError(
            "nothing to sweep: say for example --over frames=4,8,16, --checkpoints DIR or --models all"
        )
    names = [name for name, _ in axes]
    if len(set(names)) < len(names):
        raise UsageError(f"--over: an axis stands twice ({', '.join(names)})")
    if checkpoints and (options.endpoints or "model" in names):
        raise UsageError("--checkpoints starts a server for each: leave out --endpoint and models")
    root = Path(
        options.out or Path("runs") / "-".join(["sweep", *(["checkpoints"] if checkpoints else []), *names])
    )
    made = []
    every = tuple(product(*(values for _, values in axes)))
    for checkpoint, values in product(checkpoints or (None,), every):
        given = dict(zip(names, values, strict=True))
        label = ",".join(f"{name}={value}" for name, value in given.items())
        if checkpoint is not None:
            label = ",".join(filter(None, (checkpoint.label, label)))
        series, x = _place(checkpoint, given)
        asked = replace(options, out=root / as_folder(label), **given)  # type: ignore[arg-type]
        made.append(Point(label, asked, checkpoint, series, x))
    if len({point.options.out for point in made}) < len(made):
        raise UsageError("two points of this sweep would have the same folder: give their models other names")
    return tuple(made)


def served_models(options: Options) -> tuple[str, ...]:
    """The models the endpoint lists: the one adapters were put on first, then the adapters step by step.

    Raises EndpointError where it lists nothing, UsageError without an endpoint.
    """
    if not options.endpoints:
        raise UsageError("--models all asks a running server what it serves: name it with --endpoint")
    cards = asyncio.run(models_at(settings(options)))
    bases = [card.id for card in cards if card.parent is None]
    adapters = sorted((card.id for card in cards if card.parent is not None), key=natural)
    return (*bases, *adapters)


def _place(checkpoint: Checkpoint | None, given: Mapping[str, object]) -> tuple[str, float | None]:
    """(curve, place on it): along the steps of a training run, else along the last axis with numbers."""
    rest = dict(given)
    parts: list[str] = []
    x: float | None = None
    if checkpoint is not None:
        x = None if checkpoint.step is None else float(checkpoint.step)
        parts.append(checkpoint.series if x is not None else checkpoint.label)
    elif "model" in rest:
        name = str(rest.pop("model"))
        series, step = step_of(name)
        x = None if step is None else float(step)
        parts.append(series)
    if x is None:
        for name in reversed(list(rest)):
            value = rest[name]
            if isinstance(value, int | float):
                x = float(value)
                del rest[name]
                break
    return ", ".join([*filter(None, parts), *(f"{name}={value}" for name, value in rest.items())]), x


def as_folder(label: str) -> str:
    """A label as the name of a folder or a file."""
    return re.sub(r"[^A-Za-z0-9._=,+-]+", "_", label)


def _axis(text: str) -> tuple[str, list[object]]:
    name, separator, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if name not in AXES or not separator:
        raise UsageError(f"--over {text}: write NAME=VALUE,VALUE,...; NAME is one of {', '.join(AXES)}")
    given = [value.strip() for value in values.split(",") if value.strip()]
    if not given:
        raise UsageError(f"--over {text}: there is no value")
    if name == "model":
        # What training started from is no step of it, and goes first.
        given.sort(key=lambda model: (step_of(model)[1] is not None, natural(model)))
    try:
        return name, [None if value == "none" else AXES[name](value) for value in given]
    except ValueError:
        raise UsageError(f"--over {text}: {name} takes numbers") from None
