"""The files of benchmarks, fetched where their references take them from: checked, unpacked, continued where
they broke off, and left alone where they are there."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from sightbench.errors import SightbenchError
from sightbench.servers.download import Source, download, fetch_repository
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.origins import HubSet, Origin, Piece, origin
from sightbench.tasks.web_files import TABLES, WebFile

CHUNK = 2**20
PATIENCE_S = 60
HUB = "https://huggingface.co"
RECORD = ".sightbench-downloads"
"""What was begun and what is done of the hub's data sets in a folder: a line each, appended."""

Say = Callable[[str], object]
"""Called with one line for each file that came or was there."""


def bring(name: str, out: Path | None, kind: str | None, cache: Path | None, say: Say) -> Path:
    """Fetches what a name means: a benchmark, a group of them, one of VLMEvalKit's tables, a model, or with
    `kind` "dataset" any data set of the hub. Returns the folder (of one table: the file).

    Raises UsageError for a name nobody knows, SightbenchError when something cannot be had.
    """
    if kind is None:
        benchmarks = catalog.known(name)
        table = _table(name, benchmarks)
        if table is not None:
            return fetch(table, out or Path("data"), cache)
        if benchmarks:
            return _bring_all(benchmarks, out, cache, say)
    return download(name, "dataset" if kind == "dataset" else None, out, cache=cache)


def _table(name: str, benchmarks: Sequence[Benchmark]) -> WebFile | None:
    """The table of VLMEvalKit's that a name means, where that is not what the benchmark's own origin has."""
    plain = {known.lower(): file for known, file in TABLES.items()}
    table = TABLES.get(name) or (None if benchmarks else plain.get(name.lower()))
    return None if any(table in origin(benchmark).pieces for benchmark in benchmarks) else table


def _bring_all(benchmarks: Sequence[Benchmark], out: Path | None, cache: Path | None, say: Say) -> Path:
    place = Path("data")
    for benchmark in benchmarks:
        source = origin(benchmark)
        folder = out or Path("data") / (source.folder if len(benchmarks) == 1 else "")
        place = _fetch_pieces(benchmark, source.pieces, folder, cache, say)
    _say_what_is_left(benchmarks, say)
    return place


def _say_what_is_left(benchmarks: Iterable[Benchmark], say: Say) -> None:
    """What a person must get, each thing once."""
    lines: dict[str, list[str]] = {}
    for benchmark in benchmarks:
        for line in origin(benchmark).by_hand:
            lines.setdefault(line, []).append(benchmark.name)
    for line, names in lines.items():
        say(f"{', '.join(names)}: {line}")


def complete(benchmarks: Iterable[Benchmark], data: Path, say: Say) -> None:
    """Fetches what is missing of the benchmarks below `data`; for what is there no network is needed."""
    left = []
    for benchmark in benchmarks:
        source = origin(benchmark)
        if _there(benchmark, source, data):
            continue
        _fetch_pieces(benchmark, source.pieces, data, None, say)
        if not _there(benchmark, source, data):
            left.append(benchmark)
    _say_what_is_left(left, say)


def _there(benchmark: Benchmark, source: Origin, data: Path) -> bool:
    """Are its files below `data`, in any of the places they are looked for, and none of them half fetched?"""
    kinds: dict[tuple[str, bool], bool] = {}
    for needed in benchmark.files:
        # Of several places for pictures one is enough; questions all must be there.
        key = (needed.what, needed.media)
        kinds[key] = kinds.get(key, False) or bool(catalog.located(needed, data))
    record = _record(data)
    broken = any(record.get(_mark(piece)) is False for piece in source.pieces if isinstance(piece, HubSet))
    partly = any(
        (data / f"{piece.name}.part").exists() for piece in source.pieces if isinstance(piece, WebFile)
    )
    return all(kinds.values()) and not broken and not partly


def _fetch_pieces(
    benchmark: Benchmark, pieces: Sequence[Piece], folder: Path, cache: Path | None, say: Say
) -> Path:
    """Fetches the pieces into the folder, a line each; returns the folder, of a single file its path."""
    place = folder
    for piece in pieces:
        if isinstance(piece, WebFile):
            path = fetch(piece, folder, cache)
            say(f"{benchmark.name}: {path} ({_size(path)})")
            place = path if len(pieces) == 1 and path.is_file() else folder
            continue
        into = folder / piece.folder
        if _record(folder).get(_mark(piece)):
            say(f"{benchmark.name}: {piece.id} is in {into} already")
            continue
        _note(folder, "begun", piece)
        fetch_repository(Source(piece.id, "dataset", into, piece.patterns), into, cache=cache)
        if piece.patterns and not any(any(into.glob(pattern)) for pattern in piece.patterns):
            raise SightbenchError(
                f"{piece.id} has no {' or '.join(piece.patterns)} any more: see its page on the hub"
            )
        for name, makes in piece.archives:
            _unpack(sorted(into.glob(f"{name}*")), into / makes, keep=cache is not None)
        _note(folder, "done", piece)
        say(f"{benchmark.name}: {piece.id} is in {into}")
    return place


def fetch(file: WebFile, folder: Path, cache: Path | None = None) -> Path:
    """Puts the file into `folder` and returns its path (of an archive: that of what came out); what is whole
    already is left alone. With `cache` the file lies there, and in `folder` a link to it.

    SightbenchError when it cannot be had, or is not the file that VLMEvalKit knows.
    """
    path = folder / file.name
    if file.makes is not None and (folder / file.makes).is_dir():
        return folder / file.makes
    if cache is None or path.is_file():
        _whole(file, path)
    else:
        kept = cache / path.name
        _whole(file, kept)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(kept.resolve())
    if file.makes is None:
        return path
    return _unpack([path], folder / file.makes, keep=False)


def _whole(file: WebFile, path: Path) -> None:
    part = path.with_name(f"{path.name}.part")
    if path.is_file() and file.md5 in (None, _md5(path)):
        return
    url = file.url.replace(HUB, os.environ.get("HF_ENDPOINT", HUB).rstrip("/"), 1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _transfer(url, part)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise SightbenchError(f"{url}: {reason}; the same command continues") from None
    if file.md5 not in (None, _md5(part)):
        part.unlink()
        raise SightbenchError(
            f"{url} is not the file VLMEvalKit knows (MD5 {file.md5}): it changed there, or came "
            f"damaged; put the file you mean at {path} yourself"
        )
    part.replace(path)


def _transfer(url: str, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            goes_on = answer.status == 206
            with part.open("ab" if goes_on else "wb") as file:
                while block := answer.read(CHUNK):
                    file.write(block)
    except urllib.error.HTTPError as error:
        # 416: there is nothing after what is here.
        if error.code != 416:
            raise


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unpack(archives: Sequence[Path], makes: Path, *, keep: bool) -> Path:
    """Unpacks an archive, or the parts of one, so that `makes` is there; the archive goes unless `keep`."""
    if makes.is_dir() or not archives:
        return makes
    # What breaks off half-way must not look like the whole.
    beside = makes.with_name(f".{makes.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        if zipfile.is_zipfile(archives[0]):
            with zipfile.ZipFile(archives[0]) as packed:
                packed.extractall(beside)
        else:
            with _Joined(archives) as whole, tarfile.open(fileobj=whole, mode="r|*") as tape:
                tape.extractall(beside, filter="data")
    except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise SightbenchError(
            f"{archives[0]} cannot be unpacked: {error}; take it away and fetch it again"
        ) from None
    inner = beside / makes.name
    (inner if inner.is_dir() else beside).replace(makes)
    shutil.rmtree(beside, ignore_errors=True)
    if not keep:
        for archive in archives:
            archive.unlink()
    return makes


class _Joined(io.RawIOBase):
    """Files one after the other, as one."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        self._file: io.BufferedReader | None = None

    def read(self, size: int = -1) -> bytes:
        found = b""
        while not found and (self._file is not None or self._paths):
            if self._file is None:
                self._file = self._paths.pop(0).open("rb")
            found = self._file.read(size)
            if not found:
                self._file.close()
                self._file = None
        return found

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()


def _mark(piece: HubSet) -> str:
    return f"{piece.id} {piece.folder}".strip()


def _record(folder: Path) -> dict[str, bool]:
    """Which of the hub's data sets are done (True) or only begun below the folder."""
    try:
        lines = (folder / RECORD).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(" ") for line in lines)
    return {name: word == "done" for word, _, name in pairs}


def _note(folder: Path, word: str, piece: HubSet) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / RECORD).open("a", encoding="utf-8") as file:
        file.write(f"{word} {_mark(piece)}\n")


def _size(path: Path) -> str:
    if path.is_dir():
        return f"{sum(1 for each in path.rglob('*') if each.is_file()):,} files"
    return f"{path.stat().st_size / 1e6:,.1f} MB"
