"""JSON and files over one Endpoint, for batch APIs that do not speak OpenAI's wire."""

from __future__ import annotations

import asyncio
import mmap
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from yarl import URL

from sightbench.client.transport.endpoint import Endpoint, from_exception
from sightbench.client.transport.error_codes import read_error
from sightbench.client.transport.failures import explain, from_body, from_status, kind
from sightbench.client.transport.retry import decide, retry_after
from sightbench.errors import EndpointError
from sightbench.sample import Failure
from sightbench.terminal import plain

_TRIES = 5
_MOST = 2**31


class Http:
    """Paths are under the endpoint's base; a whole URL is taken as it is. All raise EndpointError in one
    line, which says that it is about `what`. Only GET is repeated: what a POST did is asked before it is sent
    again."""

    def __init__(self, endpoint: Endpoint, what: str = "batch") -> None:
        self._endpoint = endpoint
        self._what = what

    def beside(self, prefix: str, path: str) -> str:
        """`path` under the base with `prefix` before it (`/upload/v1beta/files`)."""
        base = URL(self._endpoint.address.base)
        return f"{base.scheme}://{base.authority}{prefix}{base.raw_path}{path}"

    async def json(
        self, method: str, path: str, content: Any = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        data = () if content is None else (orjson.dumps(content),)
        raw, _ = await self._send(method, path, data, headers)
        return self._loaded(raw)

    async def content(self, method: str, path: str) -> bytes:
        return (await self._send(method, path, (), None))[0]

    async def headers(
        self, method: str, path: str, content: Any, headers: Mapping[str, str]
    ) -> Mapping[str, str]:
        """The answer's headers, where what matters stands in one."""
        return (await self._send(method, path, (orjson.dumps(content),), headers))[1]

    async def send_file(
        self, method: str, path: str, file: Path, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Sends the file's bytes as the body, without holding them."""
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            raw, _ = await self._send(method, path, (mapped,), headers)  # type: ignore[arg-type]
        return self._loaded(raw)

    async def upload(self, path: str, file: Path, fields: Mapping[str, str]) -> dict[str, Any]:
        """Sends the file as a form, with `fields` beside it."""
        edge = b"sightbench-5f0c3c1e9b7a"
        head = b"".join(
            b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
            % (edge, name.encode(), value.encode())
            for name, value in fields.items()
        )
        head += (
            b'--%b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n'
            b"Content-Type: application/jsonl\r\n\r\n" % (edge, file.name.encode())
        )
        kind_of = {"Content-Type": f"multipart/form-data; boundary={edge.decode()}"}
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            pieces = (head, mapped, b"\r\n--%b--\r\n" % edge)
            raw, _ = await self._send("POST", path, pieces, kind_of)  # type: ignore[arg-type]
        return self._loaded(raw)

    async def close(self) -> None:
        await self._endpoint.close()

    async def _send(
        self, method: str, path: str, data: tuple[bytes, ...], headers: Mapping[str, str] | None
    ) -> tuple[bytes, Mapping[str, str]]:
        url = self._url(path)
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
                if 200 <= response.status < 300:
                    return response.body, response.headers
                failure, wait = self._refused(response.status, response.body)
                wait = retry_after(response.headers, time.time()) if wait is None else wait
            decision = decide(failure, attempt, _TRIES, retry_after=wait)
            # A request that was refused as too many did nothing, and neither did one that never arrived.
            harmless = method == "GET" or kind(failure).unreached or failure.http_status == 429
            if decision.action != "again" or not harmless:
                raise EndpointError(f"{self._what}: {explain(self._endpoint.label, failure)}")
            await asyncio.sleep(decision.delay)

    def _refused(self, status: int, raw: bytes) -> tuple[Failure, float | None]:
        try:
            refused = read_error(orjson.loads(raw))
        except orjson.JSONDecodeError:
            refused = None
        hidden = self._endpoint.redaction.text
        if refused is None:
            return from_status(status, plain(hidden(raw[:200].decode(errors="replace")))), None
        refused = replace(refused, message=hidden(refused.message))
        return from_body(status, refused, self._endpoint.provider.name), refused.retry_after

    def _loaded(self, raw: bytes) -> dict[str, Any]:
        try:
            content = orjson.loads(raw)
        except orjson.JSONDecodeError:
            content = None
        if not isinstance(content, dict):
            words = plain(raw[:80].decode(errors="replace"))
            raise EndpointError(f"{self._endpoint.label}: {self._what}: not JSON: {words}")
        return content

    def _url(self, path: str) -> URL:
        if urlsplit(path).scheme:
            return URL(path, encoded=True)
        where, _, query = path.partition("?")
        found = self._endpoint.url(where)
        return found.update_query(query) if query else found
