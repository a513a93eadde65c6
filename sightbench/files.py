"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from sightbench.errors import RunFolderError


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
