"""The HTTP side: routes, limits, errors; the looking is done in two worker threads.

GET /health, GET /v1/models, GET /metrics, POST /v1/chat/completions (also streamed).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sightbench.byte_cache import ByteCache, SharedWork
from sightbench.servers.baseline import tokens
from sightbench.servers.baseline.answer import answer
from sightbench.servers.baseline.completion import chunks, completion
from sightbench.servers.baseline.frames import decode, digest
from sightbench.servers.baseline.refusal import Refusal
from sightbench.servers.baseline.sight.perceive import Scene, perceive
from sightbench.servers.baseline.wire import MODEL, ChatRequest, parse_request

WORKERS = 2
MAX_WAITING = 256
MAX_FRAMES = 128
MAX_BODY_BYTES = 64 * 2**20
CACHE_BYTES = 256 * 2**20

T = TypeVar("T")


def create_app(*, max_body_bytes: int = MAX_BODY_BYTES, max_frames: int = MAX_FRAMES) -> Starlette:
    """The server as an ASGI application; its cache and threads live as long as it does."""
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="look")
    cache: ByteCache[bytes, Scene] = ByteCache(CACHE_BYTES, lambda scene: scene.labels.nbytes)
    scenes = SharedWork(cache)
    counts = {"requests": 0, "refused": 0, "failed": 0, "running": 0}
    started = int(time.time())

    def work(function: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(pool, function)

    async def health(_: Request) -> Response:
        return _json({"status": "ok"})

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
        return _json({"object": "list", "data": [model]})

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

    async def reply(request: Request) -> tuple[ChatRequest, dict[str, Any]]:
        began = time.perf_counter()
        body = await _read(request, max_body_bytes)
        chat = await work(lambda: parse_request(body, max_frames=max_frames))
        key = await work(lambda: digest(chat.frames))
        scene = await scenes.get(key, lambda: work(lambda: perceive(decode(chat.frames))))
        looked = time.perf_counter()
        said = await work(lambda: completion(chat, scene, answer(chat.question, scene)))
        said["id"] = f"chatcmpl-{uuid.uuid4().hex}"
        said["created"] = int(time.time())
        if "mask_info" in said:
            said["mask_info"]["llm_ms"] = round((looked - began) * 1000)
            said["mask_info"]["mask_ms"] = round((time.perf_counter() - looked) * 1000)
        return chat, said

    async def chat_completions(request: Request) -> Response:
        counts["requests"] += 1
        if counts["running"] >= MAX_WAITING:
            counts["refused"] += 1
            full = Refusal(
                "too many requests are waiting", status=503, kind="server_error", code="queue_full"
            )
            return _json(full.body(), full.status, {"Retry-After": "1"})
        counts["running"] += 1
        try:
            chat, said = await reply(request)
        except Refusal as refusal:
            counts["refused"] += 1
            return _json(refusal.body(), refusal.status)
        except Exception:
            counts["failed"] += 1
            raise
        finally:
            counts["running"] -= 1
        if chat.stream:
            return StreamingResponse(_events(said), media_type="text/event-stream")
        return _json(said)

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/metrics", metrics),
            Route("/v1/models", models),
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _http_error, Exception: _crash},
    )


async def _read(request: Request, limit: int) -> bytes:
    refusal = Refusal(
        f"the body is larger than {limit} bytes",
        status=413,
        code="body_too_large",
        kind="invalid_request_error",
    )
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise refusal
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise refusal
    return bytes(body)


async def _events(said: dict[str, Any]) -> AsyncIterator[bytes]:
    for chunk in chunks(said):
        yield b"data: " + orjson.dumps(chunk) + b"\n\n"
    yield b"data: [DONE]\n\n"


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    refusal = Refusal(error.detail, status=error.status_code, kind="invalid_request_error")
    return _json(refusal.body(), refusal.status)


async def _crash(_: Request, error: Exception) -> Response:
    refusal = Refusal(f"internal error: {type(error).__name__}", status=500, kind="server_error")
    return _json(refusal.body(), refusal.status)


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, media_type="application/json")
