"""One line of replies.jsonl: a JSON object that ends with the CRC32 of all that stands before it.

Lines written before there were checksums load all the same, if every field is what it should be.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import orjson

from sightbench.client.transport.completion import usage_of
from sightbench.mask_text import MaskText
from sightbench.sample import NO_USAGE, Failure, Json, Reply, Sent, SentMedia, Usage
from sightbench.terminal import plain

_CHECK = b',"crc32":"%08x"}\n'
_CHECK_BYTES = len(_CHECK % 0)
_CHECKED = re.compile(rb',"crc32":"([0-9a-f]{8})"\}\n')
_SAMPLE = re.compile(rb'"sample": ?("(?:[^"\\]|\\.){1,500}")')


class LineError(ValueError):
    """A line that is no reply, or not the one that was written; the message says why."""


class _Line(msgspec.Struct):
    """What a line holds; unknown fields are passed over, absent ones take these values."""

    sample: str
    status: Literal["ok", "error"]
    ask: str = ""
    text: str | None = None
    reasoning: str | None = None
    masks: msgspec.Raw = msgspec.Raw(b"null")
    refusal: str | None = None
    finish_reason: str | None = None
    usage: msgspec.Raw = msgspec.Raw(b"null")
    latency_s: float = 0.0
    attempts: int = 1
    endpoint: str = ""
    at: float = 0.0
    error: Failure | None = None
    sent: Sent | None = None
    model: str | None = None
    system_fingerprint: str | None = None
    served_by: str | None = None
    tier: str | None = None
    reused: str | None = None


class Head(msgspec.Struct):
    """What the index of a journal holds of a line."""

    sample: str
    status: Literal["ok", "error"]
    ask: str = ""
    error: Failure | None = None


_SERVED = ("model", "system_fingerprint", "served_by", "tier", "reused")

_line = msgspec.json.Decoder(_Line)
_head = msgspec.json.Decoder(Head)


def to_line(reply: Reply) -> bytes:
    """One JSON object and a newline; fields that hold nothing are left out."""
    return b"".join(pieces(reply))


def pieces(reply: Reply, about: Mapping[str, Json] | None = None) -> tuple[memoryview, bytes]:
    """The line in two pieces, so that masks of a hundred megabytes are not copied to put them together.

    `about` holds further fields, for people to read.
    """
    values: dict[str, Any] = {"sample": reply.sample, "ask": reply.fingerprint, "status": reply.status}
    values |= about or {}
    if reply.text is not None:
        values["text"] = reply.text
    for name in ("reasoning", "refusal", "finish_reason"):
        value = getattr(reply, name)
        if value:
            values[name] = value
    if reply.masks is not None:
        values["masks"] = orjson.Fragment(reply.masks.json)
    if reply.usage != NO_USAGE:
        values["usage"] = {name: value for name, value in _usage(reply.usage) if value is not None}
    values |= {"latency_s": reply.latency_s, "attempts": reply.attempts}
    if reply.endpoint:
        values["endpoint"] = reply.endpoint
    values["at"] = reply.at
    if reply.error is not None:
        values["error"] = reply.error
    if reply.sent is not None:
        values["sent"] = {"bytes": reply.sent.bytes, "media": [_medium(one) for one in reply.sent.media]}
    for name in _SERVED:
        value = getattr(reply, name)
        if value:
            values[name] = value
    whole = memoryview(orjson.dumps(values))[:-1]
    return whole, _CHECK % zlib.crc32(whole)


def from_line(line: bytes) -> Reply:
    """The reply in a line, whatever version wrote it. Raises LineError for what is not a reply."""
    verify(line)
    try:
        found = _line.decode(line)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise LineError(plain(f"not a reply: {error}", 200)) from None
    masks = bytes(found.masks)
    return Reply(
        sample=found.sample,
        fingerprint=found.ask,
        status=found.status,
        text=found.text,
        reasoning=found.reasoning,
        masks=None if masks == b"null" else MaskText(masks),
        refusal=found.refusal,
        finish_reason=found.finish_reason,
        usage=usage_of(bytes(found.usage)),
        latency_s=found.latency_s,
        attempts=found.attempts,
        endpoint=found.endpoint,
        at=found.at,
        error=found.error,
        sent=found.sent,
        model=found.model,
        system_fingerprint=found.system_fingerprint,
        served_by=found.served_by,
        tier=found.tier,
        reused=found.reused,
    )


def head(line: bytes) -> Head:
    """What the index of a journal needs of a line. Raises LineError for what is not a reply.

    A line without a checksum is decoded whole, since nothing else speaks for it.
    """
    if not verify(line):
        reply = from_line(line)
        return Head(reply.sample, reply.status, reply.fingerprint, reply.error)
    try:
        return _head.decode(line)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise LineError(plain(f"not a reply: {error}", 200)) from None


def verify(line: bytes) -> bool:
    """Whether the line has a checksum. Raises LineError if it is another one's, or the line is cut."""
    if not line.endswith(b"}\n"):
        raise LineError("cut off, or followed by something that is not JSON")
    match = _CHECKED.fullmatch(line, max(0, len(line) - _CHECK_BYTES))
    if match is None:
        return False
    if zlib.crc32(memoryview(line)[:-_CHECK_BYTES]) != int(match[1], 16):
        raise LineError("its checksum does not fit: something changed it after it was written")
    return True


def sample_in(line: bytes) -> str | None:
    """The sample that a broken line seems to be about, for people to read; None if that cannot be told."""
    match = _SAMPLE.search(line[:4096])
    try:
        return None if match is None else plain(orjson.loads(match[1]), 100)
    except orjson.JSONDecodeError:
        return None


def _usage(usage: Usage) -> tuple[tuple[str, float | None], ...]:
    return (
        ("prompt_tokens", usage.prompt_tokens),
        ("completion_tokens", usage.completion_tokens),
        ("total_tokens", usage.total_tokens),
        ("cached_tokens", usage.cached_tokens),
        ("reasoning_tokens", usage.reasoning_tokens),
        ("cost", usage.cost),
        ("cache_write_tokens", usage.cache_write_tokens),
    )


def _medium(medium: SentMedia) -> dict[str, Any]:
    values: dict[str, Any] = {"kind": medium.kind, "count": medium.count, "sha256": medium.sha256}
    if medium.indices is not None:
        values |= {"indices": medium.indices, "of": medium.of}
    if medium.decoded:
        values["decoded"] = True
    if medium.resized:
        values["resized"] = medium.resized
    return values
