"""One OpenAI-compatible endpoint over HTTP: send a body, take the answer out of what comes back, ask what
it serves.

Requests are bytes made once and posted with aiohttp, beneath the openai SDK: the SDK's own transport is
aiohttp too, and its layers above cost two to four times the request (perf/client.py shows both).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from sightbench.client.dialects.table import DIALECTS
from sightbench.client.providers import Provider, provider_of
from sightbench.client.transport.address import Address, address
from sightbench.client.transport.completion import Completion, asked_to_wait, parse, redacted
from sightbench.client.transport.connection import (
    LINGER_SECONDS,
    RequestIds,
    WatchedConnection,
    WatchedResponse,
    watch,
)
from sightbench.client.transport.credential import Credential
from sightbench.client.transport.quota import Quotas, quotas
from sightbench.client.transport.retry import retry_after
from sightbench.errors import UsageError
from sightbench.redaction import Redaction, url_secrets
from sightbench.sample import Failure
from sightbench.terminal import plain
from sightbench.version import version

REPLY_BYTES = 16 * 2**20
"""What is read of a reply unless a request says otherwise."""

AGENT = f"sightbench/{version()}"
CONNECT_SECONDS = 60.0
_WRITE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """What came back over HTTP: `headers` are read in any case, `connection` is what it came over."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    connection: WatchedConnection | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: an answer or a failure, how long it took, how long the server asks us to wait.

    `connection` is set where nothing but the order of answers on it ties this one to its question; `quotas`
    are the budgets that the answer's headers tell of.
    """

    result: Completion | Failure
    seconds: float
    retry_after: float | None = None
    connection: WatchedConnection | None = None
    quotas: Quotas | None = None


class Endpoint:
    """A connection pool to one address. Everything that is sent goes through `request`.

    `provider` None is the one the URL belongs to; `model` is needed where the dialect has it in the path.
    `label` is what people and files call it, None: its address; `credential` prints headers of its own.

    `on_stray` is called with the names of answers that turn out to have come over a connection on which more
    was sent than asked for; none of them can be trusted.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 600.0,
        insecure: bool = False,
        on_stray: Callable[[Sequence[str]], None] = lambda names: None,
        provider: Provider | None = None,
        model: str = "",
        label: str | None = None,
        credential: Credential | None = None,
    ) -> None:
        self.address = address(url)
        self.provider = provider or provider_of(self.address.base)
        self.dialect = DIALECTS[self.provider.dialect]
        self.label = label or self.address.label
        proxy = proxy_of(self.address)
        self._secrets = (api_key, *(headers or {}).values(), *url_secrets(url), *url_secrets(proxy or ""))
        self._redaction = Redaction(self._secrets)
        self._credential = credential
        self._redacted: tuple[str, ...] = ()
        self.timeout = timeout
        self._ids = RequestIds()
        self._unproven = False
        given = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": AGENT}
        given.update(self.dialect.headers)
        if api_key:
            given.update(self.dialect.key(api_key))
        elif self.address.authorization:
            given["Authorization"] = self.address.authorization
        connector = _connector(self.address, insecure)
        watch(connector, on_stray)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={**given, **(headers or {})},
            # The total of 300 s that is the default would end long generations; ours ends the attempt.
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=proxy,
            response_class=WatchedResponse,
        )
        self.asked = self.url(self.dialect.path.format(model=model.removeprefix("models/")))

    @property
    def redaction(self) -> Redaction:
        """What takes this endpoint's secrets out of text, those of its credential among them."""
        if self._credential is not None and self._credential.secrets != self._redacted:
            self._redacted = self._credential.secrets
            self._redaction = Redaction((*self._secrets, *self._redacted))
        return self._redaction

    def url(self, path: str) -> URL:
        """`path` under the API's base (`/models`)."""
        base = URL(self.address.base)
        return base.with_path(base.raw_path + path, encoded=True, keep_query=True)

    def root(self, path: str) -> URL:
        """`path` beside the API's base (`/metrics`, `/version`)."""
        return URL(self.address.base).with_path(path, encoded=True)

    async def close(self) -> None:
        try:
            if self._unproven:
                await asyncio.sleep(LINGER_SECONDS)
        finally:
            await self._session.close()

    async def ask(
        self,
        fragments: Sequence[bytes],
        size: int,
        headers: Mapping[str, str],
        *,
        limit: int = REPLY_BYTES,
    ) -> Attempt:
        """Posts one request of the dialect; a reply of more than `limit` bytes is a failure. Never raises for
        what a network or a server can do."""
        started = time.monotonic()
        name = self._ids.new()
        try:
            response = await self.request(
                "POST", self.asked, fragments, size, {**headers, "X-Request-Id": name}, limit
            )
        except (OSError, aiohttp.ClientError, TimeoutError, ValueError) as error:
            return Attempt(
                redacted(from_exception(error, self.timeout), self.redaction), time.monotonic() - started
            )
        result = parse(
            response.status, response.headers, response.body, self.provider.name, self.dialect.completion
        )
        wait = retry_after(response.headers, time.time())
        told = quotas(response.headers, time.time())
        if wait is None and isinstance(result, Failure):
            wait = asked_to_wait(response.body)
        status, echo, connection = response.status, response.headers.get("x-request-id"), response.connection
        # A mask reply may be a hundred megabytes, and what was read of it is a copy.
        del response
        if isinstance(result, Completion):
            proof = self._ids.proves(name, echo, result.id)
            if proof is False or (connection is not None and connection.stray):
                result = Failure("mixed_up", "the server sent an answer to another question", status)
                if connection is not None:
                    connection.reject()
            elif proof:
                connection = None
            else:
                self._unproven = True
        result = redacted(result, self.redaction)
        return Attempt(result, time.monotonic() - started, wait, connection, told)

    async def request(
        self,
        method: str,
        url: URL,
        fragments: Sequence[bytes] = (),
        size: int = 0,
        headers: Mapping[str, str] | None = None,
        limit: int = REPLY_BYTES,
    ) -> Response:
        """What the server answers. Raises what aiohttp raises, ReplyTooLarge past `limit` bytes (counted
        after decompression), and EndpointError when the credential's command fails."""
        if self._credential is None:
            return await self._exchange(method, url, fragments, size, headers or {}, limit)
        token = await self._credential.token()
        sent = {**(headers or {}), **token.headers}
        response = await self._exchange(method, url, fragments, size, sent, limit)
        if response.status == 401 and (other := await self._credential.renewed(token)):
            sent = {**(headers or {}), **other.headers}
            response = await self._exchange(method, url, fragments, size, sent, limit)
        return response

    async def _exchange(
        self,
        method: str,
        url: URL,
        fragments: Sequence[bytes],
        size: int,
        headers: Mapping[str, str],
        limit: int,
    ) -> Response:
        data = _Spliced(fragments, size) if fragments else None
        async with self._session.request(
            method, url, data=data, headers=headers, allow_redirects=False
        ) as response:
            chunks: list[bytes] = []
            length = 0
            async for chunk in response.content.iter_any():
                length += len(chunk)
                if length > limit:
                    response.close()
                    raise ReplyTooLarge(f"more than {limit / 2**20:.3g} MiB")
                chunks.append(chunk)
            body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            watched = response.watched if isinstance(response, WatchedResponse) else None
            return Response(response.status, response.headers, body, watched)


class ReplyTooLarge(ValueError):
    """A reply grew past what any answer has."""


class _Spliced(aiohttp.Payload):
    """A body of fragments that several requests may share: written piece by piece, never joined, so that
    a connection buffers one piece and not the whole body."""

    _autoclose = True

    def __init__(self, fragments: Sequence[bytes], size: int) -> None:
        super().__init__(fragments, content_type="application/json")
        self._size = size

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        small: list[bytes] = []
        for fragment in self._value:
            if len(fragment) < 4096:
                small.append(fragment)
                continue
            if small:
                await writer.write(b"".join(small))
                small = []
            if len(fragment) <= _WRITE_BYTES:
                await writer.write(fragment)
                continue
            view = memoryview(fragment)
            for start in range(0, len(view), _WRITE_BYTES):
                await writer.write(view[start : start + _WRITE_BYTES])
        if small:
            await writer.write(b"".join(small))


def from_exception(error: BaseException, timeout: float) -> Failure:
    """The failure an exception of the transport stands for."""
    words = plain(f"{type(error).__name__}: {error}", 300)
    match error:
        case ReplyTooLarge():
            return Failure("reply_too_large", str(error))
        case aiohttp.ConnectionTimeoutError():
            return Failure("unreachable", f"no connection within {CONNECT_SECONDS:g} s")
        case TimeoutError():
            return Failure("timeout", f"no answer within {timeout:g} s")
        case aiohttp.ClientConnectorDNSError() | socket.gaierror():
            return Failure("dns", words)
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return Failure("tls", words)
        case aiohttp.ClientConnectorError() | aiohttp.ClientProxyConnectionError():
            return Failure("unreachable", words)
        case aiohttp.ClientPayloadError():
            return Failure("cut_off", words)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | ConnectionError():
            return Failure("reset", words)
        case aiohttp.ClientResponseError():
            return Failure("bad_reply", plain(f"not an HTTP reply: {error.message}", 300))
        case _:
            return Failure("bad_reply", words)


def _connector(where: Address, insecure: bool) -> aiohttp.BaseConnector:
    # Servers drop idle connections after 5 s (uvicorn's default); letting go first avoids the race.
    if where.socket is not None:
        return aiohttp.UnixConnector(where.socket, limit=0, keepalive_timeout=4.0)
    return aiohttp.TCPConnector(limit=0, keepalive_timeout=4.0, ttl_dns_cache=300, ssl=not insecure)


def proxy_of(where: Address) -> str | None:
    """The environment's proxy for this address, looked up once and not for every request. UsageError for one
    that is no URL, which is not shown: it may hold a password."""
    parts = urlsplit(where.base)
    host = parts.hostname or ""
    if where.socket is not None or host in ("localhost", "127.0.0.1", "::1") or proxy_bypass(host):
        return None
    proxy = getproxies().get(parts.scheme)
    try:
        split = urlsplit(proxy or "http://none:1")
        usable = split.scheme in ("http", "https") and split.hostname and split.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"{parts.scheme}_proxy is no http:// or https:// URL")
    return proxy
