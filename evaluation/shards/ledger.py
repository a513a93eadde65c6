"""RUN/shards/ledger.jsonl: which shards of a run are finished, and which were merged last.

Everything that shards must agree about stands in this one locked file, not in folders beside it: a network
file system shows other machines a locked file's newest content, but a folder's only after a while. The
kernel lets the lock go when its holder dies, at whatever byte.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sightbench.errors import RunFolderError

SHARDS = "shards"
_LEDGER = "ledger.jsonl"


class _Line(msgspec.Struct, omit_defaults=True):
    """Shard `index` of `count` began (no `state`) or finished; or a merge of all `count` writes the run's own
    replies, whose digest will be `replies`; or it is done, of the shards as they were at `states`."""

    count: int
    index: int | None = None
    state: str | None = None
    states: tuple[str | None, ...] | None = None
    replies: str | None = None


@dataclass(frozen=True, slots=True)
class Division:
    """What the ledger says of one division of a run: the digest of each shard that is finished (else None),
    and those that were merged last."""

    states: tuple[str | None, ...]
    merged: tuple[str | None, ...] | None

    @property
    def finished(self) -> int:
        """How many are finished."""
        return sum(state is not None for state in self.states)


class Ledger:
    """The ledger of one run folder, held: no other process reads or writes it meanwhile."""

    def __init__(self, run: Path, descriptor: int) -> None:
        self.run = run
        self._descriptor = descriptor
        self._lines = tuple(_read(descriptor))

    @classmethod
    @contextmanager
    def held(cls, run: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[Ledger]:
        """The ledger of the run in `run`, made if there is none; calls `waiting` before it waits for others.

        Raises RunFolderError where it cannot be written or locked.
        """
        path = run / SHARDS / _LEDGER
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise RunFolderError(f"{path}: {error.strerror}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except OSError as error:
                raise RunFolderError(
                    f"{path} cannot be locked ({error.strerror}): give each shard a run folder of its own "
                    "with --out, on a disk with locks"
                ) from error
            yield cls(run, descriptor)
        finally:
            os.close(descriptor)

    def division(self, count: int) -> Division:
        """How far the `count` shards are."""
        states: list[str | None] = [None] * count
        merged = None
        for line in self._lines:
            if line.index is not None and line.count == count:
                states[line.index] = line.state
            elif line.states is not None:
                merged = line.states
        return Division(tuple(states), merged)

    def count(self) -> int:
        """Into how many shards the run was divided, last of all; 0 if it never was."""
        return self._lines[-1].count if self._lines else 0

    def wrote(self, replies: str) -> bool:
        """Whether replies with this digest are a merge's work."""
        return any(line.replies == replies for line in self._lines)

    def began(self, index: int, count: int) -> None:
        """Shard `index` is asked now: it is not finished, whatever it was."""
        self._append(_Line(count, index))

    def ended(self, index: int, count: int, state: str) -> None:
        """Everything shard `index` could ask is asked; `state` is a digest of what it has."""
        self._append(_Line(count, index, state))

    def merging(self, count: int, replies: str) -> None:
        """The run's own replies will be those with this digest; said before they are put in place."""
        self._append(_Line(count, replies=replies))

    def merged(self, count: int, states: tuple[str | None, ...]) -> None:
        """The shards were merged and scored as they were at `states`."""
        self._append(_Line(count, states=states))

    def _append(self, line: _Line) -> None:
        data = msgspec.json.encode(line) + b"\n"
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            # Somebody was killed inside a line.
            data = b"\n" + data
        try:
            if os.write(self._descriptor, data) < len(data):
                raise OSError(28, os.strerror(28))
            os.fsync(self._descriptor)
        except OSError as error:
            raise RunFolderError(f"{self.run / SHARDS / _LEDGER}: {error.strerror}") from error
        self._lines = (*self._lines, line)


def _read(descriptor: int) -> Iterator[_Line]:
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    for line in data.split(b"\n"):
        try:
            yield msgspec.json.decode(line, type=_Line)
        except (msgspec.MsgspecError, UnicodeError):
            continue
