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
        upstream = None
        try:
            behind, upstream = await asyncio.open_connection(self._host, self._port)
            while data := await reader.read(65536):
                way = self._draw.choice(WAYS) if self._draw.random() < self._share else None
                if way is not None:
                    self.broken[way] += 1
                    await self._break(way, data, behind, writer, upstream)
                    return
                upstream.write(data)
                writer.write(await behind.read(65536))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, upstream):
                if end is not None:
                    end.close()

    async def _break(
        self,
        way: str,
        data: bytes,
        behind: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream: asyncio.StreamWriter,
    ) -> None:
        if way == "reset at once":
            _reset(writer)
        elif way == "cut the request":
            upstream.write(data[: len(data) // 2])
            await upstream.drain()
        else:
            upstream.write(data)
            reply = await behind.read(65536)
            writer.write(reply[: self._draw.randrange(1, max(2, len(reply)))])
            await writer.drain()
            if way == "stall, then cut":
                await asyncio.sleep(0.2)
            if way == "reset in the reply":
                _reset(writer)

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
