"""replies.jsonl (and judgements.jsonl): one line per finished request, appended with one write.

A process can be killed at any byte: whatever stands before the last newline is whole. A torn last line is
set aside in `replies.torn` when the file is opened for writing, and skipped when it is read. A line that is
damaged (its checksum does not fit, or it is no reply at all) is set aside in `replies.damaged`, counted and
named; its sample is asked again.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sightbench.client.lines import Head, LineError, from_line, head, pieces, sample_in
from sightbench.client.transport.failures import TAKEN_BACK
from sightbench.errors import RunFolderError
from sightbench.sample import Json, Reply

T = TypeVar("T")

log = logging.getLogger("sightbench.client")

REPLIES = "replies.jsonl"
JUDGEMENTS = "judgements.jsonl"
_LOCKS = {REPLIES: "lock", JUDGEMENTS: "judgements.lock"}


@dataclass(frozen=True, slots=True)
class Damage:
    """A line that is no reply, or not the one that was written: its 1-based number, what is wrong with it,
    and the sample it seems to have been about (None: that cannot be told)."""

    line: int
    reason: str
    sample: str | None

    def __str__(self) -> str:
        return f"line {self.line}" + (f" ({self.sample})" if self.sample else "") + f": {self.reason}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reply stands in the file, and what is needed to know without reading it."""

    offset: int
    ok: bool
    fingerprint: bytes


class Journal:
    """The replies of one run folder. Opened for writing it is the only one: a second is refused.

    `torn` is how many bytes of an unfinished last line were set aside, `damaged` the lines that are not
    the replies that were written: opened for writing they are set aside, else passed over. `about` holds,
    by sample, what a line says beside its reply: of a judgement, whose it is and of what.
    """

    def __init__(self, path: Path, descriptor: int, lock: int | None, torn: int) -> None:
        self.path = path
        self.torn = torn
        self.damaged: tuple[Damage, ...] = ()
        self.about: Mapping[str, Mapping[str, Json]] = {}
        self._descriptor = descriptor
        self._lock = lock
        self._end = os.fstat(descriptor).st_size
        self._index: dict[str, Place] | None = None

    @classmethod
    def open(cls, folder: Path, *, write: bool = True, name: str = REPLIES) -> Self:
        """The journal `name` of `folder`, which is made if it is to be written.

        Raises RunFolderError when another process is writing to it, or it cannot be read or written.
        """
        path = folder / name
        if not write:
            try:
                return cls(path, os.open(path, os.O_RDONLY), None, 0)
            except OSError as error:
                raise RunFolderError(f"{path}: {error.strerror}") from error
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _locked(folder / _LOCKS[name])
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            torn = _set_aside(descriptor, path.with_suffix(".torn"))
            damaged = _without_damage(path, path.with_suffix(".damaged"))
            if damaged:
                os.close(descriptor)
                descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
            journal = cls(path, descriptor, lock, torn)
            journal.damaged = damaged
            return journal
        except OSError as error:
            raise RunFolderError(f"{error.filename or folder}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, reply: Reply) -> None:
        """Writes one line with one write. Raises RunFolderError when the disk is full (nothing of the line
        stays) or the file cannot be written."""
        self._write(pieces(reply, self.about.get(reply.sample)))

    def copy(self, sample: str, to: Journal) -> None:
        """Writes the line of a sample's newest reply into another journal, byte for byte."""
        with open(self.path, "rb") as file:
            file.seek(self.index()[sample].offset)
            to._write((file.readline(),))

    def _write(self, line: Sequence[memoryview | bytes]) -> None:
        length = sum(map(len, line))
        try:
            if os.writev(self._descriptor, line) < length:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            os.ftruncate(self._descriptor, self._end)
            raise RunFolderError(
                f"{self.path}: {error.strerror}; the replies before are kept, start the same run again to "
                "continue"
            ) from error
        # Not brought up to date: over a long run that would be memory for every reply.
        self._index = None
        self._end += length

    def notes(self) -> tuple[str, ...]:
        """What was wrong with the file, a line each for people to read."""
        notes = []
        if self.torn:
            notes.append(f"{self.path}: an unfinished last line ({self.torn} bytes) was set aside")
        if self.damaged:
            shown = "; ".join(str(damage) for damage in self.damaged[:5])
            more = f"; and {len(self.damaged) - 5} more" if len(self.damaged) > 5 else ""
            read_only = self._lock is None
            done = "passed over" if read_only else f"set aside in {self.path.with_suffix('.damaged').name}"
            then = "start the run again to ask these again" if read_only else "their samples are asked again"
            what = "1 damaged line is" if len(self.damaged) == 1 else f"{len(self.damaged)} damaged lines are"
            notes.append(f"{self.path}: {what} {done} ({then}): {shown}{more}")
        return tuple(notes)

    def sync(self) -> None:
        """Brings what was appended to the disk: a killed process does not need it, a dead machine does."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Lets go of the file and of the lock; what was appended is on the disk."""
        if self._lock is not None:
            self.sync()
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None
        os.close(self._descriptor)

    def index(self) -> Mapping[str, Place]:
        """Sample id -> the place of its newest ok reply, else of its newest error; of the error where another
        request was made since (the frames have changed) and failed. Scans the file once."""
        if self._index is None:
            index: dict[str, Place] = {}
            for offset, line in self._scan(head):
                before = index.get(line.sample)
                if before is None or line.status == "ok" or not before.ok or _outdated(before, line):
                    index[line.sample] = Place(offset, line.status == "ok", line.ask.encode())
            self._index = index
            if self._lock is None:
                for note in self.notes():
                    log.warning("%s", note)
        return self._index

    def __iter__(self) -> Iterator[Reply]:
        """Every reply in file order, older ones that a retry has replaced among them."""
        for _, reply in self._scan(from_line):
            yield reply

    def read(self, sample: str) -> Reply | None:
        """The reply to a sample that counts (`index`), None if there is none."""
        place = self.index().get(sample)
        return None if place is None else self.at(place)

    def at(self, place: Place) -> Reply:
        """The reply that stands there. Raises RunFolderError if the file has changed since it was indexed."""
        with open(self.path, "rb") as file:
            file.seek(place.offset)
            try:
                return from_line(file.readline())
            except LineError as error:
                raise RunFolderError(
                    f"{self.path}: a reply cannot be read any more ({error}); what changed the file?"
                ) from None

    def _scan(self, decode: Callable[[bytes], T]) -> Iterator[tuple[int, T]]:
        damaged = []
        offset = 0
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    if line.endswith(b"\n"):
                        yield offset, decode(line)
                except LineError as error:
                    damaged.append(Damage(number, str(error), sample_in(line)))
                offset += len(line)
        self.damaged = self.damaged if self._lock is not None else tuple(damaged)


def busy(folder: Path) -> bool:
    """Whether a process is writing to the run in `folder` now."""
    try:
        descriptor = os.open(folder / _LOCKS[REPLIES], os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return _alive(os.pread(descriptor, 200, 0).decode(errors="replace"))
    finally:
        os.close(descriptor)
    return False


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did: lines written, and lines left out because the same reply was there already."""

    replies: int
    duplicates: int


def merge(folders: Sequence[Path], out: Path) -> Merged:
    """Writes the newest reply to every sample of several journals (shards of one run) into `out`.

    The same answer in two of them is written once. Raises RunFolderError when two answered the same
    sample differently or were asked differently: those are not shards of one run.
    """
    taken: dict[str, tuple[Journal, Place]] = {}
    duplicates = 0
    journals = [Journal.open(folder, write=False) for folder in folders]
    try:
        for journal in journals:
            for sample, place in journal.index().items():
                before = taken.get(sample)
                if before is None or (place.ok and not before[1].ok):
                    taken[sample] = (journal, place)
                elif place.ok and before[1].ok:
                    _check_same(sample, before, (journal, place))
                    duplicates += 1
        with Journal.open(out) as merged:
            if merged.index():
                raise RunFolderError(f"{merged.path} has replies already: merge into a new folder")
            for journal, place in taken.values():
                merged.append(journal.at(place))
    finally:
        for journal in journals:
            journal.close()
    return Merged(len(taken), duplicates)


def _outdated(answer: Place, error: Head) -> bool:
    """Whether an error that came later leaves nothing of an answer: it was taken back, or was to another
    request than the one that failed. An error without a fingerprint tells of no request."""
    if error.error is not None and error.error.kind == TAKEN_BACK:
        return True
    return bool(error.ask and answer.fingerprint) and error.ask.encode() != answer.fingerprint


def _check_same(sample: str, one: tuple[Journal, Place], other: tuple[Journal, Place]) -> None:
    where = f"{one[0].path.parent} and {other[0].path.parent}"
    if one[1].fingerprint != other[1].fingerprint:
        raise RunFolderError(f"{where} asked {sample} differently: they are not shards of one run")
    first, second = one[0].at(one[1]), other[0].at(other[1])
    if (first.text, first.masks) != (second.text, second.masks):
        raise RunFolderError(f"{where} hold different answers to {sample}: keep one of the two")


def _set_aside(descriptor: int, torn: Path) -> int:
    """Cuts an unfinished last line off the file and appends it to `torn`; returns its length."""
    size = os.fstat(descriptor).st_size
    start = size
    tail = b""
    while start > 0:
        step = min(65536, start)
        start -= step
        tail = os.pread(descriptor, step, start) + tail
        newline = tail.rfind(b"\n", 0, step)
        if newline >= 0:
            tail = tail[newline + 1 :]
            break
    if tail:
        with torn.open("ab") as file:
            file.write(tail + b"\n")
        os.ftruncate(descriptor, size - len(tail))
    return len(tail)


def _without_damage(path: Path, aside: Path) -> tuple[Damage, ...]:
    """Moves the lines that are no replies from the file into `aside`; returns what they were.

    The file is replaced in one step, and only if there is such a line.
    """
    damaged: list[Damage] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                head(line)
            except LineError as error:
                damaged.append(Damage(number, str(error), sample_in(line)))
        if not damaged:
            return ()
        numbers = {damage.line for damage in damaged}
        file.seek(0)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with temporary.open("wb") as sound, aside.open("ab") as broken:
            for number, line in enumerate(file, 1):
                (broken if number in numbers else sound).write(line)
            for written in (broken, sound):
                written.flush()
                os.fsync(written.fileno())
    os.replace(temporary, path)
    return tuple(damaged)


def _locked(path: Path) -> int:
    """Takes the folder's lock: the kernel lets it go when its holder dies, so it never goes stale.

    On a file system without locks, the process id in the file decides.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    holder = os.pread(descriptor, 200, 0).decode(errors="replace")
    here = f"{os.getpid()} {socket.gethostname()}"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise RunFolderError(f"{path.parent}: another process writes to this run ({_who(holder)})") from None
    except OSError:
        if _alive(holder):
            os.close(descriptor)
            raise RunFolderError(
                f"{path.parent}: another process seems to write to this run ({_who(holder)}); "
                f"if it is gone, delete {path}"
            ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, here.encode(), 0)
    return descriptor


def _who(holder: str) -> str:
    pid, _, host = holder.partition(" ")
    return f"pid {pid} on {host}" if host else "just started"


def _alive(holder: str) -> bool:
    pid, _, host = holder.partition(" ")
    if not pid.isdigit():
        return False
    return host != socket.gethostname() or os.path.exists(f"/proc/{pid}")
