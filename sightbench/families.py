"""Families of models, read from models.yaml: what requests to them look like, and how they are served."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from sightbench import wordings
from sightbench.errors import UsageError
from sightbench.wordings import Wordings

MODELS = Path(__file__).with_name("models.yaml")

EngineName = Literal["vllm", "sglang", "masks", "transformers"]
ENGINES: tuple[EngineName, ...] = ("masks", "vllm", "sglang", "transformers")
"""In the order of preference: a family is served by the first of these it has."""

Flag = str | int | float | bool | Mapping[str, Any]
"""A flag's value; True for one that has none, a mapping for one that takes JSON."""

_HUB_CACHE = re.compile(r"models--(?P<organisation>[^/]+?)--(?P<name>[^/]+)")


@dataclass(frozen=True, slots=True)
class EngineFlags:
    """How one engine serves a family.

    `tiles` are further flags that bound the tiles of an image ("N" stands for the number), `one_tile` those
    for one where they differ; `extra_body` is what requests must carry for the same purpose where the
    engine has it per request. `pixels` bound the pixels of an image ("MIN", "MAX").
    """

    flags: Mapping[str, Flag] = field(default_factory=dict)
    one_tile: Mapping[str, Flag] = field(default_factory=dict)
    tiles: Mapping[str, Flag] = field(default_factory=dict)
    pixels: Mapping[str, Flag] = field(default_factory=dict)
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cuts_tiles(self) -> bool:
        return bool(self.one_tile or self.tiles or self.extra_body)

    def with_tiles(self, tiles: int) -> Mapping[str, Flag]:
        """The flags that make an image at most so many tiles."""
        return self.one_tile if tiles == 1 and self.one_tile else _filled(self.tiles, {"N": tiles})

    def with_pixels(self, least: int, most: int) -> Mapping[str, Flag]:
        """The flags that give an image at least and at most so many pixels."""
        return _filled(self.pixels, {"MIN": least, "MAX": most})

    def body_with_tiles(self, tiles: int) -> Mapping[str, Any]:
        """What requests must carry so that an image is at most so many tiles."""
        return _filled(self.extra_body, {"N": tiles})


@dataclass(frozen=True, slots=True)
class Serving:
    """What the launcher needs of a family: the architectures a config.json may name, the engines that have
    it (best first) with their flags, and `without`: why not the others."""

    architectures: tuple[str, ...] = ()
    engines: Mapping[EngineName, EngineFlags] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Family:
    """Models that are asked and served alike; None in what requests look like means: as the sample has it.

    `match` are patterns of names, `models` ids on the hub, `can` holds "qa" and maybe "masks".
    `frames` is "images" or "video", `fps` the rate of frames that come without one, `max_frames` and
    `max_pixels` bound what its context holds, `frame_label` is written before each frame that goes as an
    image ("Frame{}: ", {} its number from 1), `system` is a system prompt sent when a sample has none,
    `image_tokens` is what a picture takes of a context: one token per `grid` x `grid` pixels, or `tile`
    tokens a tile, or at most so many for an `image` and for a `frame`; empty where that is not known.
    `suffix` is appended to the last question. `answer` says what of a reply is the answer after the reasons
    the family gives ("after_think", "boxed"): its `max_tokens` is then the least a reply gets. `wording` is
    whose questions for masks it was trained on (`Table.wordings`).
    """

    name: str = "default"
    match: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    can: tuple[str, ...] = ("qa",)
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
    wording: str | None = None
    image_tokens: Mapping[str, int] = field(default_factory=dict)
    serving: Serving = field(default_factory=Serving)

    @property
    def masks(self) -> bool:
        return "masks" in self.can


@dataclass(frozen=True, slots=True)
class Table:
    """All families, in the order their patterns are tried, the GPUs of a size in billions, and patterns of
    names that are `refused` with the reason. `wordings` are the questions of mask benchmarks."""

    families: tuple[Family, ...]
    gpus: tuple[tuple[float, int], ...]
    refused: Mapping[str, str] = field(default_factory=dict)
    wordings: Wordings = field(default_factory=dict)

    def of_name(self, name: str) -> Family | None:
        """The first family one of whose patterns is found in `name` (a hub id, a path, a served name)."""
        for known in _names(name):
            for entry in self.families:
                if any(re.search(pattern, known, re.IGNORECASE) for pattern in entry.match):
                    return entry
        return None

    def why_not(self, name: str) -> str | None:
        """Why a name that looks like a family's belongs to none, None if it does not look so."""
        for known in _names(name):
            for pattern, why in self.refused.items():
                if re.search(pattern, known, re.IGNORECASE):
                    return why
        return None

    def of_architecture(self, architecture: str) -> Family | None:
        """The last family with that architecture: the general ones stand below those trained on them."""
        for entry in reversed(self.families):
            if architecture in entry.serving.architectures:
                return entry
        return None

    def named(self, name: str) -> Family:
        """The family called `name`. Raises UsageError that lists the names for one nobody knows."""
        known = {entry.name: entry for entry in (*self.families, Family())}
        if name not in known:
            raise UsageError(f"no model family is called {name!r}; known: {', '.join(sorted(known))}")
        return known[name]

    def gpus_for(self, billions: float | None) -> int:
        """How many GPUs of 80 GB a model of that many parameters is spread over; 1 if that is unknown."""
        if billions is None:
            return 1
        return next((gpus for up_to, gpus in self.gpus if billions <= up_to), self.gpus[-1][1])


@cache
def load(path: Path = MODELS) -> Table:
    """The table in `path`. Raises UsageError when it cannot be read."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        common = {name: entry["flags"] for name, entry in content["engines"].items()}
        return Table(
            tuple(_family(entry, common) for entry in content["families"]),
            tuple(sorted((float(size), int(count)) for size, count in content["gpus"].items())),
            dict(content.get("refused", {})),
            wordings.read(content.get("wordings", {})),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path}: not a table of model families: {' '.join(str(error).split())}") from error


def families() -> tuple[Family, ...]:
    """All families, in the order their patterns are tried."""
    return load().families


def family(model: str) -> Family:
    """The family of a model's name, hub id or path, else the default."""
    return load().of_name(model) or Family()


def named(name: str) -> Family:
    """The family called `name`. Raises UsageError that lists the names for one nobody knows."""
    return load().named(name)


def hub_id(path: str) -> str | None:
    """ORGANISATION/NAME of a path into the hub's cache (`.../models--ORG--NAME/snapshots/...`), else None."""
    inside = _HUB_CACHE.search(path)
    return f"{inside['organisation']}/{inside['name']}" if inside else None


def _names(name: str) -> tuple[str, ...]:
    """What a path may be known by, the best first; a hub id or a served name is known by itself."""
    if known := hub_id(name):
        return (known,)
    if not name.startswith(("/", ".", "~")):
        return (name,)
    path = PurePosixPath(name)
    return path.name, f"{path.parent.name}/{path.name}"


def _family(entry: Mapping[str, Any], common: Mapping[str, Mapping[str, Flag]]) -> Family:
    asking = {each.name for each in fields(Family)} - {"serving"}
    launching = {"architectures", "without", *ENGINES}
    if unknown := sorted(set(entry) - asking - launching):
        raise ValueError(f"{entry['name']} has a key nobody reads: {unknown[0]}")
    values = {key: value for key, value in entry.items() if key in asking}
    for key in ("match", "models", "can"):
        value = values.get(key, ())
        values[key] = (value,) if isinstance(value, str) else tuple(value)
    serving = Serving(
        architectures=tuple(entry.get("architectures", ())),
        engines={name: _flags(entry[name], common.get(name, {})) for name in ENGINES if name in entry},
        without=entry.get("without", {}),
    )
    return Family(**values, serving=serving)


def _flags(entry: Mapping[str, Any], common: Mapping[str, Flag]) -> EngineFlags:
    own = {name: value for name, value in entry.items() if name.startswith("--")}
    other = {name: value for name, value in entry.items() if not name.startswith("--")}
    return EngineFlags(flags={**common, **own}, **other)


def _filled(flags: Mapping[str, Any], numbers: Mapping[str, int]) -> dict[str, Any]:
    """The flags with numbers in the place of their names."""
    return {
        name: _filled(value, numbers) if isinstance(value, Mapping) else numbers.get(value, value)
        for name, value in flags.items()
    }
