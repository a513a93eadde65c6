"""A TCP proxy that breaks what passes through it: resets, cuts in the middle, stalls, refuses.

It knows nothing of HTTP, so it stands in front of any server, and breaks requests as well as replies.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

WAYS = ("reset at once", "cut the request", "cut the reply", "reset in the reply", "stall, then cut")


class Proxy:
    """Forwards to `url`; every exchange (a request with its reply) is broken with probability `share`."""

    def __init__(self, url: str, share: float, seed: int = 0) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._share = share
        self._draw = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self.broken = {way: 0 for way in WAYS}
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self._path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        back = upstream = None
        try:
            behind, upstream = await asyncio.open_connection(self._host, self._port)
            chosen: list[str] = []
            back = asyncio.create_task(self._replies(behind, writer, chosen))
            while data := await reader.read(65536):
                if self._draw.random() < self._share:
                    chosen.append(self._draw.choice(WAYS))
                    self.broken[chosen[0]] += 1
                if chosen[:1] == ["reset at once"]:
                    _reset(writer)
                    return
                if chosen[:1] == ["cut the request"]:
                    upstream.write(data[: len(data) // 2])
                    await upstream.drain()
                    return
                upstream.write(data)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            if back is not None:
                back.cancel()
            for end in (writer, upstream):
                if end is not None:
                    end.close()

    async def _replies(
        self, behind: asyncio.StreamReader, writer: asyncio.StreamWriter, chosen: list[str]
    ) -> None:
        """Brings replies back, up to one that was chosen to be broken or to the server's end."""
        with contextlib.suppress(OSError):
            while data := await behind.read(65536):
                if not chosen:
                    writer.write(data)
                    continue
                writer.write(data[: self._draw.randrange(1, max(2, len(data)))])
                await writer.drain()
                if chosen[0] == "stall, then cut":
                    await asyncio.sleep(0.2)
                if chosen[0] == "reset in the reply":
                    _reset(writer)
                break
        writer.close()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def broken(url: str, share: float, seed: int = 0) -> AsyncIterator[Proxy]:
    proxy = Proxy(url, share, seed)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, backlog=4096)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
