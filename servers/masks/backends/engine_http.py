"""An engine behind HTTP: what vLLM and SGLang have in common."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, TypeVar

import httpx
import msgspec
from PIL import Image

from sightbench.byte_cache import ByteCache
from sightbench.servers.masks.checkpoint import Model
from sightbench.servers.masks.llm_frames import chosen, png, png_url, prepare, video_url
from sightbench.servers.masks.request import VideoRequest
from sightbench.servers.wire.refusal import Refusal, busy

T = TypeVar("T")


PREPARED_BYTES = 512 << 20
"""Of frames as the engine was sent them, kept for the next question about the same video."""


class _Models(msgspec.Struct):
    data: list[dict[str, Any]]


class HttpEngine:
    """The engine's plain routes. `url` is its root, without /v1; `key` what it wants to be sent."""

    def __init__(self, url: str, timeout_s: float, key: str | None = None) -> None:
        self._client = httpx.AsyncClient(
            headers={} if key is None else {"Authorization": f"Bearer {key}"},
            base_url=url.rstrip("/").removesuffix("/v1"),
            timeout=httpx.Timeout(timeout_s, connect=10.0),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            # The engine is beside us: a proxy of the environment is not asked for it.
            trust_env=False,
        )
        self._name: str | None = None
        self.prepared = ByteCache[bytes, str](PREPARED_BYTES, len)

    async def name(self) -> str:
        """The model id the engine serves under."""
        if self._name is None:
            self._name = str((await self.models())[0].get("id"))
        return self._name

    async def models(self) -> list[dict[str, Any]]:
        listed = typed(_read(await self.get("/v1/models")), _Models).data
        if not listed:
            raise busy("the engine serves no model")
        return listed

    async def healthy(self) -> bool:
        try:
            return (await self._client.get("/health", timeout=10.0)).status_code == 200
        except httpx.HTTPError:
            return False

    async def metrics(self) -> str:
        try:
            got = await self._client.get("/metrics", timeout=10.0)
        except httpx.HTTPError:
            return ""
        return got.text if got.status_code == 200 else ""

    async def get(self, path: str) -> httpx.Response:
        return _checked(await self._send(self._client.build_request("GET", path)))

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The engine's JSON answer; Refusal with its own text and status if it refuses."""
        response = _checked(await self._send(self._client.build_request("POST", path, json=body)))
        return typed(_read(response), dict[str, Any])

    async def forward(self, body: Mapping[str, Any]) -> tuple[int, str, AsyncIterator[bytes]]:
        request = self._client.build_request(
            "POST", "/v1/chat/completions", json=dict(body, model=await self.name())
        )
        got = await self._send(request, stream=True)
        return got.status_code, got.headers.get("content-type", "application/json"), _pieces(got)

    async def close(self) -> None:
        await self._client.aclose()

    async def _send(self, request: httpx.Request, stream: bool = False) -> httpx.Response:
        try:
            return await self._client.send(request, stream=stream)
        except httpx.TimeoutException as error:
            raise Refusal("the engine did not answer in time", 504, kind="timeout_error") from error
        except httpx.HTTPError as error:
            raise Refusal(
                f"the engine cannot be reached: {type(error).__name__}",
                503,
                kind="server_error",
                retry_after=5,
            ) from error


async def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in response.aiter_bytes():
            yield piece
    finally:
        await response.aclose()


def _checked(response: httpx.Response) -> httpx.Response:
    status = response.status_code
    if status < 400:
        return response
    message = _message(response)[:2000]
    if status in (400, 413, 422):
        raise Refusal(message)
    if status in (429, 503):
        raise busy(message)
    raise Refusal(f"the engine failed ({status}): {message}", 500, kind="server_error")


def _message(response: httpx.Response) -> str:
    """The engine's own words, whatever shape they have."""
    try:
        content = msgspec.json.decode(response.content)
    except (ValueError, RecursionError):
        return response.text
    error = content.get("error", content) if isinstance(content, dict) else content
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) and message else response.text


def _read(response: httpx.Response) -> Any:
    try:
        return msgspec.json.decode(response.content)
    except (ValueError, RecursionError) as error:
        raise broken("what it said is not JSON") from error


def typed(value: Any, kind: type[T]) -> T:
    """`value`, which an engine said, as that type. Raises Refusal (500) that names the field that is not."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise broken(str(error).replace("`", "")) from error


def broken(what: str) -> Refusal:
    """The engine answered, but not as an engine does."""
    return Refusal(f"the engine's answer is not what it should be: {what}", 500, kind="server_error")


def messages(
    model: Model, video: VideoRequest, images: Sequence[Image.Image], known: ByteCache[bytes, str]
) -> tuple[list[dict[str, Any]], tuple[int, ...]]:
    """The engine's messages: the chosen frames as `prepared`, then the question; and which frames."""
    ready, shown = prepared(model, video, images, known)
    if model.decoder == "unipixel":
        # A temporal patch is two frames: an odd one is shown twice.
        ready += ready[-1:] * (len(ready) % 2)
        parts: list[dict[str, Any]] = [{"type": "video_url", "video_url": {"url": video_url(ready)}}]
    else:
        parts = [{"type": "image_url", "image_url": {"url": png_url(frame)}} for frame in ready]
    turns = [{"role": "system", "content": video.system}] if video.system is not None else []
    return [*turns, {"role": "user", "content": [*parts, {"type": "text", "text": video.text}]}], shown


def prepared(
    model: Model, video: VideoRequest, images: Sequence[Image.Image], known: ByteCache[bytes, str]
) -> tuple[list[str], tuple[int, ...]]:
    """The frames that the language model is shown, as PNG in base64, and which they are.

    `known` keeps them for the next question about the same video.
    """
    shown = tuple(chosen(model, len(images)))
    ready = []
    for index in shown:
        # A frame is prepared otherwise alone than among others, and by UniPixel otherwise among many.
        key = hashlib.sha256(video.frames[index]).digest() + len(shown).to_bytes(4, "big")
        made = known.get(key)
        if made is None:
            made = png(prepare(model, images[index], len(shown)))
            known.put(key, made)
        ready.append(made)
    return ready, shown
