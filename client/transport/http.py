"""JSON records and files over one Endpoint: what is no hot path, where the openai SDK
does not speak the wire."""

from __future__ import annotations

import asyncio
import mmap
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import aiohttp
import orjson
from yarl import URL

from sightbench.client.transport.endpoint import Endpoint, from_exception
from sightbench.client.transport.error_codes import read_error
from sightbench.client.transport.failures import explain, from_body, from_status, kind
from sightbench.client.transport.quota import clock
from sightbench.client.transport.retry import decide, retry_after
from sightbench.errors import EndpointError
from sightbench.json_record import from_json
from sightbench.redaction import Redaction
from sightbench.sample import Failure
from sightbench.terminal import plain

_TRIES = 5
_PATIENCE_SECONDS = 300.0
_MOST = 2**31

T = TypeVar("T")


class Http:
    """Paths are under the endpoint's base; a whole URL is taken as it is. All raise EndpointError in one
    line, which says that it is about `what`. Only GET is repeated: what a POST did is asked before it is sent
    again. `ahead` is by how many seconds the service's clock is ahead of ours, by its last answer's Date."""

    def __init__(self, endpoint: Endpoint, what: str = "batch") -> None:
        self.ahead = 0.0
        self._endpoint = endpoint
        self._what = what

    @property
    def redaction(self) -> Redaction:
        return self._endpoint.redaction

    def beside(self, prefix: str, path: str) -> str:
        """`path` under the base with `prefix` before it (`/upload/v1beta/files`)."""
        base = URL(self._endpoint.address.base)
        return f"{base.scheme}://{base.authority}{prefix}{base.raw_path}{path}"

    async def json(self, kind: type[T], method: str, path: str, content: object = None) -> T:
        """The answer as a `kind`, a record of what is needed of it."""
        data = () if content is None else (orjson.dumps(content),)
        raw, _ = await self._send(method, path, data, None)
        return self._read(raw, kind)

    async def content(self, path: str) -> bytes:
        """What lies there, as it is."""
        return (await self._send("GET", path, (), None))[0]

    async def headers(
        self, method: str, path: str, content: object, headers: Mapping[str, str]
    ) -> Mapping[str, str]:
        """The answer's headers, where what matters stands in one."""
        return (await self._send(method, path, (orjson.dumps(content),), headers))[1]

    async def send_file(
        self, kind: type[T], method: str, path: str, file: Path, headers: Mapping[str, str] | None = None
    ) -> T:
        """Sends the file's bytes as the body, without holding them."""
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            raw, _ = await self._send(method, path, (mapped,), headers)  # type: ignore[arg-type]
        return self._read(raw, kind)

    async def upload(self, kind: type[T], path: str, file: Path, fields: Mapping[str, str]) -> T:
        """Sends the file as a form, with `fields` beside it; `file_name` among them is what it is called."""
        edge = b"sightbench-5f0c3c1e9b7a"
        head = b"".join(
            b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
            % (edge, name.encode(), value.encode())
            for name, value in fields.items()
        )
        head += (
            b'--%b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n'
            b"Content-Type: application/jsonl\r\n\r\n" % (edge, fields.get("file_name", file.name).encode())
        )
        form = {"Content-Type": f"multipart/form-data; boundary={edge.decode()}"}
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            pieces = (head, mapped, b"\r\n--%b--\r\n" % edge)
            raw, _ = await self._send("POST", path, pieces, form)  # type: ignore[arg-type]
        return self._read(raw, kind)

    async def close(self) -> None:
        await self._endpoint.close()

    async def _send(
        self, method: str, path: str, data: tuple[bytes, ...], headers: Mapping[str, str] | None
    ) -> tuple[bytes, Mapping[str, str]]:
        try:
            url = self._url(path)
        except ValueError as error:
            # Part of it is what the service called a file or a job.
            raise EndpointError(f"{self._endpoint.label}: {self._what}: {plain(error)}") from None
        attempt = 0
        while True:
            attempt += 1
            wait: float | None = None
            try:
                response = await self._endpoint.request(
                    method, url, data, sum(map(len, data)), headers, _MOST
                )
            except (OSError, aiohttp.ClientError, TimeoutError, ValueError) as error:
                failure = from_exception(error, self._endpoint.timeout)
            else:
                now = time.time()
                self.ahead = clock(response.headers, now) - now
                if 200 <= response.status < 300:
                    return response.body, response.headers
                failure, wait = self._refused(response.status, response.body)
                wait = retry_after(response.headers, time.time()) if wait is None else wait
            decision = decide(failure, attempt, _TRIES, retry_after=wait)
            # A request that was refused as too many did nothing, and neither did one that never arrived.
            harmless = method == "GET" or kind(failure).unreached or failure.http_status == 429
            if decision.action != "again" or not harmless:
                raise EndpointError(f"{self._what}: {explain(self._endpoint.label, failure)}")
            if wait is not None and wait > _PATIENCE_SECONDS:
                raise EndpointError(
                    f"{self._what}: {self._endpoint.label} asks to wait {wait:.0f} s ({failure.message}); "
                    "type the same command again then"
                )
            await asyncio.sleep(decision.delay)

    def _refused(self, status: int, raw: bytes) -> tuple[Failure, float | None]:
        try:
            refused = read_error(orjson.loads(raw))
        except orjson.JSONDecodeError:
            refused = None
        hidden = self.redaction.excerpt
        if refused is None:
            return from_status(status, plain(hidden(raw[:200].decode(errors="replace")))), None
        refused = replace(refused, message=hidden(refused.message))
        return from_body(status, refused, self._endpoint.provider.name), refused.retry_after

    def _read(self, raw: bytes, kind: type[T]) -> T:
        try:
            return from_json(raw, kind)
        except ValueError as error:
            shown = self.redaction.text(raw[:4096].decode(errors="replace"))
            words = f"not as documented ({error}): {plain(shown, 80)}"
            raise EndpointError(f"{self._endpoint.label}: {self._what}: {words}") from None

    def _url(self, path: str) -> URL:
        if urlsplit(path).scheme:
            return URL(path, encoded=True)
        where, _, query = path.partition("?")
        found = self._endpoint.url(where)
        return found.update_query(query) if query else found
