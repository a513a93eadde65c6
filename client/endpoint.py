"""One OpenAI-compatible endpoint over HTTP: send a body, take the answer out of what comes back, ask what
it serves.

Requests are bytes made once and posted with aiohttp, beneath the openai SDK: the SDK's own transport is
aiohttp too, and its layers above cost two to four times the request (perf/client.py shows both).
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from sightbench.client.address import Address, address
from sightbench.client.error_codes import read_error
from sightbench.client.failures import from_body, from_status
from sightbench.client.providers import provider_of
from sightbench.client.retry import retry_after
from sightbench.sample import Failure
from sightbench.terminal import plain

MAX_TEXT_REPLY = 16 * 2**20
MAX_MASK_REPLY = 128 * 2**20
CONNECT_SECONDS = 60.0
_WRITE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered, as it came; `model` is the name the server says answered."""

    text: str | None
    reasoning: str | None = None
    masks: list[Any] | None = None
    refusal: str | None = None
    finish_reason: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: an answer or a failure, how long it took, how long the server asks us to wait."""

    result: Completion | Failure
    seconds: float
    retry_after: float | None = None


class Endpoint:
    """A connection pool to one address. Everything that is sent goes through `request`."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 600.0,
        insecure: bool = False,
    ) -> None:
        self.address = address(url)
        self.label = self.address.label
        self._secrets = tuple(
            value.encode() for value in (api_key or "", *(headers or {}).values()) if len(value) >= 8
        )
        self._timeout = timeout
        given = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "sightbench"}
        if api_key:
            given["Authorization"] = f"Bearer {api_key}"
        elif self.address.authorization:
            given["Authorization"] = self.address.authorization
        self._session = aiohttp.ClientSession(
            connector=_connector(self.address, insecure),
            headers={**given, **(headers or {})},
            # The total of 300 s that is the default would end long generations; ours ends the attempt.
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=_proxy(self.address),
        )
        self._provider = provider_of(self.address.base).name
        self._chat = self.url("/chat/completions")

    def url(self, path: str) -> URL:
        """`path` under the API's base (`/models`)."""
        base = URL(self.address.base)
        return base.with_path(base.raw_path + path, encoded=True, keep_query=True)

    def root(self, path: str) -> URL:
        """`path` beside the API's base (`/metrics`, `/version`)."""
        return URL(self.address.base).with_path(path, encoded=True)

    async def close(self) -> None:
        await self._session.close()

    async def ask(
        self, fragments: Sequence[bytes], size: int, headers: Mapping[str, str], *, masks: bool = False
    ) -> Attempt:
        """Posts one chat completion. Never raises for what a network or a server can do."""
        started = time.monotonic()
        try:
            limit = MAX_MASK_REPLY if masks else MAX_TEXT_REPLY
            status, answered, raw = await self.request("POST", self._chat, fragments, size, headers, limit)
        except (OSError, aiohttp.ClientError, TimeoutError, ValueError) as error:
            return Attempt(from_exception(error, self._timeout), time.monotonic() - started)
        result = parse(status, answered.get("content-type", ""), raw, self._provider)
        wait = retry_after(answered, time.time())
        if wait is None and isinstance(result, Failure):
            wait = asked_to_wait(raw)
        return Attempt(result, time.monotonic() - started, wait)

    async def request(
        self,
        method: str,
        url: URL,
        fragments: Sequence[bytes] = (),
        size: int = 0,
        headers: Mapping[str, str] | None = None,
        limit: int = MAX_TEXT_REPLY,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """(status, headers, body without our secrets in it). Raises what aiohttp raises, and
        ReplyTooLarge past `limit` bytes (counted after decompression)."""
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
                    raise ReplyTooLarge(f"more than {limit // 2**20} MiB")
                chunks.append(chunk)
            raw = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            for secret in self._secrets:
                if secret in raw:
                    raw = raw.replace(secret, b"***")
            return response.status, response.headers, raw


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


def parse(status: int, content_type: str, raw: bytes, provider: str | None = None) -> Completion | Failure:
    """The answer in a response, or why there is none. Pure: neither repairs nor judges the text."""
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError:
        content = None
    if status != 200:
        refused = read_error(content)
        if refused is None:
            return from_status(status, _excerpt(status, content_type, raw))
        failure = from_body(status, refused, provider)
        if failure.kind == "blocked":
            # A filter's verdict is an answer, whether a provider calls it a 200 or a 400.
            return Completion(None, refusal=failure.message, finish_reason="content_filter")
        return failure
    refused = read_error(content)
    if refused is not None and not (isinstance(content, dict) and content.get("choices")):
        if refused.status is None:
            return Failure("bad_reply", plain(refused.message), status)
        return from_body(refused.status, refused, provider)
    if not isinstance(content, dict):
        return Failure("bad_reply", _excerpt(status, content_type, raw), status)
    choices = content.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return Failure("no_choices", "the reply has no choices", status)
    message = choices[0].get("message")
    if not isinstance(message, dict):
        return Failure("no_choices", "the reply's first choice has no message", status)
    return _answer(content, choices[0], message, status)


def asked_to_wait(raw: bytes) -> float | None:
    """Seconds an error body asks to wait (Gemini has no header for it), None when it does not say."""
    try:
        refused = read_error(orjson.loads(raw))
    except orjson.JSONDecodeError:
        return None
    return None if refused is None else refused.retry_after


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


def _answer(
    content: Mapping[str, Any], choice: Mapping[str, Any], message: Mapping[str, Any], status: int
) -> Completion | Failure:
    said = message.get("content")
    if not isinstance(said, str | list | None):
        what = type(said).__name__
        return Failure("bad_reply", f"the message's content is no text ({what})", status)
    text = _text(said)
    # vLLM renamed reasoning_content to reasoning; SGLang and others still send the old name.
    reasoning = message.get("reasoning") or message.get("reasoning_content") or None
    refusal = message.get("refusal") or None
    masks = message.get("masks")
    finish = choice.get("finish_reason")
    silent = text is None and not reasoning and not refusal and masks is None
    if silent and finish not in ("length", "content_filter"):
        return Failure("empty_reply", plain(f"content is null (finish_reason {finish})"), status)
    return Completion(
        text=text,
        reasoning=None if reasoning is None else str(reasoning),
        masks=masks if isinstance(masks, list) else None,
        refusal=None if refusal is None else str(refusal),
        finish_reason=None if finish is None else str(finish),
        usage=content["usage"] if isinstance(content.get("usage"), dict) else {},
        model=content["model"] if isinstance(content.get("model"), str) else None,
    )


def _text(content: str | list[Any] | None) -> str | None:
    if not isinstance(content, list):
        return content
    parts = (part.get("text", "") for part in content if isinstance(part, dict))
    return "".join(part for part in parts if isinstance(part, str))


def _excerpt(status: int, content_type: str, raw: bytes) -> str:
    start = plain(raw[:200].decode("utf-8", "replace"))
    what = content_type.partition(";")[0] or "no content type"
    return f"HTTP {status}, {what}, not JSON: {start}" if start else f"HTTP {status} with an empty body"


def _connector(where: Address, insecure: bool) -> aiohttp.BaseConnector:
    # Servers drop idle connections after 5 s (uvicorn's default); letting go first avoids the race.
    if where.socket is not None:
        return aiohttp.UnixConnector(where.socket, limit=0, keepalive_timeout=4.0)
    return aiohttp.TCPConnector(limit=0, keepalive_timeout=4.0, ttl_dns_cache=300, ssl=not insecure)


def _proxy(where: Address) -> str | None:
    """The environment's proxy for this address, looked up once and not for every request."""
    parts = urlsplit(where.base)
    host = parts.hostname or ""
    if where.socket is not None or host in ("localhost", "127.0.0.1", "::1") or proxy_bypass(host):
        return None
    return getproxies().get(parts.scheme)
