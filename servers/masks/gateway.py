"""The HTTP server: OpenAI chat completions whose message carries masks (servers/wire says how)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sightbench.servers.masks.asked import Asked, Cancelled, DrawMasks, Drawn
from sightbench.servers.masks.backends.base import Backend, Generation
from sightbench.servers.masks.frame_store import FrameStore, Pictures
from sightbench.servers.masks.request import video_request
from sightbench.servers.masks.responses import CountResponses, LateAnswer, done, end
from sightbench.servers.wire.answer import events, mask_entry, mask_info
from sightbench.servers.wire.frames import Limits, mask_size
from sightbench.servers.wire.http import HANDLERS, Bodies, RequireKey, answered
from sightbench.servers.wire.refusal import Refusal, busy, unknown_model
from sightbench.servers.wire.request import ChatRequest, read

log = logging.getLogger("sightbench.masks")
T = TypeVar("T")

FAILURES_IN_A_ROW = 3
"""So many drawings that fail one after the other are no bad luck: the server is not healthy."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`names`: model ids that requests may use. `max_queue`: mask requests in hand before 503. `max_body`
    and `max_bodies`: bytes of one body, and of all in hand. `key`: what requests must carry, if anything.
    `heartbeat_s`: after so long without a byte a stream gets a comment, so that no proxy cuts it."""

    names: tuple[str, ...]
    default_max_tokens: int = 2048
    limits: Limits = field(default_factory=Limits)
    max_queue: int = 64
    max_body: int = 512 << 20
    max_bodies: int = 1 << 30
    key: str | None = None
    heartbeat_s: float = 15.0


@dataclass(slots=True)
class Counters:
    """What /metrics shows beside the engine's own; `responses` by HTTP status."""

    waiting: int = 0
    drawing: int = 0
    answered: int = 0
    failed: int = 0
    refused: int = 0
    cancelled: int = 0
    drawing_failed: int = 0
    objects: int = 0
    frames: int = 0
    llm_s: float = 0.0
    draw_s: float = 0.0
    draw_wait_s: float = 0.0
    responses: Counter[int] = field(default_factory=Counter)


class Gateway:
    """One model: a backend for the words, `draw` for the masks, called `at_once` times at the same time.

    `frames` decodes; `shown` says which of so many frames the backend looks at.
    """

    def __init__(
        self,
        settings: Settings,
        backend: Backend,
        draw: DrawMasks,
        *,
        at_once: int = 1,
        frames: FrameStore | None = None,
        shown: Callable[[int], Collection[int]] = range,
    ) -> None:
        self.settings = settings
        self.backend = backend
        self.draw = draw
        self.frames = frames or FrameStore()
        self.shown = shown
        self.counters = Counters()
        self._bodies = Bodies(settings.max_body, settings.max_bodies)
        self._drawing = ThreadPoolExecutor(at_once, thread_name_prefix="masks")
        self._parsing = ThreadPoolExecutor(4, thread_name_prefix="parse")
        self._failures = 0
        self._broken: str | None = None

    def app(self) -> Starlette:
        @contextlib.asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            yield
            await self.backend.close()
            self._drawing.shutdown(cancel_futures=True)
            self._parsing.shutdown(cancel_futures=True)
            self.frames.close()

        middleware = [
            Middleware(CountResponses, counter=self.counters.responses),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=1),
        ]
        if self.settings.key is not None:
            middleware.insert(1, Middleware(RequireKey, key=self.settings.key))
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/models", self.models),
                Route("/health", self.health),
                Route("/metrics", self.metrics),
            ],
            middleware=middleware,
            lifespan=lifespan,
            exception_handlers=HANDLERS,
        )

    async def health(self, _: Request) -> Response:
        if self._broken is not None or self._failures >= FAILURES_IN_A_ROW:
            why = self._broken or f"the last {self._failures} drawings failed"
            return answered({"error": f"masks cannot be drawn: {why}"}, 503)
        ok = await self.backend.healthy()
        return answered({} if ok else {"error": "the engine is not healthy"}, 200 if ok else 503)

    async def models(self, _: Request) -> Response:
        entry = (await self.backend.models())[0]
        # Not the engine behind: a client that takes this for plain vLLM would speak its dialect.
        ours = {"parent": None, "owned_by": "sightbench", "capabilities": ["text", "masks"]}
        return answered({"object": "list", "data": [entry | ours | {"id": n} for n in self.settings.names]})

    async def metrics(self, _: Request) -> Response:
        counters = self.counters
        values = {
            "masks_requests_waiting": counters.waiting,
            "masks_requests_drawing": counters.drawing,
            "masks_requests_answered_total": counters.answered,
            "masks_requests_failed_total": counters.failed,
            "masks_requests_refused_total": counters.refused,
            "masks_requests_cancelled_total": counters.cancelled,
            "masks_drawings_failed_total": counters.drawing_failed,
            "masks_objects_total": counters.objects,
            "masks_frames_total": counters.frames,
            "masks_frames_decoded_total": self.frames.decoded,
            "masks_llm_seconds_total": round(counters.llm_s, 6),
            "masks_drawing_seconds_total": round(counters.draw_s, 6),
            "masks_drawing_wait_seconds_total": round(counters.draw_wait_s, 6),
            "masks_body_bytes": self._bodies.in_hand,
        }
        for status, count in sorted(counters.responses.items()):
            values[f'masks_responses_total{{status="{status}"}}'] = count
        own = "".join(f"{name} {value}\n" for name, value in values.items())
        return PlainTextResponse(own + await self.backend.metrics())

    async def chat(self, request: Request) -> Response:
        async with contextlib.AsyncExitStack() as cleanup:
            room = cleanup.enter_context(self._bodies.room())
            chat = await self._parse(read, await self._bodies.read(request, room))
            name = chat.model or self.settings.names[0]
            if name not in self.settings.names:
                raise unknown_model(name, self.settings.names[0])
            if not chat.has_media:
                return await self._text(request, chat, name)
            cleanup.enter_context(self._in_hand())
            stream, usage = chat.stream, chat.include_usage
            task = asyncio.create_task(self._answer(chat, name))
            # Its frames as text are not needed beside their bytes.
            del chat
            cleanup.push_async_callback(end, task)
            if await done(request, task, self.settings.heartbeat_s if stream else None):
                answer = task.result()
                if stream:
                    return StreamingResponse(events(answer, usage), media_type="text/event-stream")
                return answered(answer)
            return LateAnswer(task, self.settings.heartbeat_s, usage, cleanup.pop_all())

    @contextlib.contextmanager
    def _in_hand(self) -> Iterator[None]:
        """A place in the queue of requests with frames. Raises Refusal when there is none, or no use."""
        counters = self.counters
        if self._broken is not None:
            raise Refusal(f"masks cannot be drawn any more: {self._broken}", 503, kind="server_error")
        if counters.waiting >= self.settings.max_queue:
            counters.refused += 1
            raise busy("the mask queue is full")
        counters.waiting += 1
        try:
            yield
            counters.answered += 1
        except ClientDisconnect:
            counters.cancelled += 1
            raise
        except Exception:
            counters.failed += 1
            raise
        finally:
            counters.waiting -= 1

    async def _parse(self, function: Callable[..., T], *arguments: Any) -> T:
        """Off the event loop: a large body takes long."""
        return await asyncio.get_running_loop().run_in_executor(self._parsing, function, *arguments)

    async def _text(self, request: Request, chat: ChatRequest, name: str) -> Response:
        """A request without frames is the engine's alone."""
        if chat.wants_masks:
            raise Refusal("a request for masks needs frames", param="messages")
        body: dict[str, Any] = {**chat.parameters, "messages": chat.plain}
        if chat.max_tokens is not None:
            body["max_tokens"] = chat.max_tokens
        if chat.stream:
            body |= {"stream": True, "stream_options": {"include_usage": chat.include_usage}}
            return await self._forward(body, name)
        task = asyncio.create_task(self._forward(body, name))
        try:
            await done(request, task, None)
            return task.result()
        finally:
            await end(task)

    async def _forward(self, body: dict[str, Any], name: str) -> Response:
        status, kind, pieces = await self.backend.forward(body)
        if "event-stream" in kind:
            return StreamingResponse(pieces, status, media_type=kind)
        whole = b"".join([piece async for piece in pieces])
        with contextlib.suppress(ValueError):
            completion = json.loads(whole)
            if isinstance(completion, dict) and "model" in completion:
                whole = json.dumps(completion | {"model": name}).encode()
        return Response(whole, status, media_type=kind)

    async def _answer(self, chat: ChatRequest, name: str) -> dict[str, Any]:
        limits = self.settings.limits
        video = await self._parse(video_request, chat, limits, self.settings.default_max_tokens)
        del chat
        images = await self._parse(self.frames.pictures, video.frames, limits)
        natural = await self._parse(images.size)
        size = mask_size(video.options, natural, len(images), limits)
        if video.options.return_masks:
            # Without masks only what the language model is shown is ever decoded.
            await self._parse(images.prepare, self.shown(len(images)))
        began = time.perf_counter()
        generation = await self.backend.generate(video, images)
        llm_s = time.perf_counter() - began
        self.counters.llm_s += llm_s
        self.counters.frames += len(images)
        choice = dict(generation.body["choices"][0])
        answer = generation.body | {"model": name, "choices": [choice]}
        if not video.options.return_masks:
            return answer
        wanted = min(len(generation.states), video.options.max_objects)
        drawn = await self._draw(images, generation, wanted, size) if wanted else Drawn([], 0.0)
        masks = [
            mask_entry(index, token, size, counts)
            for index, (token, counts) in enumerate(zip(generation.tokens, drawn.rles, strict=False))
        ]
        self.counters.objects += len(masks)
        choice["message"] = choice["message"] | {"masks": masks}
        seg_tokens = len(generation.tokens) + generation.uncomputed
        answer["mask_info"] = mask_info(
            len(masks),
            seg_tokens,
            len(masks) < seg_tokens,
            len(images),
            llm_frames=list(generation.llm_frames),
            threshold=0.5,
            llm_ms=round(1e3 * llm_s),
            mask_ms=round(1e3 * drawn.seconds),
        )
        return answer

    async def _draw(
        self, images: Pictures, generation: Generation, wanted: int, size: tuple[int, int]
    ) -> Drawn:
        asked = Asked(images.squares(), generation.states[:wanted], generation.normed, size)
        queued = time.perf_counter()

        def work() -> Drawn:
            if asked.cancelled.is_set():
                raise Cancelled
            self.counters.drawing += 1
            try:
                drawn = self.draw(asked)
            finally:
                self.counters.drawing -= 1
            self.counters.draw_s += drawn.seconds
            self.counters.draw_wait_s += time.perf_counter() - queued - drawn.seconds
            return drawn

        try:
            drawn = await asyncio.get_running_loop().run_in_executor(self._drawing, work)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("mask decoding failed")
            self.counters.drawing_failed += 1
            self._failures += 1
            if "CUDA error" in str(error):
                # Such an error stays with the process: every later call fails alike.
                self._broken = "a CUDA error; restart the gateway"
            raise Refusal(
                f"mask decoding failed: {type(error).__name__}", 500, kind="server_error"
            ) from error
        finally:
            # Reached early only when the client has gone: the drawing stops at its next frame.
            asked.cancelled.set()
        self._failures = 0
        return drawn
