"""Files that are there whole or not at all, and lines that are on disk before anything else happens."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from sightbench.errors import RunFolderError


def sha256_of(path: Path) -> str:
    """The file's sha256 in hexadecimal, without holding the file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replace_file(path: Path, data: bytes) -> None:
    """Puts `data` in place of the file in one step: readers see the old content or the new.

    Raises RunFolderError when it cannot be written; the old file then stays as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise RunFolderError(
            f"{path}: {error.strerror}; the replies are kept, start the same run again"
        ) from error


def append_line(path: Path, line: bytes) -> None:
    """Puts one more line at the file's end, on disk when this returns. Raises RunFolderError if not."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RunFolderError(f"{path}: {error.strerror}") from error
