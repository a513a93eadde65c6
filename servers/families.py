"""servers/models.yaml as the launcher reads it: which engines have a family of models, with which flags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sightbench.errors import UsageError

MODELS = Path(__file__).with_name("models.yaml")
TEMPLATES = Path(__file__).with_name("templates")

EngineName = Literal["vllm", "sglang", "masks", "transformers"]
ENGINES: tuple[EngineName, ...] = ("masks", "vllm", "sglang", "transformers")
"""In the order of preference: a family is served by the first of these it has."""

Flag = str | int | float | bool | Mapping[str, Any]
"""A flag's value; True for one that has none, a mapping for one that takes JSON."""


@dataclass(frozen=True, slots=True)
class Engine:
    """How one engine serves a family.

    `one_tile` are further flags that make every image one tile; `extra_body` is what requests must carry
    for the same purpose where the engine has it per request.
    """

    flags: Mapping[str, Flag] = field(default_factory=dict)
    one_tile: Mapping[str, Flag] = field(default_factory=dict)
    extra_body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Family:
    """Models that are served alike.

    `can` holds "qa" and maybe "masks"; `without` says of an engine that lacks the family why.
    """

    name: str
    match: tuple[str, ...]
    can: tuple[str, ...]
    architectures: tuple[str, ...]
    models: tuple[str, ...]
    engines: Mapping[EngineName, Engine]
    without: Mapping[str, str]

    @property
    def masks(self) -> bool:
        return "masks" in self.can


@dataclass(frozen=True, slots=True)
class Table:
    """All families, in the order their patterns are tried, and the GPUs of a size in billions."""

    families: tuple[Family, ...]
    gpus: tuple[tuple[float, int], ...]

    def of_name(self, name: str) -> Family | None:
        """The first family one of whose patterns is found in `name`."""
        for family in self.families:
            if any(re.search(pattern, name, re.IGNORECASE) for pattern in family.match):
                return family
        return None

    def of_architecture(self, architecture: str) -> Family | None:
        """The last family with that architecture: the general ones stand below those trained on them."""
        for family in reversed(self.families):
            if architecture in family.architectures:
                return family
        return None

    def called(self, name: str) -> Family:
        """The family of that name; UsageError lists the names."""
        for family in self.families:
            if family.name == name:
                return family
        known = ", ".join(family.name for family in self.families)
        raise UsageError(f"--family {name}: no such family; known: {known}")

    def gpus_for(self, billions: float | None) -> int:
        """How many GPUs of 80 GB a model of that many parameters is spread over; 1 if that is unknown."""
        if billions is None:
            return 1
        return next((gpus for up_to, gpus in self.gpus if billions <= up_to), self.gpus[-1][1])


def load(path: Path = MODELS) -> Table:
    """The table in `path`. Raises UsageError when it cannot be read."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        common = {name: entry["flags"] for name, entry in content["engines"].items()}
        return Table(
            tuple(_family(entry, common) for entry in content["families"]),
            tuple(sorted((float(size), int(count)) for size, count in content["gpus"].items())),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: not a table of model families: {' '.join(str(error).split())}") from error


def _family(entry: Mapping[str, Any], common: Mapping[str, Mapping[str, Flag]]) -> Family:
    return Family(
        name=entry["name"],
        match=tuple(entry["match"]),
        can=tuple(entry["can"]),
        architectures=tuple(entry["architectures"]),
        models=tuple(entry["models"]),
        engines={name: _engine(entry[name], common.get(name, {})) for name in ENGINES if name in entry},
        without=entry.get("without", {}),
    )


def _engine(entry: Mapping[str, Any], common: Mapping[str, Flag]) -> Engine:
    own = {name: value for name, value in entry.items() if name.startswith("--")}
    return Engine({**common, **own}, entry.get("one_tile", {}), entry.get("extra_body", {}))


def listed(table: Table | None = None) -> list[dict[str, Any]]:
    """One row per family for `bench.py models`: name, can, engines (best first), models, why not others."""
    return [
        {
            "name": family.name,
            "can": list(family.can),
            "engines": list(family.engines),
            "models": list(family.models),
            "without": dict(family.without),
        }
        for family in (table or load()).families
    ]
