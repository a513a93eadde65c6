"""The lines of a batch's results, decoded into typed records. Pure.

A line that is no result costs the request it belonged to, never those beside it: it has no name, so the
request stays unanswered and is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from sightbench.client.batches.service import Read, Result
from sightbench.json_record import NOTHING, from_json
from sightbench.sample import Failure
from sightbench.terminal import plain

Line = Callable[[bytes, Read], Result]
"""(a line, what reads a body) -> what became of the request. Raises ValueError."""


def results(lines: Iterable[bytes], line: Line, read: Read) -> Iterator[Result]:
    """What became of each request; a line that is no result has the name ""."""
    for raw in lines:
        if raw.strip():
            try:
                yield line(raw, read)
            except ValueError as error:
                yield "", Failure("batch_item", plain(f"a line that is no result: {error}", 200))


class _Error(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None


def failed(error: msgspec.Raw) -> Failure:
    """The failure that a line tells of: an error object, a text, or whatever it is."""
    raw = bytes(error)
    try:
        told = from_json(raw, _Error)
        words = told.message or told.code
    except ValueError:
        words = "" if raw == b"null" else raw.decode(errors="replace").strip('"')
    return Failure("batch_item", plain(words or "no response"))


class _Response(msgspec.Struct):
    status_code: int | None = None
    body: msgspec.Raw = NOTHING


class _OpenAI(msgspec.Struct):
    custom_id: str
    response: _Response | None = None
    error: msgspec.Raw = NOTHING


def openai(line: bytes, read: Read) -> Result:
    """Of an output or an error file. The same in Mistral's files and in those of `vllm run-batch`."""
    row = from_json(line, _OpenAI)
    if row.response is not None and row.response.body != NOTHING:
        return row.custom_id, read(row.response.status_code or 200, bytes(row.response.body))
    return row.custom_id, failed(row.error)


class _Made(msgspec.Struct):
    type: str
    message: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


class _Anthropic(msgspec.Struct):
    custom_id: str
    result: _Made


class _Inner(msgspec.Struct):
    type: str | None = None
    error: msgspec.Raw = NOTHING


def _inner(raw: msgspec.Raw) -> _Inner:
    return from_json(raw, _Inner) if bytes(raw).startswith(b"{") else _Inner()


def anthropic(line: bytes, read: Read) -> Result:
    """https://platform.claude.com/docs/en/build-with-claude/batch-processing"""
    row = from_json(line, _Anthropic)
    if row.result.type == "succeeded":
        return row.custom_id, read(200, bytes(row.result.message))
    if row.result.type != "errored":
        return row.custom_id, Failure("batch_item", plain(row.result.type))
    outer = _inner(row.result.error)
    raw = row.result.error if outer.error == NOTHING else outer.error
    inner = _inner(raw)
    # A result carries no HTTP status; an invalid request is the one that stays wrong.
    status = 400 if inner.type == "invalid_request_error" else 500
    return row.custom_id, read(status, b'{"error":%b}' % bytes(raw))


class _Gemini(msgspec.Struct):
    key: str
    response: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING
    status: msgspec.Raw = NOTHING


def gemini(line: bytes, read: Read) -> Result:
    """https://ai.google.dev/gemini-api/docs/batch-api"""
    row = from_json(line, _Gemini)
    if row.response != NOTHING:
        return row.key, read(200, bytes(row.response))
    return row.key, failed(row.status if row.error == NOTHING else row.error)
