"""A chat-completion server that does what a script says: answer, fail, stall, cut, flood, reset.

Raw asyncio, so that it can break HTTP in ways a framework would not. The answer to a request depends only
on its bytes, as a model's at temperature 0 does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Response:
    """`declared` overrides Content-Length, `drip` is seconds between bytes, `end` what happens after the
    body: keep the connection, close it, or reset it. `again` is how many seconds later the whole response is
    sent once more on the same connection (0: in the same packet; None: never)."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay: float = 0.0
    drip: float = 0.0
    declared: int | None = None
    end: str = "keep"
    again: float | None = None


Script = Callable[[Request, int], Response]
"""(a chat request, its 0-based number) -> what to do."""


def answer_text(body: bytes) -> str:
    """The one answer to these bytes."""
    return "ABCD"[hashlib.sha256(body).digest()[0] % 4]


def completion(text: str | None = "A", *, model: str = "tiny", tokens: int = 12, **message: Any) -> bytes:
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text, **message},
                }
            ],
            "usage": {"prompt_tokens": tokens - 2, "completion_tokens": 2, "total_tokens": tokens},
        }
    ).encode()


def healthy(request: Request, number: int) -> Response:
    return Response(body=completion(answer_text(request.body)))


def always(response: Response) -> Script:
    """A server that gives the same response to everything."""
    return lambda request, number: response


def error(status: int, message: str = "broken", **headers: str) -> Response:
    body = json.dumps({"error": {"message": message, "type": "x", "code": status}}).encode()
    return Response(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def flaky(share: float, seed: int) -> Script:
    """Fails that share of requests, each in one of eight ways, else answers."""
    draw = random.Random(seed)
    ways = (
        error(500),
        error(503),
        error(429, Retry_After="0"),
        Response(end="reset"),
        Response(body=completion()[:40], declared=4000, end="close"),
        Response(body=b"<html>502 Bad Gateway</html>", content_type="text/html"),
        Response(502, b"<html>502 Bad Gateway</html>", content_type="text/html"),
        Response(body=json.dumps({"choices": []}).encode()),
    )

    def script(request: Request, number: int) -> Response:
        return draw.choice(ways) if draw.random() < share else healthy(request, number)

    return script


class Scripted:
    """The server; `route` answers what it wants to before anything else does; `requests` are the chat
    requests it got, `most` the most it had at once. While there is a `gate` that is not set, nothing is
    answered."""

    def __init__(
        self,
        script: Script = healthy,
        *,
        models: tuple[str, ...] = ("tiny",),
        tls: ssl.SSLContext | None = None,
        **entry: Any,
    ) -> None:
        self.script = script
        self.tls = tls
        self.entries = [{"id": name, "object": "model", **entry} for name in models]
        self.other: dict[str, Response] = {}
        self.route: Callable[[Request], Response | None] = lambda request: None
        self.requests: list[Request] = []
        self.keep_requests = True
        self.gate: asyncio.Event | None = None
        self.count = 0
        self.now = 0
        self.most = 0
        self.port = 0
        self._counted = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=4096, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def reached(self, count: int) -> None:
        """Returns once that many chat requests have come."""
        async with self._counted:
            await self._counted.wait_for(lambda: self.count >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {
            name.lower(): value.strip() for name, _, value in (row.partition(":") for row in head[1:] if row)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(method, path, headers, body)
        response = self.route(request) or self.other.get(path.partition("?")[0])
        if response is None and path.endswith("/models"):
            response = Response(body=json.dumps({"object": "list", "data": self.entries}).encode())
        elif response is None and path.endswith("/chat/completions"):
            if self.keep_requests:
                self.requests.append(request)
            self.count += 1
            async with self._counted:
                self._counted.notify_all()
            response = self.script(request, self.count - 1)
        elif response is None:
            response = error(404, "no such path")
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if self.gate is not None:
                await self.gate.wait()
            if response.delay:
                await asyncio.sleep(response.delay)
            return await self._send(response, writer)
        finally:
            self.now -= 1

    async def _send(self, response: Response, writer: asyncio.StreamWriter) -> bool:
        if response.end == "reset" and not response.body:
            _reset(writer)
            return False
        length = len(response.body) if response.declared is None else response.declared
        rows = [
            f"HTTP/1.1 {response.status} X",
            f"Content-Type: {response.content_type}",
            f"Content-Length: {length}",
            *(f"{name}: {value}" for name, value in response.headers.items()),
        ]
        head = ("\r\n".join(rows) + "\r\n\r\n").encode()
        if response.again == 0:
            writer.write((head + response.body) * 2)
            await writer.drain()
            return True
        if response.again is not None:
            asyncio.get_running_loop().call_later(response.again, _write, writer, head + response.body)
        writer.write(head)
        if response.drip:
            for start in range(len(response.body)):
                writer.write(response.body[start : start + 1])
                await asyncio.sleep(response.drip)
        else:
            writer.write(response.body)
        await writer.drain()
        if response.end == "reset":
            _reset(writer)
        return response.end == "keep"


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def serving(script: Script = healthy, **options: Any) -> AsyncIterator[Scripted]:
    server = Scripted(script, **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def main() -> None:
    """As a process of its own: prints its URL, and with --log the question of every request it gets."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--log", type=Path, required=True)
    options = parser.parse_args()

    async def run() -> None:
        with options.log.open("ab", buffering=0) as log:

            def script(request: Request, number: int) -> Response:
                log.write(request.json["messages"][-1]["content"].encode() + b"\n")
                return Response(body=completion(answer_text(request.body)), delay=options.delay)

            server = Scripted(script)
            server.keep_requests = False
            await server.start()
            print(server.url, flush=True)
            await asyncio.Event().wait()

    asyncio.run(run())


if __name__ == "__main__":
    main()
