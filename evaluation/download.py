"""Files of a benchmark that lie on the web as they are: fetched, checked, continued where they broke off."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from pathlib import Path

from sightbench.errors import SightbenchError
from sightbench.tasks import catalog
from sightbench.tasks.web_files import TABLES, WebFile

CHUNK = 2**20
PATIENCE_S = 60


def table_of(name: str) -> WebFile | None:
    """The table a name means: VLMEvalKit's own name, or a benchmark of which only a table is known."""
    plain = {known.lower(): entry for known, entry in TABLES.items()}
    if name.lower() in plain:
        return plain[name.lower()]
    for benchmark in catalog.BENCHMARKS:
        if name.lower() == benchmark.name.lower():
            paths = {path for needed in benchmark.files if not needed.media for path in needed.paths}
            return next((entry for entry in TABLES.values() if entry.name in paths), None)
    return None


def fetch(file: WebFile, folder: Path) -> Path:
    """Puts the file into `folder` and returns its path; what is whole already is left alone.

    SightbenchError when it cannot be had, or is not the file that VLMEvalKit knows.
    """
    path, part = folder / file.name, folder / f"{file.name}.part"
    if path.is_file() and file.md5 in (None, _md5(path)):
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _transfer(file.url, part)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise SightbenchError(f"{file.url}: {reason}; the same command continues") from None
    if file.md5 not in (None, _md5(part)):
        part.unlink()
        raise SightbenchError(
            f"{file.url} is not the file VLMEvalKit knows (MD5 {file.md5}): it changed there, or came "
            f"damaged; put the file you mean at {path} yourself"
        )
    part.replace(path)
    return path


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
