"""What a server answered, decoded into typed records. Pure: neither repairs nor judges the text.

What decides a score (content, refusal, finish_reason) has the type it must have, or the reply is a failure
that names the place; what does not (usage, model, id) is left out where it is not what it should be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
import orjson

from sightbench.client.transport.error_codes import read_error
from sightbench.client.transport.failures import from_body, from_status
from sightbench.mask_text import MaskText
from sightbench.redaction import Redaction
from sightbench.sample import NO_USAGE, Failure, Usage
from sightbench.terminal import plain

MOST_TOKENS = 2**32
"""No reply is longer; a server that counts more has a broken counter."""

_GIVEN_UP = frozenset(
    {"error", "abort", "aborted", "cancelled", "canceled", "failed", "insufficient_system_resource"}
)
"""What servers call it when they ended an answer that the model had not finished; the last one is DeepSeek's
(https://api-docs.deepseek.com/api/create-chat-completion)."""

_SILENT = frozenset({"length", "content_filter"})
"""Ends after which a reply without content is an answer all the same."""

_NOTHING_SAID = frozenset({"no_choices", "server_error"})
"""Failures in a 200 whose reason may stand in an error beside."""

_ERROR_BYTES = 2**20
_LABELLED_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered, as it came; `model` is the name the server says answered, `id` the server's (or
    our) name for the request."""

    text: str | None
    reasoning: str | None = None
    masks: MaskText | None = None
    refusal: str | None = None
    finish_reason: str | None = None
    usage: Usage = NO_USAGE
    model: str | None = None
    id: str | None = None
    system_fingerprint: str | None = None
    served_by: str | None = None
    tier: str | None = None


_ABSENT = msgspec.Raw(b"null")


class _Part(msgspec.Struct):
    text: str | None = None
    refusal: str | None = None
    thinking: msgspec.Raw = _ABSENT


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    reasoning: msgspec.Raw = _ABSENT
    # vLLM renamed reasoning_content to reasoning; SGLang and others still send the old name.
    reasoning_content: msgspec.Raw = _ABSENT
    masks: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Choice(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    error: msgspec.Raw = _ABSENT


class _Body(msgspec.Struct):
    choices: list[_Choice] | None = None
    error: msgspec.Raw = _ABSENT
    usage: msgspec.Raw = _ABSENT
    model: msgspec.Raw = _ABSENT
    id: msgspec.Raw = _ABSENT
    system_fingerprint: msgspec.Raw = _ABSENT
    provider: msgspec.Raw = _ABSENT
    service_tier: msgspec.Raw = _ABSENT


_Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)]


class _Counts(msgspec.Struct, forbid_unknown_fields=True):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    total_tokens: _Count | None = None


_usage = msgspec.json.Decoder(_Counts)
_text = msgspec.json.Decoder(str)
_decoder = msgspec.json.Decoder(_Body)
_BROKEN = (msgspec.DecodeError, RecursionError, ValueError)


def chat_completion(raw: bytes) -> Completion | Failure:
    """The answer in a chat completion. Raises what msgspec raises for what is none."""
    body = _decoder.decode(raw)
    if not body.choices:
        return Failure("no_choices", "the reply has no choices", 200)
    return _completion(body, body.choices[0], 200)


def parse(
    status: int,
    headers: Mapping[str, str],
    raw: bytes,
    provider: str | None = None,
    decode: Callable[[bytes], Completion | Failure] = chat_completion,
) -> Completion | Failure:
    """The answer in a response, or why there is none; never raises. `decode` reads the dialect's answer."""
    if status != 200:
        failure = _refusal(status, headers, raw, provider)
        if failure.kind == "blocked":
            # A filter's verdict is an answer, whether a provider calls it a 200 or a 400.
            return Completion(None, refusal=failure.message, finish_reason="content_filter")
        # 201 to 206 promise less than an answer: accepted, empty, a part of it.
        return Failure("bad_reply", failure.message, status) if 200 < status < 300 else failure
    unreadable = _unreadable(headers)
    if unreadable is not None:
        return Failure("bad_reply", unreadable, status)
    try:
        found = decode(raw)
    except _BROKEN as error:
        return _no_completion(headers, raw, provider, plain(f"not an answer: {error}"), "bad_reply")
    if isinstance(found, Failure):
        if found.kind in _NOTHING_SAID:
            return _no_completion(headers, raw, provider, found.message, found.kind)
        return found
    # https://ai.google.dev/gemini-api/docs/priority-inference: the tier stands in a header there.
    told = headers.get("x-gemini-service-tier")
    return found if told is None else replace(found, tier=plain(told, 40))


def asked_to_wait(raw: bytes) -> float | None:
    """Seconds an error body asks to wait (Gemini has no header for it), None when it does not say."""
    refused = read_error(_loads(raw))
    return None if refused is None else refused.retry_after


def redacted(completion: Completion | Failure, redaction: Redaction) -> Completion | Failure:
    """What a server said, with no secret in it."""
    if not redaction:
        return completion
    if isinstance(completion, Failure):
        return replace(completion, message=redaction.excerpt(completion.message))
    shown = replace(
        completion,
        text=_hidden(completion.text, redaction),
        reasoning=_hidden(completion.reasoning, redaction),
        refusal=_hidden(completion.refusal, redaction),
        finish_reason=_hidden(completion.finish_reason, redaction),
        model=_hidden(completion.model, redaction),
        id=_hidden(completion.id, redaction),
        system_fingerprint=_hidden(completion.system_fingerprint, redaction),
        served_by=_hidden(completion.served_by, redaction),
        tier=_hidden(completion.tier, redaction),
    )
    masks = completion.masks
    if masks is None or not redaction.touches(masks.json):
        return shown
    if len(masks.json) > _LABELLED_BYTES:
        return Failure("bad_reply", "the masks hold escaped text of a size that no label has", 200)
    try:
        hidden = orjson.dumps(redaction.json(orjson.loads(masks.json)))
    except (*_BROKEN, orjson.JSONEncodeError) as error:
        return Failure("bad_reply", plain(f"the masks cannot be read: {error}"), 200)
    return replace(shown, masks=MaskText(hidden))


def usage_of(raw: bytes) -> Usage:
    """The token counts in a reply's `usage`; what is no sensible count is left out."""
    if raw == b"null":
        return NO_USAGE
    try:
        plain_counts = _usage.decode(raw)
    except _BROKEN:
        pass
    else:
        # Nearly all of them: three whole numbers and nothing else that is kept.
        return Usage(plain_counts.prompt_tokens, plain_counts.completion_tokens, plain_counts.total_tokens)
    content = _loads(raw)
    if not isinstance(content, Mapping):
        return Usage()
    return Usage(
        count(content, "prompt_tokens"),
        count(content, "completion_tokens"),
        count(content, "total_tokens"),
        count(content, "cached_tokens", "prompt_tokens_details"),
        count(content, "reasoning_tokens", "completion_tokens_details"),
        _cost(content.get("cost")),
        count(content, "cache_write_tokens", "prompt_tokens_details"),
    )


def _completion(body: _Body, choice: _Choice, status: int) -> Completion | Failure:
    finish = choice.finish_reason
    # https://openrouter.ai/docs/errors: what goes wrong while a model answers is told in the body of a 200,
    # whatever there is of the answer.
    error = _beside(choice.error) or _beside(body.error)
    if finish in _GIVEN_UP or error is not None:
        why = f" ({finish})" if finish in _GIVEN_UP else ""
        words = plain(f"the server gave the answer up{why}: {error or 'it says no more'}")
        return Failure("given_up", words, status)
    message = choice.message
    if message is None:
        return Failure("no_choices", "the reply's first choice has no message", status)
    text, refusal = _said(message)
    reasoning = _words(message.reasoning) or _words(message.reasoning_content) or _thoughts(message)
    masks = None if message.masks is msgspec.UNSET else _masks(bytes(message.masks))
    silent = text is None and not reasoning and not refusal and masks is None
    if silent and finish not in _SILENT:
        return Failure("empty_reply", plain(f"content is null (finish_reason {finish})"), status)
    return Completion(
        text,
        reasoning,
        masks,
        refusal,
        finish,
        usage_of(bytes(body.usage)),
        _words(body.model),
        _words(body.id),
        _words(body.system_fingerprint),
        _words(body.provider),
        _words(body.service_tier),
    )


def _beside(raw: msgspec.Raw) -> str | None:
    """What an error beside an answer says, None for one that is empty."""
    if raw is _ABSENT:
        return None
    error = _loads(bytes(raw))
    told = error.get("message") or error.get("code") if isinstance(error, Mapping) else error
    refused = read_error({"error": error}) if told else None
    return None if refused is None else refused.message


def _said(message: _Message) -> tuple[str | None, str | None]:
    """Text and refusal, whichever way they came."""
    content = message.content
    if not isinstance(content, list):
        return content, message.refusal or None
    texts = [part.text for part in content if part.text is not None]
    refusals = [part.refusal for part in content if part.refusal]
    text = "".join(texts) if texts or not refusals else None
    return text, message.refusal or "".join(refusals) or None


def _thoughts(message: _Message) -> str | None:
    """Reasons in parts of the content: https://docs.mistral.ai/capabilities/reasoning"""
    if not isinstance(message.content, list):
        return None
    told = [_loads(bytes(part.thinking)) for part in message.content if part.thinking is not _ABSENT]
    pieces = [piece for thoughts in told if isinstance(thoughts, list) for piece in thoughts]
    texts = [piece.get("text") for piece in pieces if isinstance(piece, Mapping)]
    return "".join(text for text in texts if isinstance(text, str)) or None


def _masks(raw: bytes) -> MaskText | None:
    """Raises UnicodeDecodeError for what is no text."""
    if raw[:1] != b"[":
        return None
    if not raw.isascii():
        raw.decode()
    # Line breaks can only stand between values, and a line of the journal has none.
    return MaskText(raw.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in raw or b"\r" in raw else raw)


def _words(raw: msgspec.Raw) -> str | None:
    """A text field that no score depends on: a text, or whatever it is as JSON; empty and null are None."""
    if raw is _ABSENT:
        return None
    text = bytes(raw)
    if text in (b"null", b'""'):
        return None
    if text[:1] == b'"':
        return _text.decode(text)
    try:
        # Written anew, so that nothing in it stands behind escapes.
        return orjson.dumps(orjson.loads(text)).decode()
    except orjson.JSONEncodeError:
        # Nested deeper than can be written.
        return None


def count(content: Mapping[str, Any], name: str, details: str | None = None) -> int | None:
    """The number of tokens under `name`, or under it in `details`; None for what is no sensible count."""
    value = content.get(name)
    if details is not None and value is None:
        inner = content.get(details)
        value = inner.get(name) if isinstance(inner, Mapping) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def _cost(value: object) -> float | None:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    return number if 0 <= number < 1e9 else None


def _hidden(text: str | None, redaction: Redaction) -> str | None:
    return None if text is None else redaction.text(text)


def _refusal(status: int, headers: Mapping[str, str], raw: bytes, provider: str | None) -> Failure:
    refused = read_error(_loads(raw))
    if refused is None:
        return from_status(status, _excerpt(status, headers, raw))
    return from_body(status, refused, provider)


def _no_completion(
    headers: Mapping[str, str], raw: bytes, provider: str | None, words: str, kind: str
) -> Failure:
    """Why there is no answer in a 200: the error in it, or that it is something else."""
    content = _loads(raw)
    refused = None if isinstance(content, dict) and content.get("choices") else read_error(content)
    if refused is not None:
        if refused.status is not None:
            return from_body(refused.status, refused, provider)
        return Failure("bad_reply", plain(refused.message), 200)
    if not isinstance(content, dict):
        return Failure("bad_reply", _excerpt(200, headers, raw) if content is None else words, 200)
    return Failure(kind, words, 200)


def _unreadable(headers: Mapping[str, str]) -> str | None:
    """Why the body is not what its bytes seem to say: a packing or a character set that nobody undid."""
    packing = headers.get("content-encoding", "").strip().lower()
    if packing not in ("", "identity", "gzip", "deflate", "br", "zstd"):
        return plain(f"the reply's content-encoding is {packing!r}, which was not asked for", 200)
    _, separator, charset = headers.get("content-type", "").lower().partition("charset=")
    charset = charset.partition(";")[0].strip(" \t\"'")
    if separator and charset not in ("utf-8", "utf8", "us-ascii", "ascii", ""):
        return plain(f"the reply's charset is {charset!r}; JSON is UTF-8", 200)
    return None


def _excerpt(status: int, headers: Mapping[str, str], raw: bytes) -> str:
    start = plain(raw[:200].decode("utf-8", "replace"))
    what = plain(headers.get("content-type", "").partition(";")[0], 80) or "no content type"
    return f"HTTP {status}, {what}, not JSON: {start}" if start else f"HTTP {status} with an empty body"


def _loads(raw: bytes) -> Any:
    """JSON of a size that an error or a count has; None for all else."""
    if len(raw) > _ERROR_BYTES:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
