"""A YAML file with the flags of `bench.py` by name, as click's defaults: a flag on the line still wins.

Dyn-Bench's own conf/config.yaml is read too, by what its entries mean here.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from sightbench.errors import UsageError
from sightbench.terminal import plain
from sightbench.yaml_text import from_yaml

DYNBENCH: dict[str, str | None] = {
    "model.model_name": "model",
    "model.alias": "alias",
    "datasets.datasets_path": "data",
    "task": "task",
    "evaluation.boundary_threshold": "tolerance",
    "result_path": "out",
    # where and how the model is loaded: the server's business
    "model.model_path": None,
    "model.download_path": None,
    "model.device": None,
    "model.torch_dtype": None,
    "model.use_flash_attn": None,
    "model.trust_remote_code": None,
    "datasets.repo_name": None,
}
"""Entry of Dyn-Bench's config.yaml -> our flag, None where it says nothing about asking."""


MODELS = "models"
"""The entry that lists several models, each with flags of its own."""


def defaults(path: Path, names: set[str], multiple: set[str]) -> dict[str, Any]:
    """Flag name -> value; one value for a flag of `multiple` is a list of one, an empty value no flag.

    Raises UsageError for unreadable YAML, an unknown name, a key written out, or a list or mapping where
    one value belongs.
    """
    read, _ = _parted(_read(path))
    return _flags(path, read, names, multiple)


def models(path: Path, names: set[str], multiple: set[str]) -> tuple[dict[str, Any], ...]:
    """The flags of each model where the file names several: `model: [A, B]`, or `models:` with an entry
    each, a name or flags of its own. Raises UsageError as `defaults` does."""
    _, entries = _parted(_read(path))
    found = []
    for entry in entries:
        flags = entry if isinstance(entry, dict) else {"model": entry}
        if not isinstance(flags.get("model"), str):
            raise UsageError(f"--config {path}: each of several models is a name, or flags with a model")
        found.append(_flags(path, flags, names, multiple))
    return tuple(found)


def _read(path: Path) -> dict[str, Any]:
    try:
        read = from_yaml(path.read_bytes()) or {}
    except (OSError, ValueError) as error:
        raise UsageError(f"--config {path}: not readable YAML ({error})") from None
    if not isinstance(read, dict):
        raise UsageError(f"--config {path}: write `name: value` lines, one per flag")
    if any(isinstance(read.get(section), dict) for section in ("model", "datasets", "evaluation")):
        return _dynbench(path, read)
    return read


def _parted(read: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The flags for all, and the models where there are several."""
    rest = dict(read)
    entries = rest.pop(MODELS, None)
    if entries is None and isinstance(rest.get("model"), list):
        entries = rest.pop("model")
    return rest, entries if isinstance(entries, list) else [] if entries is None else [entries]


def _flags(path: Path, read: dict[str, Any], names: set[str], multiple: set[str]) -> dict[str, Any]:
    out = {}
    for key, value in read.items():
        name = str(key).replace("-", "_")
        if name in ("api_key", "key", "token"):
            raise UsageError(
                f"--config {path}: a key never goes in a file; name its variable with api_key_env"
            )
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            raise UsageError(
                f"--config {path}: unknown name {plain(key, 80)!r}"
                + (f", did you mean {near[0]!r}?" if near else "")
            )
        if value is not None:
            out[name] = _value(path, name, value, name in multiple)
    return out


def _dynbench(path: Path, read: dict[str, Any]) -> dict[str, Any]:
    """Our flags for the entries of a config.yaml of Dyn-Bench's. UsageError for an entry it does not have."""
    flags: dict[str, Any] = {}
    for section, content in read.items():
        for key, value in content.items() if isinstance(content, dict) else ((None, content),):
            entry = str(section) if key is None else f"{section}.{key}"
            if entry not in DYNBENCH:
                known = ", ".join(DYNBENCH)
                raise UsageError(f"--config {path}: {entry} is none of Dyn-Bench's entries: {known}")
            if (flag := DYNBENCH[entry]) is not None:
                flags[flag] = value
    if "out" in flags and isinstance(flags.get("model"), str):
        # One folder of results for all models there; a run folder a model here.
        flags["out"] = str(Path(str(flags["out"])) / str(flags["model"]).rsplit("/", 1)[-1])
    return flags


def _value(path: Path, name: str, value: Any, multiple: bool) -> Any:
    if name == "extra_body" and isinstance(value, dict):
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UsageError(f"--config {path}: extra_body is not what JSON can hold ({error})") from None
        return value
    if multiple and not isinstance(value, list):
        value = [value]
    for one in value if multiple else [value]:
        if isinstance(one, dict | list):
            wanted = "text or a list of texts" if multiple else "one value"
            raise UsageError(f"--config {path}: {name} takes {wanted}")
    return value
