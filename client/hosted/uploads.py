"""Video files in Gemini's file store: each is uploaded once, and known again for as long as it lies there.

https://ai.google.dev/gemini-api/docs/files, https://ai.google.dev/api/files
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from sightbench.client.media import MediaError
from sightbench.client.providers import provider
from sightbench.client.settings import Settings
from sightbench.client.transport.http import Http
from sightbench.client.transport.opening import opened
from sightbench.errors import EndpointError, RunFolderError
from sightbench.files import append_line
from sightbench.terminal import plain

UPLOADS = "uploads.jsonl"
MOST_BYTES = 2 * 2**30
"""A file may have 2 GB, all of a project's 20 GB, and each is deleted after 48 hours."""

KEPT_SECONDS = 48 * 3600.0
_MARGIN_SECONDS = 2 * 3600.0
_PATIENCE_SECONDS = 900.0
_AT_ONCE = 4
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in the store: the sha256 of its bytes, the store's name and URI of it, when it is deleted (in
    seconds since the epoch), and whose store it is (an endpoint without credentials)."""

    sha256: str
    name: str
    uri: str
    ends: float
    endpoint: str = ""


class _Error(msgspec.Struct):
    message: str | None = None


class Entry(msgspec.Struct, rename="camel"):
    """The store's record of a file."""

    name: str
    uri: str | None = None
    sha256_hash: str | None = None
    expiration_time: str | None = None
    state: str | None = None
    error: _Error | None = None


class _Made(msgspec.Struct):
    file: Entry


class _Page(msgspec.Struct, rename="camel"):
    files: list[Entry] = []
    next_page_token: str | None = None


class Uploads:
    """The files of one run. Each upload is a line of uploads.jsonl before anything refers to it; one that was
    made by a process that died before it wrote that line, or by another run, is found in the store's list.

    `needed` is how long a file must stay after it was asked for, in seconds: a batch may take a day.
    """

    def __init__(self, http: Http, folder: Path, endpoint: str, needed: float = _MARGIN_SECONDS) -> None:
        self._http = http
        self._path = folder / UPLOADS
        self._endpoint = endpoint
        self._needed = needed
        self._known = _read(self._path, endpoint)
        self._ready: set[str] = set()
        self._listed = False
        self._one: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._list_lock = asyncio.Lock()
        self._few = asyncio.Semaphore(_AT_ONCE)

    async def uri(self, file: Path, sha256: str, mime: str) -> str:
        """Where the file lies in the store, uploaded and ready.

        Raises MediaError for a file that cannot be uploaded or that the store cannot read, EndpointError for
        what every file would meet.
        """
        async with self._one[sha256]:
            found = self._known.get(sha256)
            if found is None or not self._stays(found) or not await self._is_ready(found, file):
                await self._look()
                found = self._known.get(sha256)
                if found is None or not self._stays(found) or not await self._is_ready(found, file):
                    async with self._few:
                        found = await self._upload(file, sha256, mime)
            return found.uri

    async def close(self) -> None:
        await self._http.close()

    def _stays(self, upload: Upload) -> bool:
        return upload.ends - time.time() > self._needed

    async def _is_ready(self, upload: Upload, file: Path) -> bool:
        """Waits until the store has read the file; False where the store does not have it any more."""
        if upload.name in self._ready:
            return True
        deadline = time.monotonic() + _PATIENCE_SECONDS
        pause = 0.5
        while True:
            try:
                found = await self._http.json(Entry, "GET", f"/{upload.name}")
            except EndpointError:
                # 403 and 404 are what a file gets that is gone, or another project's.
                self._known.pop(upload.sha256, None)
                return False
            if found.state == "ACTIVE":
                self._ready.add(upload.name)
                return True
            if found.state == "FAILED" or time.monotonic() > deadline:
                words = found.error.message if found.error is not None else None
                words = words or f"it is {found.state} in Gemini's file store"
                raise MediaError(f"{file}: {plain(words)}")
            await asyncio.sleep(pause)
            pause = min(5.0, pause * 1.5)

    async def _look(self) -> None:
        """Learns, once, what the store has already."""
        async with self._list_lock:
            if self._listed:
                return
            page = ""
            while True:
                listed = await self._http.json(_Page, "GET", f"/files?pageSize=100{page}")
                for entry in listed.files:
                    found = _upload_of(entry, self._endpoint)
                    if found is not None and found.sha256 not in self._known:
                        self._known[found.sha256] = found
                following = f"&pageToken={listed.next_page_token}"
                if not listed.next_page_token or following == page:
                    break
                page = following
            self._listed = True

    async def _upload(self, file: Path, sha256: str, mime: str) -> Upload:
        try:
            size = (await asyncio.to_thread(file.stat)).st_size
        except OSError as error:
            raise MediaError(f"cannot read {file}: {error.strerror}") from error
        if not 0 < size <= MOST_BYTES:
            raise MediaError(f"{file} has {size} bytes; Gemini's file store takes 1 to {MOST_BYTES}")
        for attempt in range(1, _TRIES + 1):
            try:
                entry = await upload_file(self._http, file, f"sightbench {sha256[:16]}", mime)
                break
            except EndpointError:
                if attempt == _TRIES:
                    raise
                await asyncio.sleep(attempt)
        made = _upload_of(msgspec.structs.replace(entry, sha256_hash=sha256), self._endpoint)
        if made is None:
            raise EndpointError(f"{self._endpoint}: Gemini's file store gave {file.name} no URI")
        append_line(self._path, msgspec.json.encode(made))
        self._known[sha256] = made
        if not await self._is_ready(made, file):
            raise MediaError(f"{file}: Gemini's file store does not have it any more")
        return made


async def upload_file(http: Http, file: Path, shown: str, mime: str) -> Entry:
    """Puts a file into the store under a display name; returns the store's record of it.

    Two steps, the second at a URL of its own: https://ai.google.dev/api/files#method:-media.upload
    """
    start = {
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Length": str((await asyncio.to_thread(file.stat)).st_size),
        "X-Goog-Upload-Header-Content-Type": mime,
    }
    named = {"file": {"display_name": shown}}
    headers = await http.headers("POST", http.beside("/upload", "/files"), named, start)
    finish = {"X-Goog-Upload-Offset": "0", "X-Goog-Upload-Command": "upload, finalize"}
    where = headers.get("x-goog-upload-url")
    if where is None:
        raise EndpointError("Gemini's file store does not say where to send a file")
    return (await http.send_file(_Made, "POST", where, file, finish)).file


def uploads(settings: Settings, folder: Path, *, needed: float = _MARGIN_SECONDS) -> Uploads | None:
    """The uploads of a run in `folder`, None where it sends its media in the requests."""
    if settings.mode != "upload":
        return None
    target = settings.endpoints[0]
    http = Http(opened(settings, target, provider=provider(settings.provider)), "upload")
    return Uploads(http, folder, target.label, needed)


def _upload_of(entry: Entry, endpoint: str) -> Upload | None:
    digest = _hex(entry.sha256_hash)
    if entry.uri is None or digest is None:
        return None
    try:
        ends = datetime.fromisoformat(entry.expiration_time or "").timestamp()
    except (ValueError, OverflowError):
        ends = time.time() + KEPT_SECONDS
    return Upload(digest, entry.name, entry.uri, ends, endpoint)


def _hex(told: str | None) -> str | None:
    """A sha256 as 64 digits: the store has it as base64, of the bytes or of the digits."""
    if told is None:
        return None
    if len(told) == 64:
        return told.lower()
    try:
        raw = base64.b64decode(told, validate=True)
    except (ValueError, binascii.Error):
        return None
    if len(raw) == 32:
        return raw.hex()
    return raw.decode("ascii", "replace").lower() if len(raw) == 64 else None


def _read(path: Path, endpoint: str) -> dict[str, Upload]:
    """What earlier invocations uploaded; a line that is none is an upload that is made again."""
    found: dict[str, Upload] = {}
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise RunFolderError(f"{path}: {error.strerror}") from error
    for line in lines:
        try:
            upload = msgspec.json.decode(line, type=Upload)
        except msgspec.MsgspecError:
            continue
        if upload.endpoint == endpoint:
            found[upload.sha256] = upload
    return found
