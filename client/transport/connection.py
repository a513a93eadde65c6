"""Connections that notice when answers and questions no longer belong together.

HTTP/1.1 has no numbers: the next response on a connection is the answer to the next request. A server or a
proxy that sends one response too many shifts all that follow by one. What gives it away: bytes on a
connection that nobody asked anything on, two responses at once, or a request's own id in another's answer.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

LINGER_SECONDS = 0.25
"""How long a connection is listened to after its last answer, before it is closed."""

UNPROVEN = 128
"""Answers on one connection that nothing but their order ties to their questions, before it is replaced."""


class WatchedConnection(ResponseHandler):
    """One connection. `stray` is set once more came than was asked for; `answers` are the names of those
    that have no other proof than their order, and `on_stray` is called with them then."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_stray: Callable[[Sequence[str]], None]) -> None:
        super().__init__(loop=loop)
        self.stray = False
        self.answers: list[str] = []
        self._on_stray = on_stray
        self._requests = 0
        self._responses = 0
        self._lingering = False

    @property
    def should_close(self) -> bool:
        return self.stray or len(self.answers) >= UNPROVEN or super().should_close

    def set_response_params(self, **options: Any) -> None:
        self._requests += 1
        super().set_response_params(**options)

    def feed_data(self, data: Any, *more: Any) -> None:
        if not 100 <= data[0].code < 200:
            self._responses += 1
        super().feed_data(data, *more)

    def data_received(self, data: bytes) -> None:
        idle = self._requests == self._responses and (self._payload is None or self._payload.is_eof())
        if idle and data:
            self.reject()
            return
        super().data_received(data)
        if self._responses > self._requests:
            self.reject()

    def close(self) -> None:
        if self._lingering or not self.answers or self.stray or self.transport is None:
            super().close()
            return
        self._lingering = True
        self._loop.call_later(LINGER_SECONDS, super().close)

    def reject(self) -> None:
        """More came over it than was asked for: it is closed, and its answers are taken back."""
        if self.stray:
            return
        self.stray = True
        answers, self.answers = self.answers, []
        if self.transport is not None:
            self.transport.abort()
        self._on_stray(answers)


class WatchedResponse(aiohttp.ClientResponse):
    """A response that remembers its connection, which aiohttp forgets at the last byte."""

    watched: WatchedConnection | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        protocol = connection.protocol
        self.watched = protocol if isinstance(protocol, WatchedConnection) else None
        return await super().start(connection)


def watch(connector: aiohttp.BaseConnector, on_stray: Callable[[Sequence[str]], None]) -> None:
    """Makes the connector's connections watched ones."""
    # aiohttp has no public way to choose the protocol; tests/client/test_connection.py fails if this goes.
    connector._factory = functools.partial(  # type: ignore[assignment]
        WatchedConnection, loop=asyncio.get_running_loop(), on_stray=on_stray
    )


class RequestIds:
    """Names for requests that no other client or run uses, and what an answer says about them."""

    def __init__(self) -> None:
        self._nonce = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._ours = re.compile(rf"{self._nonce}-(\d+)")

    def new(self) -> str:
        return f"{self._nonce}-{next(self._numbers)}"

    def proves(self, request: str, *echoes: str | None) -> bool | None:
        """True: an echo names this request. False: one names another request of ours, so the answer is not
        to this one. None: nothing was echoed, and the order on the connection is all there is."""
        result = None
        for echo in echoes:
            if echo is not None and self._nonce in echo:
                names = {f"{self._nonce}-{number}" for number in self._ours.findall(echo)}
                if names and names != {request}:
                    return False
                result = True if names else result
        return result
