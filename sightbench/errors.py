"""Every error a user can meet: one clear line each, and the exit code it ends the command with.

SightbenchError          1: a run that failed
├── UsageError           2: a wrong flag, a wrong folder, a name nobody knows
├── DatasetError         1: a file of a benchmark is missing or broken (names the file and the line)
├── FieldError           1: a gold or a field of a question that its scorer cannot use
├── EndpointError        1: a server cannot be reached, refuses us, or serves something else
└── RunFolderError       1: a run folder is locked, full, or belongs to another run
"""

from __future__ import annotations

from pathlib import Path


class SightbenchError(Exception):
    """The message is one line: what is wrong, where, and what to do. Never a secret in it."""

    exit_code = 1


class UsageError(SightbenchError):
    exit_code = 2


class DatasetError(SightbenchError):
    """A benchmark's file is missing or broken; `path` and the 1-based `line` say where."""

    def __init__(self, message: str, path: Path | None = None, line: int | None = None) -> None:
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(where + message)
        self.path = path
        self.line = line


class FieldError(SightbenchError, ValueError):
    """A gold, or a field beside it, that a scorer cannot use; the message begins with its name."""


class EndpointError(SightbenchError):
    pass


class RunFolderError(SightbenchError):
    pass
