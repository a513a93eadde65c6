"""OpenAI's Responses API: https://developers.openai.com/api/reference/resources/responses"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from sightbench.client.dialects.messages import Fragment, Message
from sightbench.client.transport.completion import Completion, count
from sightbench.sample import Failure, Usage
from sightbench.terminal import plain

_ENDS = {"max_output_tokens": "length", "content_filter": "content_filter"}


def text(words: str) -> bytes:
    return b'{"type":"input_text","text":%b}' % orjson.dumps(words)


def image(mime: str, data: bytes, identity: str | None, detail: str | None = None) -> bytes:
    """A content part of `data`, which is base64. `detail` is required there: its default is auto."""
    url = b"data:%b;base64,%b" % (mime.encode(), data)
    return b'{"type":"input_image","detail":"%b","image_url":"%b"}' % ((detail or "auto").encode(), url)


def request(messages: Sequence[Message], parameters: Mapping[str, Any]) -> tuple[Fragment, ...]:
    """The body. Nothing is kept at the provider's unless the run asks for it (`store` is on by default)."""
    whole = [Fragment(b'{"input":[')]
    for index, message in enumerate(messages):
        head = b'%b{"role":"%b","content":' % (b"," if index else b"", message.role.encode())
        if message.text is not None:
            whole.append(Fragment(b"%b%b}" % (head, orjson.dumps(message.text))))
        else:
            whole += (Fragment(head + b"["), *message.parts, Fragment(b"]}"))
    tail = orjson.dumps({"store": False, **parameters}, option=orjson.OPT_SORT_KEYS)
    return (*whole, Fragment(b"]," + tail[1:]))


class _Piece(msgspec.Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct):
    type: str = ""
    content: list[_Piece] | None = None
    summary: list[_Piece] | None = None


class _Why(msgspec.Struct):
    reason: str | None = None


class _Body(msgspec.Struct):
    output: list[_Item]
    status: str | None = None
    incomplete_details: _Why | None = None
    usage: dict[str, Any] | None = None
    model: str | None = None
    id: str | None = None
    service_tier: str | None = None


_decoder = msgspec.json.Decoder(_Body)


def completion(raw: bytes) -> Completion | Failure:
    """The answer in a body of HTTP status 200. Raises msgspec.DecodeError for what is no response."""
    body = _decoder.decode(raw)
    pieces = [piece for item in body.output if item.type == "message" for piece in item.content or []]
    said = [piece.text for piece in pieces if piece.type == "output_text" and piece.text is not None]
    refused = [piece.refusal for piece in pieces if piece.refusal]
    thoughts = [item for item in body.output if item.type == "reasoning"]
    thought = [
        piece.text for item in thoughts for piece in (item.content or item.summary or []) if piece.text
    ]
    if body.status in ("failed", "cancelled", "in_progress", "queued"):
        return Failure("server_error", plain(f"the response is no answer: its status is {body.status}"), 200)
    finish: str | None = "stop" if body.status == "completed" else body.status
    if body.status == "incomplete":
        reason = body.incomplete_details.reason if body.incomplete_details else None
        finish = _ENDS.get(reason or "", reason or "incomplete")
    if not said and not thought and not refused and finish not in ("length", "content_filter"):
        return Failure("empty_reply", plain(f"no text (status {body.status})"), 200)
    return Completion(
        text="".join(said) if said else None,
        reasoning="\n\n".join(thought) or None,
        refusal="".join(refused) or None,
        finish_reason=finish,
        usage=usage(body.usage or {}),
        model=body.model,
        id=body.id,
        tier=body.service_tier,
    )


def usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(
        prompt_tokens=count(counts, "input_tokens"),
        completion_tokens=count(counts, "output_tokens"),
        total_tokens=count(counts, "total_tokens"),
        cached_tokens=count(counts, "cached_tokens", "input_tokens_details"),
        reasoning_tokens=count(counts, "reasoning_tokens", "output_tokens_details"),
        cache_write_tokens=count(counts, "cache_write_tokens", "input_tokens_details"),
    )
