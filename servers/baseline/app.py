"""The HTTP side: routes, limits, errors; the looking is done in two worker threads.

GET /health, GET /v1/models, GET /metrics, POST /v1/chat/completions (also streamed).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sightbench.byte_cache import ByteCache, SharedWork
from sightbench.servers.baseline import tokens
from sightbench.servers.baseline.answer import answer
from sightbench.servers.baseline.completion import completion
from sightbench.servers.baseline.frames import LIMITS, decode, digest
from sightbench.servers.baseline.request import MODEL, VideoQuestion, read
from sightbench.servers.baseline.sight.perceive import Scene, perceive
from sightbench.servers.wire.answer import events
from sightbench.servers.wire.http import HANDLERS, Bodies, Room, answered
from sightbench.servers.wire.refusal import Refusal, busy

WORKERS = 2
MAX_WAITING = 256
MAX_BODY_BYTES = 64 * 2**20
BODIES_BYTES = 512 * 2**20
CACHE_BYTES = 256 * 2**20

T = TypeVar("T")


def create_app(*, max_body_bytes: int = MAX_BODY_BYTES, max_frames: int = LIMITS.frames) -> Starlette:
    """The server as an ASGI application; its cache and threads live as long as it does."""
    limits = replace(LIMITS, frames=max_frames)
    bodies = Bodies(max_body_bytes, BODIES_BYTES)
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="look")
    cache: ByteCache[bytes, Scene] = ByteCache(CACHE_BYTES, lambda scene: scene.labels.nbytes)
    scenes = SharedWork(cache)
    counts = {"requests": 0, "refused": 0, "failed": 0, "running": 0}
    started = int(time.time())

    def work(function: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(pool, function)

    async def health(_: Request) -> Response:
        return answered({"status": "ok"})

    async def models(_: Request) -> Response:
        model = {
            "id": MODEL,
            "object": "model",
            "created": started,
            "owned_by": "sightbench",
            "max_model_len": tokens.MAX_MODEL_LEN,
            "max_frames": max_frames,
            "capabilities": ["text", "masks"],
        }
        return answered({"object": "list", "data": [model]})

    async def metrics(_: Request) -> Response:
        values = {
            "pixel_baseline_requests_total": counts["requests"],
            "pixel_baseline_refused_total": counts["refused"],
            "pixel_baseline_failed_total": counts["failed"],
            "pixel_baseline_requests_running": counts["running"],
            "pixel_baseline_video_cache_hits_total": cache.hits,
            "pixel_baseline_video_cache_misses_total": cache.misses,
        }
        text = "".join(
            f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}\n{name} {value}\n"
            for name, value in values.items()
        )
        return Response(text, media_type="text/plain; version=0.0.4")

    async def reply(request: Request, room: Room) -> tuple[VideoQuestion, dict[str, Any]]:
        began = time.perf_counter()
        body = await bodies.read(request, room)
        question = await work(lambda: read(body, limits))
        key = await work(lambda: digest(question.frames))
        scene = await scenes.get(key, lambda: work(lambda: perceive(decode(question.frames))))
        looked = time.perf_counter()
        said = await work(lambda: completion(question, scene, answer(question.text, scene)))
        said["id"] = f"chatcmpl-{uuid.uuid4().hex}"
        said["created"] = int(time.time())
        if "mask_info" in said:
            said["mask_info"]["llm_ms"] = round((looked - began) * 1000)
            said["mask_info"]["mask_ms"] = round((time.perf_counter() - looked) * 1000)
        return question, said

    async def chat_completions(request: Request) -> Response:
        counts["requests"] += 1
        if counts["running"] >= MAX_WAITING:
            counts["refused"] += 1
            raise busy("too many requests are waiting", retry_after=1)
        counts["running"] += 1
        try:
            with bodies.room() as room:
                question, said = await reply(request, room)
        except Refusal:
            counts["refused"] += 1
            raise
        except Exception:
            counts["failed"] += 1
            raise
        finally:
            counts["running"] -= 1
        if question.chat.stream:
            stream = events(said, question.chat.include_usage)
            return StreamingResponse(stream, media_type="text/event-stream")
        return answered(said)

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/metrics", metrics),
            Route("/v1/models", models),
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
        ],
        exception_handlers=HANDLERS,
    )
