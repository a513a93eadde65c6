"""Gemini's generateContent: https://ai.google.dev/api/generate-content"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from sightbench.client.dialects.messages import Fragment, Message, system_and_rest
from sightbench.client.transport.completion import Completion, count
from sightbench.sample import Failure, Usage
from sightbench.terminal import plain

_CONFIG = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "maxOutputTokens": "maxOutputTokens",
    # https://ai.google.dev/gemini-api/docs/media-resolution
    "media_resolution": "mediaResolution",
}

_ENDS = {"STOP": "stop", "MAX_TOKENS": "length"}

_FILTERS = frozenset(
    {
        "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
        "ESCALATION", "MODEL_ARMOR",
    }
)  # fmt: skip
"""https://ai.google.dev/api/generate-content#FinishReason"""


def text(words: str) -> bytes:
    return b'{"text":%b}' % orjson.dumps(words)


def image(mime: str, data: bytes, identity: str | None, detail: str | None = None) -> bytes:
    """A content part of `data`, which is base64."""
    return b'{"inlineData":{"mimeType":"%b","data":"%b"}}' % (mime.encode(), data)


def video(mime: str, data: bytes, fps: float | None, span: tuple[float, float] | None) -> bytes:
    """A content part of a whole video file (its base64): the service takes `fps` frames a second out of it
    (None: its own default of one), between the seconds of `span`.
    https://ai.google.dev/gemini-api/docs/video-understanding
    """
    return _video(b'"inlineData":{"mimeType":"%b","data":"%b"}' % (mime.encode(), data), fps, span)


def stored_video(mime: str, uri: str, fps: float | None, span: tuple[float, float] | None) -> bytes:
    """The same for a file in the service's store."""
    where = b'"fileData":{"mimeType":"%b","fileUri":%b}' % (mime.encode(), orjson.dumps(uri))
    return _video(where, fps, span)


def _video(source: bytes, fps: float | None, span: tuple[float, float] | None) -> bytes:
    metadata: dict[str, Any] = {}
    if fps is not None:
        metadata["fps"] = fps
    if span is not None:
        metadata |= {"startOffset": f"{span[0]:g}s", "endOffset": f"{span[1]:g}s"}
    told = b',"videoMetadata":%b' % orjson.dumps(metadata) if metadata else b""
    return b"{%b%b}" % (source, told)


def request(messages: Sequence[Message], parameters: Mapping[str, Any]) -> tuple[Fragment, ...]:
    """The body. The model is a part of the URL, and counts in the fingerprint all the same."""
    system, rest = system_and_rest(messages)
    whole = [Fragment(b'{"contents":[')]
    for index, message in enumerate(rest):
        role = "model" if message.role == "assistant" else "user"
        whole.append(Fragment(b'%b{"role":"%b","parts":[' % (b"," if index else b"", role.encode())))
        parts = message.parts if message.text is None else (Fragment(text(message.text)),)
        whole += (*parts, Fragment(b"]}"))
    tail = {name: value for name, value in parameters.items() if name not in _CONFIG and name != "model"}
    config = {_CONFIG[name]: value for name, value in parameters.items() if name in _CONFIG}
    given = tail.get("generationConfig")
    tail["generationConfig"] = config | (dict(given) if isinstance(given, Mapping) else {})
    if system is not None:
        tail["systemInstruction"] = {"parts": [{"text": system}]}
    return (
        *whole,
        Fragment(b"]," + orjson.dumps(tail, option=orjson.OPT_SORT_KEYS)[1:]),
        Fragment(b"", b"model:" + str(parameters.get("model", "")).encode()),
    )


class _Part(msgspec.Struct):
    text: str | None = None
    thought: bool = False


class _Content(msgspec.Struct):
    parts: list[_Part] = []


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None
    block_reason_message: str | None = None


class _Body(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] = []
    prompt_feedback: _Feedback | None = None
    usage_metadata: dict[str, Any] | None = None
    model_version: str | None = None
    response_id: str | None = None


_decoder = msgspec.json.Decoder(_Body)


def completion(raw: bytes) -> Completion | Failure:
    """The answer in a body of HTTP status 200. Raises msgspec.DecodeError for what is none."""
    body = _decoder.decode(raw)
    counts = usage(body.usage_metadata or {})
    if not body.candidates:
        feedback = body.prompt_feedback
        if feedback is None or feedback.block_reason is None:
            return Failure("no_choices", "the reply has no candidates", 200)
        # A blocked prompt is a filter's verdict, not a failure of the transport.
        words = feedback.block_reason_message or feedback.block_reason
        return Completion(
            None, refusal=words, finish_reason="content_filter", usage=counts, model=body.model_version,
            id=body.response_id,
        )  # fmt: skip
    first = body.candidates[0]
    parts = first.content.parts if first.content is not None else []
    said = [part.text for part in parts if part.text is not None and not part.thought]
    thought = [part.text for part in parts if part.text and part.thought]
    end = first.finish_reason
    blocked = end in _FILTERS
    if end is not None and not blocked and end not in _ENDS:
        # OTHER, MALFORMED_RESPONSE and their like: a part of an answer at best.
        words = plain(f"the service gave the answer up (finishReason {end}) {first.finish_message or ''}")
        return Failure("given_up", words, 200)
    finish = None if end is None else "content_filter" if blocked else _ENDS[end]
    if not said and not thought and not blocked and finish != "length":
        return Failure("empty_reply", plain(f"no text (finishReason {end})"), 200)
    return Completion(
        text="".join(said) if said else None,
        reasoning="".join(thought) or None,
        refusal=(first.finish_message or end) if blocked and not said else None,
        finish_reason=finish,
        usage=counts,
        model=body.model_version,
        id=body.response_id,
    )


def usage(counts: Mapping[str, Any]) -> Usage:
    """Thoughts are billed as output and counted apart: https://ai.google.dev/gemini-api/docs/thinking#pricing"""
    into, said = count(counts, "promptTokenCount"), count(counts, "candidatesTokenCount")
    thoughts = count(counts, "thoughtsTokenCount")
    out = None if said is None and thoughts is None else (said or 0) + (thoughts or 0)
    return Usage(
        prompt_tokens=into,
        completion_tokens=out,
        total_tokens=count(counts, "totalTokenCount"),
        cached_tokens=count(counts, "cachedContentTokenCount"),
        reasoning_tokens=thoughts,
    )
