"""The conventions of a model family, read from servers/models.yaml by the model's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from sightbench.errors import UsageError

MODELS = Path(str(files("sightbench.servers") / "models.yaml"))


@dataclass(frozen=True, slots=True)
class Family:
    """What a family of models expects of a request; None means: as the sample has it.

    `frames` is "images" or "video", `fps` the rate of frames that come without one, `max_frames` and
    `max_pixels` bound what its context holds, `frame_label` is written before each frame that goes as an
    image ("Frame{}: ", {} its number from 1), `system` is a system prompt sent when a sample has none,
    `suffix` is appended to the last question. `answer` says what of a reply is the answer after the reasons
    the family gives ("after_think", "boxed"): its `max_tokens` is then the least a reply gets.
    """

    name: str = "default"
    match: tuple[str, ...] = ()
    frames: str = "images"
    fps: float | None = None
    frame_label: str | None = None
    max_frames: int | None = None
    max_pixels: int | None = None
    max_tokens: int | None = None
    system: str | None = None
    suffix: str | None = None
    answer: str | None = None
    box_mode: str | None = None


def families(path: Path = MODELS) -> tuple[Family, ...]:
    """All families of the file, in its order. Raises UsageError when it cannot be read."""
    import yaml

    try:
        with path.open(encoding="utf-8") as file:
            content = yaml.safe_load(file)
        return tuple(_family(entry) for entry in content["families"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: not a table of model families: {' '.join(str(error).split())}") from error


def family(model: str, path: Path = MODELS) -> Family:
    """The first family one of whose `match` patterns is found in the model's name, else the default."""
    for entry in families(path):
        if any(re.search(pattern, model, re.IGNORECASE) for pattern in entry.match):
            return entry
    return Family()


def named(name: str, path: Path = MODELS) -> Family:
    """The family called `name`. Raises UsageError that lists the names for one nobody knows."""
    known = {entry.name: entry for entry in (*families(path), Family())}
    if name not in known:
        raise UsageError(f"no model family is called {name!r}; known: {', '.join(sorted(known))}")
    return known[name]


def _family(entry: Mapping[str, Any]) -> Family:
    # The file also tells how to launch a server; the client reads only its own keys.
    known = {field.name for field in fields(Family)}
    values = {key: value for key, value in entry.items() if key in known}
    match = values.get("match", ())
    values["match"] = (match,) if isinstance(match, str) else tuple(match)
    return Family(**values)
