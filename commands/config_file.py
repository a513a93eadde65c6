"""A YAML file with the flags of `bench.py` by name, as click's defaults: a flag on the line still wins."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from sightbench.errors import UsageError


def defaults(path: Path, names: set[str], multiple: set[str]) -> dict[str, Any]:
    """Flag name -> value; one value for a flag of `multiple` is a list of one, an empty value no flag.

    Raises UsageError for unreadable YAML, an unknown name, a key written out, or a list or mapping where
    one value belongs.
    """
    import yaml

    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"--config {path}: not readable YAML ({' '.join(str(error).split())})") from None
    if not isinstance(read, dict):
        raise UsageError(f"--config {path}: write `name: value` lines, one per flag")
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
                f"--config {path}: unknown name {key!r}" + (f", did you mean {near[0]!r}?" if near else "")
            )
        if value is not None:
            out[name] = _value(path, name, value, name in multiple)
    return out


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
