"""Anthropic's Messages API: https://platform.claude.com/docs/en/api/messages

The native wire: their OpenAI-compatible layer is called not production-ready by its own documentation, and
ignores parameters (https://platform.claude.com/docs/en/api/openai-sdk).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from sightbench.client.dialects.messages import Fragment, Message, system_and_rest
from sightbench.client.transport.completion import Completion, count
from sightbench.sample import Failure, Usage
from sightbench.terminal import plain

_ENDS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


def text(words: str) -> bytes:
    return b'{"type":"text","text":%b}' % orjson.dumps(words)


def image(mime: str, data: bytes, identity: str | None, detail: str | None = None) -> bytes:
    """A content part of `data`, which is base64."""
    source = b'{"type":"base64","media_type":"%b","data":"%b"}' % (mime.encode(), data)
    return b'{"type":"image","source":%b}' % source


def request(messages: Sequence[Message], parameters: Mapping[str, Any]) -> tuple[Fragment, ...]:
    """The body; the system prompt is a parameter here."""
    system, rest = system_and_rest(messages)
    whole = [Fragment(b'{"messages":[')]
    for index, message in enumerate(rest):
        head = b'%b{"role":"%b","content":' % (b"," if index else b"", message.role.encode())
        if message.text is not None:
            whole.append(Fragment(b"%b%b}" % (head, orjson.dumps(message.text))))
        else:
            whole += (Fragment(head + b"["), *message.parts, Fragment(b"]}"))
    tail = dict(parameters) if system is None else {**parameters, "system": system}
    return (*whole, Fragment(b"]," + orjson.dumps(tail, option=orjson.OPT_SORT_KEYS)[1:]))


class _Block(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None


class _Details(msgspec.Struct):
    category: str | None = None
    explanation: str | None = None


class _Body(msgspec.Struct):
    content: list[_Block]
    stop_reason: str | None = None
    stop_details: _Details | None = None
    usage: dict[str, Any] | None = None
    model: str | None = None
    id: str | None = None


_decoder = msgspec.json.Decoder(_Body)


def completion(raw: bytes) -> Completion | Failure:
    """The answer in a body of HTTP status 200. Raises msgspec.DecodeError for what is no message."""
    body = _decoder.decode(raw)
    said = [block.text for block in body.content if block.type == "text" and block.text is not None]
    thought = [block.thinking for block in body.content if block.type == "thinking" and block.thinking]
    finish = None if body.stop_reason is None else _ENDS.get(body.stop_reason, body.stop_reason)
    refusal = None
    if body.stop_reason == "refusal":
        details = body.stop_details or _Details()
        refusal = details.explanation or details.category or "refused"
    if not said and not thought and refusal is None and finish != "length":
        return Failure("empty_reply", plain(f"no text (stop_reason {body.stop_reason})"), 200)
    return Completion(
        text="".join(said) if said else None,
        reasoning="\n\n".join(thought) or None,
        refusal=refusal,
        finish_reason=finish,
        usage=usage(body.usage or {}),
        model=body.model,
        id=body.id,
        tier=tier(body.usage or {}),
    )


def tier(counts: Mapping[str, Any]) -> str | None:
    """How it was processed: https://platform.claude.com/docs/en/api/service-tiers"""
    told = counts.get("service_tier")
    return told if isinstance(told, str) else None


def usage(counts: Mapping[str, Any]) -> Usage:
    """`input_tokens` counts neither what was read from the cache nor what was written to it:
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching#tracking-cache-performance"""
    fresh, out = count(counts, "input_tokens"), count(counts, "output_tokens")
    read = count(counts, "cache_read_input_tokens")
    written = count(counts, "cache_creation_input_tokens")
    into = None if fresh is None else fresh + (read or 0) + (written or 0)
    return Usage(
        prompt_tokens=into,
        completion_tokens=out,
        total_tokens=None if into is None or out is None else into + out,
        cached_tokens=read,
        reasoning_tokens=count(counts, "thinking_tokens", "output_tokens_details"),
        cache_write_tokens=written,
    )
