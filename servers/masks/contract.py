"""The wire: what a chat completion that wants masks may say, and what it gets back. No model, no torch.

Request: OpenAI chat completions, one user turn, frames of one video as `image_url` parts in order (or one
`video_url` of `data:video/jpeg;base64,<frame>,<frame>,...`), optional `mask_options`.
Response: `choices[0].message.masks`, one entry per [SEG] that has a mask, and `mask_info`.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload
from urllib.parse import unquote, urlsplit

from PIL import Image

FRAME_LIST = "data:video/jpeg;base64,"
OWN_FIELDS = ("messages", "mask_options", "stream", "stream_options", "n", "model", "max_completion_tokens")
REFUSED_FIELDS = ("tools", "tool_choice", "functions", "function_call", "logprobs", "top_logprobs")


class RequestError(Exception):
    """An answer that is an error: OpenAI's shape, this HTTP status."""

    def __init__(
        self,
        message: str,
        status: int = 400,
        param: str | None = None,
        kind: str = "invalid_request_error",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.kind = kind
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        return {
            "error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.status}
        }


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for; `media_root` is where file:// may point, None for nowhere."""

    max_frames: int = 256
    max_pixels: int = 50_000_000
    media_root: Path | None = None


@dataclass(frozen=True, slots=True)
class MaskOptions:
    return_masks: bool = True
    max_objects: int = 8
    output_size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A validated request. `frames` are encoded bytes in order; `sampling` goes to the engine as it is."""

    frames: tuple[bytes, ...]
    text: str
    system: str | None
    sampling: Mapping[str, Any]
    options: MaskOptions
    stream: bool
    usage_in_stream: bool


def has_media(body: Mapping[str, Any]) -> bool:
    """Whether any message carries something but text: if not, the request is the engine's alone."""
    messages = body.get("messages")
    return isinstance(messages, list) and any(
        isinstance(part, dict) and part.get("type") != "text"
        for message in messages
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        for part in message["content"]
    )


def parse(body: Mapping[str, Any], limits: Limits, default_max_tokens: int) -> Ask:
    """The `Ask` of a request body that has media; RequestError says what is wrong and where."""
    if body.get("n") not in (None, 1):
        raise RequestError("n must be 1 when masks are returned", param="n")
    for name in REFUSED_FIELDS:
        if body.get(name):
            raise RequestError(f"{name} is not supported when masks are returned", param=name)
    options = parse_options(body.get("mask_options"))
    user, system = _turns(body.get("messages"))
    frames, text = _content(user["content"], limits)
    if not frames:
        raise RequestError("the user message has no frames", param="messages")
    stream, usage = _streaming(body)
    sampling = {k: v for k, v in body.items() if k not in OWN_FIELDS}
    sampling.setdefault("temperature", 0)
    limit = body.get("max_tokens") or body.get("max_completion_tokens") or default_max_tokens
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise RequestError("max_tokens must be a positive integer", param="max_tokens")
    sampling["max_tokens"] = limit
    return Ask(tuple(frames), text, system, sampling, options, stream, usage)


def parse_options(given: Any) -> MaskOptions:
    """`mask_options` of a request; RequestError for an unknown key or a wrong value."""
    if given is None:
        return MaskOptions()
    if not isinstance(given, dict):
        raise RequestError("mask_options must be an object", param="mask_options")
    for key in given:
        if key not in MaskOptions.__dataclass_fields__:
            raise RequestError(f"mask_options has no {key!r}", param=f"mask_options.{key}")
    wanted = given.get("return_masks", True)
    if not isinstance(wanted, bool):
        raise RequestError("return_masks must be true or false", param="mask_options.return_masks")
    objects = given.get("max_objects", MaskOptions().max_objects)
    if not isinstance(objects, int) or isinstance(objects, bool) or objects < 1:
        raise RequestError("max_objects must be a positive integer", param="mask_options.max_objects")
    size = given.get("output_size")
    if size is not None:
        ok = (
            isinstance(size, list) and len(size) == 2 and all(type(v) is int and 1 <= v <= 8192 for v in size)
        )
        if not ok:
            raise RequestError(
                "output_size must be null or [height, width]", param="mask_options.output_size"
            )
        size = (size[0], size[1])
    return MaskOptions(wanted, objects, size)


class Frames(Sequence[Image.Image]):
    """A request's frames, decoded to RGB when looked at and not kept: only their bytes stay in memory."""

    def __init__(self, held: Sequence[bytes]) -> None:
        self._held = held

    def __len__(self) -> int:
        return len(self._held)

    @overload
    def __getitem__(self, index: int) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> Frames: ...
    def __getitem__(self, index: int | slice) -> Image.Image | Frames:
        if isinstance(index, slice):
            return Frames(self._held[index])
        with Image.open(io.BytesIO(self._held[index])) as opened:
            return opened.convert("RGB")


def check_frames(frames: Sequence[bytes], limits: Limits) -> tuple[int, int]:
    """The (height, width) all frames share; RequestError names the frame that is broken or differs.

    Every frame is decoded: a broken one is better refused than found while masks are being drawn.
    """
    first = (0, 0)
    for index, held in enumerate(frames):
        try:
            with Image.open(io.BytesIO(held)) as opened:
                size = opened.size
                if size[0] * size[1] > limits.max_pixels:
                    raise RequestError(
                        f"frame {index} is {size[0]}x{size[1]}, over {limits.max_pixels} pixels",
                        param="messages",
                    )
                opened.load()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise RequestError(f"frame {index} cannot be decoded: {error}", param="messages") from error
        first = first if index else size
        if size != first:
            raise RequestError(
                f"frame {index} is {size[0]}x{size[1]} but frame 0 is {first[0]}x{first[1]}: "
                "all frames must have one size",
                param="messages",
            )
    return first[1], first[0]


def mask_entry(index: int, token: int, size: tuple[int, int], rles: list[str]) -> dict[str, Any]:
    """One object of `message.masks`: an RLE per input frame, in order."""
    height, width = size
    return {
        "object_id": index,
        "token_index": token,
        "size": [height, width],
        "num_frames": len(rles),
        "rles": [{"size": [height, width], "counts": counts} for counts in rles],
    }


def chunks(response: Mapping[str, Any], usage: bool) -> list[dict[str, Any]]:
    """A finished response as the chunks of a stream: the text, then the masks with the finish reason."""
    base = {k: response[k] for k in ("id", "created", "model") if k in response}
    base["object"] = "chat.completion.chunk"
    choice = response["choices"][0]
    message = choice["message"]
    end = {"index": 0, "delta": {"masks": message["masks"]}, "finish_reason": choice.get("finish_reason")}
    first = {"index": 0, "delta": {"role": "assistant", "content": message.get("content")}}
    last = base | {"choices": [end], "mask_info": response.get("mask_info")}
    if usage:
        last["usage"] = response.get("usage")
    return [base | {"choices": [first | {"finish_reason": None}]}, last]


def _turns(messages: Any) -> tuple[Mapping[str, Any], str | None]:
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
        raise RequestError("messages must be a list of objects", param="messages")
    users = [m for m in messages if m.get("role") == "user"]
    system = [m for m in messages if m.get("role") == "system"]
    if len(users) != 1 or len(system) > 1 or len(users) + len(system) != len(messages):
        raise RequestError(
            "exactly one user message (and at most one system message) is supported with frames",
            param="messages",
        )
    if not isinstance(users[0].get("content"), list):
        raise RequestError("the user message's content must be a list of parts", param="messages")
    return users[0], _system_text(system[0]) if system else None


def _system_text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        parts = [p.get("text") for p in content if isinstance(p, dict) and p.get("type") == "text"]
        if len(parts) == len(content) and all(isinstance(p, str) for p in parts):
            return "".join(str(p) for p in parts)
    if not isinstance(content, str):
        raise RequestError("the system message must be text", param="messages")
    return content


def _content(parts: Sequence[Any], limits: Limits) -> tuple[list[bytes], str]:
    frames: list[bytes] = []
    texts: list[str] = []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            # The server owns the placeholder.
            texts.append(part["text"].replace("<image>", ""))
        elif kind == "image_url":
            frames.append(_fetch(_url(part, "image_url"), len(frames), limits))
        elif kind == "video_url":
            frames.extend(_frame_list(_url(part, "video_url"), len(frames)))
        else:
            raise RequestError(f"content part of type {kind!r} is not supported", param="messages")
        if len(frames) > limits.max_frames:
            raise RequestError(f"more than {limits.max_frames} frames in one request", param="messages")
    return frames, "".join(texts)


def _url(part: Mapping[str, Any], kind: str) -> str:
    held = part.get(kind)
    url = held.get("url") if isinstance(held, dict) else held
    if not isinstance(url, str):
        raise RequestError(f"{kind} needs a url", param="messages")
    return url


def _frame_list(url: str, index: int) -> list[bytes]:
    if not url.startswith(FRAME_LIST):
        raise RequestError(
            f"video_url must be {FRAME_LIST}<frame>,<frame>,...: this server samples no frames itself",
            param="messages",
        )
    return [_base64(t, index + i) for i, t in enumerate(url[len(FRAME_LIST) :].split(","))]


def _fetch(url: str, index: int, limits: Limits) -> bytes:
    scheme = url.split(":", 1)[0].lower()
    if scheme == "data":
        head, comma, data = url.partition(",")
        if not comma or not head.endswith(";base64"):
            raise RequestError(f"frame {index} is not a base64 data URL", param="messages")
        return _base64(data, index)
    if scheme == "file" and limits.media_root is not None:
        path = Path(unquote(urlsplit(url).path)).resolve()
        if path.is_relative_to(limits.media_root.resolve()) and path.is_file():
            return path.read_bytes()
        raise RequestError(f"frame {index} is not a file under the allowed folder", param="messages")
    raise RequestError(f"frame {index} must be a data: URL, not {scheme[:20]}:", param="messages")


def _base64(text: str, index: int) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(f"frame {index} is not valid base64", param="messages") from error


def _streaming(body: Mapping[str, Any]) -> tuple[bool, bool]:
    stream = body.get("stream", False)
    if stream not in (None, True, False):
        raise RequestError("stream must be true or false", param="stream")
    options = body.get("stream_options")
    # The masks' chunk carries the usage in any case; OpenAI's switch can only turn it off.
    wanted = not isinstance(options, dict) or bool(options.get("include_usage", True))
    return bool(stream), wanted
