"""A YAML file with the flags of `bench.py` by name, as click's defaults: a flag on the line still wins."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from client.errors import UsageError


def defaults(path: Path, names: set[str]) -> dict[str, Any]:
    """Flag name -> value. Raises UsageError for unreadable YAML, an unknown name, or a key written out."""
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
        out[name] = value
    return out
