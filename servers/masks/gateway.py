"""The HTTP server: OpenAI chat completions whose message carries masks. See contract.py for the wire."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sightbench.servers.masks import contract
from sightbench.servers.masks.backends.base import Backend, Generation
from sightbench.servers.masks.contract import Ask, RequestError

log = logging.getLogger("sightbench.masks")
T = TypeVar("T")


class DrawMasks(Protocol):
    """(digests, images, states, normed, (h, w), cancelled) -> RLE counts [object][frame]; in a thread."""

    def __call__(
        self,
        keys: Sequence[bytes],
        images: Sequence[Image.Image],
        states: NDArray[np.float32],
        normed: bool,
        size: tuple[int, int],
        cancelled: threading.Event,
    ) -> list[list[str]]: ...


@dataclass(frozen=True, slots=True)
class Settings:
    """`names`: model ids that requests may use. `max_queue`: mask requests in hand before 503."""

    names: tuple[str, ...]
    default_max_tokens: int = 2048
    limits: contract.Limits = field(default_factory=contract.Limits)
    max_queue: int = 64
    max_body: int = 512 << 20


@dataclass(slots=True)
class Counters:
    """What /metrics shows beside the engine's own."""

    waiting: int = 0
    drawing: int = 0
    answered: int = 0
    failed: int = 0
    refused: int = 0
    cancelled: int = 0
    objects: int = 0
    frames: int = 0
    llm_s: float = 0.0
    mask_s: float = 0.0


class Gateway:
    """One model: a backend for the words, `draw` for the masks, one thread for the latter."""

    def __init__(self, settings: Settings, backend: Backend, draw: DrawMasks) -> None:
        self.settings = settings
        self.backend = backend
        self.draw = draw
        self.counters = Counters()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="masks")

    def app(self) -> Starlette:
        @contextlib.asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            yield
            await self.backend.close()
            self._thread.shutdown(cancel_futures=True)

        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/models", self.models),
                Route("/health", self.health),
                Route("/metrics", self.metrics),
            ],
            middleware=[Middleware(GZipMiddleware, minimum_size=1000, compresslevel=1)],
            lifespan=lifespan,
            exception_handlers={RequestError: _error_response, Exception: _unexpected},
        )

    async def health(self, _: Request) -> Response:
        ok = await self.backend.healthy()
        return JSONResponse({} if ok else {"error": "the engine is not healthy"}, 200 if ok else 503)

    async def models(self, _: Request) -> Response:
        entry = (await self.backend.models())[0]
        # Not the engine behind: a client that takes this for plain vLLM would speak its dialect.
        ours = {"parent": None, "owned_by": "sightbench", "capabilities": ["text", "masks"]}
        held = [dict(entry, id=name, **ours) for name in self.settings.names]
        return JSONResponse({"object": "list", "data": held})

    async def metrics(self, _: Request) -> Response:
        held = {
            "masks_requests_waiting": self.counters.waiting,
            "masks_requests_drawing": self.counters.drawing,
            "masks_requests_answered_total": self.counters.answered,
            "masks_requests_failed_total": self.counters.failed,
            "masks_requests_refused_total": self.counters.refused,
            "masks_requests_cancelled_total": self.counters.cancelled,
            "masks_objects_total": self.counters.objects,
            "masks_frames_total": self.counters.frames,
            "masks_llm_seconds_total": round(self.counters.llm_s, 6),
            "masks_drawing_seconds_total": round(self.counters.mask_s, 6),
        }
        own = "".join(f"{name} {value}\n" for name, value in held.items())
        return PlainTextResponse(own + await self.backend.metrics())

    async def chat(self, request: Request) -> Response:
        body = await _read_body(request, self.settings.max_body)
        name = body.get("model", self.settings.names[0])
        if name not in self.settings.names:
            raise RequestError(
                f"the model {str(name)[:100]!r} does not exist; this server has {self.settings.names[0]!r}",
                404,
                param="model",
                kind="not_found_error",
            )
        if not contract.has_media(body):
            if body.get("stream"):
                return await self._forward(body, str(name))
            try:
                return await _unless_gone(request, self._forward(body, str(name)))
            except ClientDisconnect:
                return Response(status_code=499)
        if self.counters.waiting >= self.settings.max_queue:
            self.counters.refused += 1
            raise RequestError("the mask queue is full", 503, kind="overloaded_error", retry_after=2)
        self.counters.waiting += 1
        try:
            ask = await asyncio.to_thread(
                contract.parse, body, self.settings.limits, self.settings.default_max_tokens
            )
            answer = await _unless_gone(request, self._answer(ask, str(name)))
        except RequestError:
            self.counters.failed += 1
            raise
        except ClientDisconnect:
            self.counters.cancelled += 1
            return Response(status_code=499)
        finally:
            self.counters.waiting -= 1
        self.counters.answered += 1
        return _streamed(answer, ask.usage_in_stream) if ask.stream else JSONResponse(answer)

    async def _forward(self, body: dict[str, Any], name: str) -> Response:
        status, kind, pieces = await self.backend.forward(body)
        if "event-stream" in kind:
            return StreamingResponse(pieces, status, media_type=kind)
        whole = b"".join([piece async for piece in pieces])
        with contextlib.suppress(ValueError):
            held = json.loads(whole)
            if isinstance(held, dict) and "model" in held:
                whole = json.dumps(dict(held, model=name)).encode()
        return Response(whole, status, media_type=kind)

    async def _answer(self, ask: Ask, name: str) -> dict[str, Any]:
        natural = await asyncio.to_thread(contract.check_frames, ask.frames, self.settings.limits)
        images = contract.Frames(ask.frames)
        began = time.perf_counter()
        made = await self.backend.generate(ask, images)
        llm_s = time.perf_counter() - began
        size = ask.options.output_size or natural
        wanted = len(made.states) if ask.options.return_masks else 0
        wanted = min(wanted, ask.options.max_objects)
        rles: list[list[str]] = []
        began = time.perf_counter()
        if wanted:
            rles = await self._draw(ask, images, made, wanted, size)
        mask_s = time.perf_counter() - began
        masks = [
            contract.mask_entry(i, token, size, counts)
            for i, (token, counts) in enumerate(zip(made.tokens, rles, strict=False))
        ]
        self.counters.objects += len(masks)
        self.counters.frames += len(images)
        self.counters.llm_s += llm_s
        self.counters.mask_s += mask_s
        answer = dict(made.body, model=name)
        choice = dict(answer["choices"][0])
        choice["message"] = dict(choice["message"], masks=masks)
        answer["choices"] = [choice]
        answer["mask_info"] = {
            "num_objects": len(masks),
            "num_seg_tokens": len(made.tokens) + made.uncomputed,
            "truncated": ask.options.return_masks and len(masks) < len(made.tokens) + made.uncomputed,
            "llm_frames": list(made.llm_frames),
            "decoded_frames": len(images),
            "threshold": 0.5,
            "llm_ms": round(1e3 * llm_s),
            "mask_ms": round(1e3 * mask_s),
        }
        return answer

    async def _draw(
        self,
        ask: Ask,
        images: Sequence[Image.Image],
        made: Generation,
        wanted: int,
        size: tuple[int, int],
    ) -> list[list[str]]:
        keys = [hashlib.sha256(held).digest() for held in ask.frames]
        cancelled = threading.Event()

        def work() -> list[list[str]]:
            if cancelled.is_set():
                return []
            self.counters.drawing += 1
            try:
                return self.draw(keys, images, made.states[:wanted], made.normed, size, cancelled)
            finally:
                self.counters.drawing -= 1

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("mask decoding failed")
            raise RequestError(
                f"mask decoding failed: {type(error).__name__}", 500, kind="server_error"
            ) from error
        finally:
            # Reached early only when the client has gone: the thread stops at its next frame.
            cancelled.set()


async def _unless_gone(request: Request, work: Awaitable[T]) -> T:
    """`work`'s result, or ClientDisconnect after cancelling it if the client leaves first."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        for pending in (task, gone):
            if not pending.done():
                pending.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await pending


async def _disconnected(request: Request) -> None:
    receive: Callable[[], Awaitable[Any]] = request.receive
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_body(request: Request, limit: int) -> dict[str, Any]:
    too_big = RequestError(f"the request body is over {limit} bytes", 413, kind="request_too_large")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_big
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise too_big
        pieces.append(piece)
    try:
        held = json.loads(b"".join(pieces))
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the request body is not JSON: {str(error)[:200]}") from error
    if not isinstance(held, dict):
        raise RequestError("the request body must be a JSON object")
    return held


def _streamed(answer: dict[str, Any], usage: bool) -> Response:
    async def events() -> AsyncIterator[str]:
        for chunk in contract.chunks(answer, usage):
            yield f"data: {json.dumps(chunk)}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


async def _error_response(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return JSONResponse(error.body(), error.status, headers)


async def _unexpected(_: Request, error: Exception) -> Response:
    log.error("unexpected failure", exc_info=error)
    return JSONResponse(
        RequestError(f"internal error: {type(error).__name__}", 500, kind="server_error").body(), 500
    )
