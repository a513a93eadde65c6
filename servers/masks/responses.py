"""Responses that take long: while their client waits, or leaves."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightbench.servers.wire.answer import event, events
from sightbench.servers.wire.refusal import Refusal


class LateAnswer(Response):
    """A stream that begins before its answer is there: comments until then, and an error as an event.

    `cleanup` is closed at its end, whatever that is; a comment goes out every `heartbeat_s`.
    """

    def __init__(
        self,
        task: asyncio.Task[dict[str, Any]],
        heartbeat_s: float,
        usage: bool,
        cleanup: contextlib.AsyncExitStack,
    ) -> None:
        super().__init__(media_type="text/event-stream")
        # Nobody knows the length yet.
        del self.headers["content-length"]
        self._task = task
        self._heartbeat_s = heartbeat_s
        self._usage = usage
        self._cleanup = cleanup

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(Refusal, ClientDisconnect):
            async with self._cleanup:
                gone = asyncio.create_task(_disconnected(receive))
                self._cleanup.push_async_callback(end, gone)
                await send(
                    {"type": "http.response.start", "status": 200, "headers": self.raw_headers},
                )
                while not self._task.done():
                    await send(_piece(b": still at work\n\n"))
                    await asyncio.wait(
                        {self._task, gone},
                        timeout=self._heartbeat_s,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    if gone.done():
                        raise ClientDisconnect
                try:
                    answer = self._task.result()
                except Refusal as refusal:
                    await send(_piece(event(refusal.body()) + b"data: [DONE]\n\n", more=False))
                    raise
                for chunk in events(answer, self._usage):
                    await send(_piece(chunk))
                await send(_piece(b"", more=False))


def _piece(body: bytes, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


class CountResponses:
    """Counts the responses of every route by their status."""

    def __init__(self, app: ASGIApp, counter: Counter[int]) -> None:
        self._app = app
        self._counter = counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._counter[message["status"]] += 1
            await send(message)

        await self._app(scope, receive, counted)


async def done(request: Request, task: asyncio.Task[Any], seconds: float | None) -> bool:
    """Whether `task` ended in that time; ClientDisconnect if the client left first."""
    gone = asyncio.create_task(_disconnected(request.receive))
    try:
        await asyncio.wait((task, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() and not task.done():
            raise ClientDisconnect
        return task.done()
    finally:
        await end(gone)


async def end(task: asyncio.Task[Any]) -> None:
    """Cancels what still runs; a failure nobody waits for any more is not worth a warning."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
