"""What both servers do with HTTP before a request is looked at: keys, bodies, errors."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sightbench.servers.wire.refusal import Refusal, busy

log = logging.getLogger("sightbench.servers")

IDLE_SECONDS = 30.0
WHOLE_SECONDS = 300.0


class Bodies:
    """Reads the bodies of requests, bounded: each, all that are in hand together, and in time.

    `idle_s` may pass without a byte and `whole_s` until the last one.
    """

    def __init__(
        self, most: int, together: int, idle_s: float = IDLE_SECONDS, whole_s: float = WHOLE_SECONDS
    ) -> None:
        self.most = most
        self.together = max(most, together)
        self.in_hand = 0
        self._idle_s = idle_s
        self._whole_s = whole_s

    def room(self) -> Room:
        """A place for one body, to be used in a `with` statement."""
        return Room(self)

    async def read(self, request: Request, room: Room) -> bytearray:
        """The whole body. Raises Refusal: 413 too large, 503 no room, 408 too slow."""
        too_large = Refusal(f"the body is larger than {self.most} bytes", 413, code="body_too_large")
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and declared.isascii() and (len(declared) > 18 or int(declared) > self.most):
            raise too_large
        # Grown in place: a list of pieces and their sum would be two copies.
        body = bytearray()
        stream = request.stream()
        try:
            async with asyncio.timeout(self._whole_s):
                while True:
                    async with asyncio.timeout(self._idle_s):
                        piece = await anext(stream, None)
                    if piece is None:
                        return body
                    room.take(len(piece))
                    if room.size > self.most:
                        raise too_large
                    body += piece
        except TimeoutError:
            raise Refusal("the body did not arrive in time", 408, kind="timeout_error") from None


class Room:
    """The share of one request in the bytes that all bodies may take; given back at its end."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self.size = 0

    def take(self, size: int) -> None:
        """Raises Refusal (503) when all bodies together would be too large."""
        if self._bodies.in_hand + size > self._bodies.together:
            raise busy("too many bytes of other requests are in hand")
        self.size += size
        self._bodies.in_hand += size

    def leave(self) -> None:
        self._bodies.in_hand -= self.size
        self.size = 0

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


class RequireKey:
    """Lets only requests with `Authorization: Bearer KEY` through to /v1; health and metrics stay open."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._digest = hashlib.sha256(key.encode()).digest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v1") and not self._known(scope):
            refusal = Refusal(
                "the API key is missing or wrong", 401, kind="authentication_error", code="invalid_api_key"
            )
            await refused(refusal)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _known(self, scope: Scope) -> bool:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        scheme, _, key = given.partition(b" ")
        # Digests, so that neither the length nor the first differing byte shows in the time it takes.
        same = hmac.compare_digest(hashlib.sha256(key.strip()).digest(), self._digest)
        return same and scheme.lower() == b"bearer"


def answered(
    value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`value` as a JSON response."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def refused(refusal: Refusal) -> Response:
    return answered(refusal.body(), refusal.status, refusal.headers())


async def on_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return refused(error)


async def on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refused(Refusal(error.detail, error.status_code))


async def on_disconnect(_: Request, __: Exception) -> Response:
    return Response(status_code=499)


async def on_failure(_: Request, error: Exception) -> Response:
    log.error("unexpected failure", exc_info=error)
    return refused(Refusal(f"internal error: {type(error).__name__}", 500, kind="server_error"))


HANDLERS = {
    Refusal: on_refusal,
    HTTPException: on_http_error,
    ClientDisconnect: on_disconnect,
    Exception: on_failure,
}
"""Starlette's exception handlers: every error has OpenAI's shape."""
