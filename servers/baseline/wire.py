"""The bytes of POST /v1/chat/completions -> a ChatRequest, or a Refusal that says what is wrong.

Frames are `image_url` parts (data URLs) in order, or one `video_url` of the form
`data:video/jpeg;base64,<jpeg>,<jpeg>,...`. Nothing is fetched and no container is opened.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from sightbench.servers.baseline.refusal import Refusal

MODEL = "pixel-baseline"


@dataclass(frozen=True, slots=True)
class MaskOptions:
    """`output_size` is (height, width) of the masks; None for the frames' own size."""

    return_masks: bool = True
    max_objects: int = 8
    output_size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """`frames` are encoded images in order; `question` is all text of the user's turn."""

    question: str
    frames: tuple[bytes, ...]
    mask_options: MaskOptions
    max_tokens: int | None
    stream: bool


def parse_request(body: bytes, *, max_frames: int) -> ChatRequest:
    """Raises Refusal for anything but one question about one to `max_frames` frames."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(f"the body is not valid JSON: {error}") from None
    if not isinstance(request, dict):
        raise Refusal("the body must be a JSON object")
    model = request.get("model")
    if model != MODEL:
        raise Refusal(
            f"the model {model!r} does not exist; this server has {MODEL!r}",
            param="model",
            code="model_not_found",
            status=404,
            kind="not_found_error",
        )
    if request.get("n") not in (None, 1):
        raise Refusal(f"n must be 1, not {request['n']!r}", param="n")
    for name in ("tools", "logprobs"):
        if request.get(name):
            raise Refusal(f"{name} is not supported by this server", param=name)
    options = _mask_options(request.get("mask_options"))
    masks = "mask_options" in request and options.return_masks
    content = _last_question(request.get("messages"), alone=masks)
    frames, texts = _split(content, max_frames)
    if not frames:
        raise Refusal("no frames: send at least one image_url or video_url part", param="messages")
    return ChatRequest(
        question="\n".join(texts).replace("<image>", "").strip(),
        frames=tuple(frames),
        mask_options=options,
        max_tokens=_max_tokens(request),
        stream=request.get("stream") is True,
    )


def _last_question(messages: Any, *, alone: bool) -> Any:
    """The content of the last user message: this server remembers nothing of the turns before it."""
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise Refusal("messages must be a list of objects", param="messages")
    turns = [m for m in messages if m.get("role") not in ("system", "developer")]
    if not turns or turns[-1].get("role") != "user":
        raise Refusal("the last message must be the user's", param="messages")
    if alone and len(turns) > 1:
        raise Refusal("masks are for exactly one user message, not for a conversation", param="messages")
    return turns[-1].get("content")


def _split(content: Any, max_frames: int) -> tuple[list[bytes], list[str]]:
    if isinstance(content, str):
        return [], [content]
    if not isinstance(content, list):
        raise Refusal("content must be a string or a list of parts", param="messages")
    frames: list[bytes] = []
    texts: list[str] = []
    for index, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind in ("image_url", "video_url"):
            for payload in _payloads(part, kind, index):
                if len(frames) == max_frames:
                    raise Refusal(f"too many frames: more than {max_frames}", param="messages")
                frames.append(_decode(payload, len(frames)))
        else:
            raise Refusal(
                f"content part {index} has type {kind!r}: text, image_url or video_url is expected",
                param="messages",
            )
    return frames, texts


def _payloads(part: dict[str, Any], kind: str, index: int) -> Iterator[str]:
    """The base64 text of each frame of one part."""
    holder = part.get(kind)
    url = holder.get("url") if isinstance(holder, dict) else holder
    if not isinstance(url, str):
        raise Refusal(f"content part {index} has no {kind}.url", param="messages")
    head, comma, data = url.partition(",")
    if not head.startswith("data:") or not comma:
        raise Refusal(
            f"content part {index}: only data: URLs are accepted, nothing is fetched", param="messages"
        )
    if not head.endswith(";base64"):
        raise Refusal(f"content part {index}: the data URL must be base64", param="messages")
    if kind == "image_url":
        yield data
        return
    if head != "data:video/jpeg;base64":
        raise Refusal(
            f"content part {index}: video_url must be data:video/jpeg;base64,<jpeg>,<jpeg>,... "
            "(frames already extracted); containers are not decoded",
            param="messages",
        )
    start = 0
    while True:
        end = data.find(",", start)
        yield data[start:] if end < 0 else data[start:end]
        if end < 0:
            return
        start = end + 1


def _decode(payload: str, frame: int) -> bytes:
    try:
        data = binascii.a2b_base64(payload, strict_mode=True)
    except ValueError as error:
        raise Refusal(f"frame {frame} is not valid base64: {error}", param="messages") from None
    if not data:
        raise Refusal(f"frame {frame} is empty", param="messages")
    return data


def _max_tokens(request: dict[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = request.get(name)
        if value is not None:
            if not _is_count(value):
                raise Refusal(f"{name} must be a positive integer, not {value!r}", param=name)
            return int(value)
    return None


def _mask_options(value: Any) -> MaskOptions:
    if value is None:
        return MaskOptions()
    if not isinstance(value, dict):
        raise Refusal("mask_options must be an object", param="mask_options")
    unknown = sorted(set(value) - {"return_masks", "max_objects", "output_size"})
    if unknown:
        raise Refusal(f"unknown mask_options key {unknown[0]!r}", param=f"mask_options.{unknown[0]}")
    return_masks = value.get("return_masks", True)
    if not isinstance(return_masks, bool):
        raise Refusal("mask_options.return_masks must be true or false", param="mask_options.return_masks")
    max_objects = value.get("max_objects", 8)
    if not _is_count(max_objects):
        raise Refusal("mask_options.max_objects must be a positive integer", param="mask_options.max_objects")
    size = value.get("output_size")
    if size is not None and not (
        isinstance(size, list) and len(size) == 2 and all(_is_count(n) and n <= 4096 for n in size)
    ):
        raise Refusal(
            "mask_options.output_size must be null or [height, width], each at most 4096",
            param="mask_options.output_size",
        )
    return MaskOptions(return_masks, max_objects, None if size is None else (size[0], size[1]))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
