"""A chat-completion server for measuring clients: one core, a fixed latency, one fixed answer.

python perf/mock_server.py [--latency 0.01] [--core 0]      prints its URL
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os

ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "mock",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "A"}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101},
    }
).encode()
MODELS = json.dumps({"object": "list", "data": [{"id": "mock", "object": "model"}]}).encode()


def response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Mock(asyncio.Protocol):
    """Reads requests by their Content-Length, keeps none of it, answers after the latency."""

    latency = 0.01

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.head = b""
        self.missing = 0

    def data_received(self, data: bytes) -> None:
        if self.missing:
            self.missing -= len(data)
            if self.missing == 0:
                self.answer(ANSWER)
            return
        self.head += data
        end = self.head.find(b"\r\n\r\n")
        if end < 0:
            return
        head, rest = self.head[:end], len(self.head) - end - 4
        self.head = b""
        if head.startswith(b"GET"):
            self.answer(MODELS)
            return
        start = head.lower().index(b"content-length:") + 15
        self.missing = int(head[start:].split(b"\r\n", 1)[0]) - rest
        if self.missing == 0:
            self.answer(ANSWER)

    def answer(self, body: bytes) -> None:
        asyncio.get_running_loop().call_later(self.latency, self.transport.write, response(body))


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.01)
    parser.add_argument("--core", type=int, default=0)
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    Mock.latency = options.latency
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
