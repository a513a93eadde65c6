"""API keys come from environment variables: a command line can be read by everybody on the machine."""

from __future__ import annotations

import os

from sightbench.errors import UsageError


def key_in(variable: str | None) -> str | None:
    """The key in that environment variable, None for no variable. Raises UsageError when it is empty."""
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(f"--api-key-env {variable}: that environment variable is not set")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"--api-key-env {variable}: a key is printable ASCII without spaces")
    return key
