"""Whatever a hosted service sends, on any wire and in any batch's file, is an answer or a failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.client.batches import result_lines
from sightbench.client.batches.ledger import LEDGER, Ledger
from sightbench.client.batches.service import Result
from sightbench.client.dialects.table import DIALECTS
from sightbench.client.transport.completion import Completion, parse
from sightbench.client.transport.failures import KINDS
from sightbench.errors import EndpointError, RunFolderError
from sightbench.sample import Failure
from tests.client.hosted import test_dialects as bodies
from tests.client.hosted.batch_process import service_at
from tests.faults.server import Request, Response, completion, serving
from tests.hostile import generator, mutated

VALID = {
    "openai-chat": completion(),
    "anthropic-messages": bodies.anthropic([{"type": "text", "text": "B"}]),
    "gemini-generate": bodies.gemini(parts=[{"text": "hm", "thought": True}, {"text": "B"}]),
    "openai-responses": bodies.responses([bodies.said("B")]),
}


@given(st.sampled_from(list(VALID)).flatmap(lambda name: st.tuples(st.just(name), mutated(VALID[name]))))
@generator(200)
def test_a_damaged_answer_on_any_wire_is_an_answer_or_a_failure(sent: tuple[str, bytes]) -> None:
    wire, raw = sent
    result = parse(200, {"content-type": "application/json"}, raw, decode=DIALECTS[wire].completion)
    if isinstance(result, Failure):
        assert result.kind in KINDS and result.message.isprintable() and len(result.message) <= 500
    else:
        orjson.dumps([result.text, result.reasoning, result.refusal, result.finish_reason, result.model])


def read(status: int, raw: bytes) -> Completion | Failure:
    return parse(status, {}, raw)


BODY = orjson.loads(completion())
ERROR = {"type": "error", "error": {"type": "x", "message": "no"}}
LINES: dict[result_lines.Line, tuple[object, ...]] = {
    result_lines.openai: (
        {"custom_id": "a", "response": {"status_code": 200, "body": BODY}, "error": None},
        {"custom_id": "a", "response": None, "error": {"code": "batch_expired", "message": "no"}},
    ),
    result_lines.anthropic: (
        {"custom_id": "a", "result": {"type": "succeeded", "message": BODY}},
        {"custom_id": "a", "result": {"type": "errored", "error": ERROR}},
        {"custom_id": "a", "result": {"type": "no"}},
    ),
    result_lines.gemini: (
        {"key": "a", "response": BODY},
        {"key": "a", "error": {"code": 3, "message": "no"}},
        {"key": "a", "status": {"code": 3, "message": "no"}},
    ),
}
RESULTS = [(wire, orjson.dumps(line)) for wire, lines in LINES.items() for line in lines]


@pytest.mark.parametrize(("wire", "line"), RESULTS)
def test_a_line_of_results_names_its_request(wire: result_lines.Line, line: bytes) -> None:
    ((name, result),) = result_lines.results([line, b"\n"], wire, read)
    assert name == "a"
    assert result.text == "A" if isinstance(result, Completion) else "no" in result.message


@given(st.sampled_from(RESULTS).flatmap(lambda pair: st.tuples(st.just(pair[0]), mutated(pair[1]))))
@generator(200)
def test_a_damaged_line_of_results_costs_no_other(sent: tuple[result_lines.Line, bytes]) -> None:
    wire, raw = sent
    sound = next(line for known, line in RESULTS if known is wire)
    *found, (name, result) = result_lines.results([raw, sound], wire, read)
    assert name == "a" and isinstance(result, Completion)
    for other, what in found:
        assert isinstance(other, str)
        assert isinstance(what, Completion) or what.message.isprintable()


JOBS: dict[str, tuple[object, ...]] = {
    "openai": (
        {"id": "file-1", "object": "file", "bytes": 3, "created_at": 1, "filename": "x", "purpose": "batch"},
        {
            "id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "file-1",
            "completion_window": "24h", "status": "failed", "created_at": 1, "metadata": {"sightbench": "t"},
            "request_counts": {"total": 3, "completed": 3, "failed": 0}, "output_file_id": "out",
            "errors": {"object": "list", "data": [{"code": "token_limit_exceeded", "message": "no"}]},
        },
        {"object": "list", "data": [{"id": "b", "status": "failed", "created_at": 9, "metadata": None}]},
    ),
    "anthropic": (
        {
            "id": "msgbatch_1", "processing_status": "ended", "request_counts": {"succeeded": 3},
            "created_at": "2026-01-15T15:30:00Z",
        },
        {"data": [{"id": "b", "processing_status": "ended", "request_counts": {}, "created_at":
            "2099-01-15T15:30:00Z"}], "has_more": True, "last_id": "b"},
    ),
    "gemini": (
        {"name": "batches/1", "metadata": {"state": "BATCH_STATE_SUCCEEDED", "batchStats": {"requestCount":
            "3", "successfulRequestCount": "3"}, "output": {"responsesFile": "files/out"}}},
        {"operations": [{"name": "batches/1", "metadata": {"displayName": "u"}}], "nextPageToken": "a"},
    ),
    "mistral": (
        {"id": "job-1", "status": "FAILED", "metadata": {"sightbench": "u"}, "total_requests": 3,
         "completed_requests": 3, "errors": [{"message": "no"}], "output_file": "out", "error_file": None},
        {"data": [{"id": "job-1", "status": "QUEUED"}], "total": 1},
    ),
    "together": (
        {"id": "1", "status": "FAILED", "input_file_id": "file-1", "progress": 7.5, "error": "no",
         "output_file_id": "out", "job": {"id": "1"}},
        [{"id": "1", "status": "IN_PROGRESS", "input_file_id": "file-1"}],
        {"data": [{"id": "file-1", "filename": "t.jsonl"}]},
    ),
}  # fmt: skip


def word(wire: str) -> st.SearchStrategy[bytes]:
    return st.sampled_from(JOBS[wire]).flatmap(lambda body: mutated(orjson.dumps(body)))


@given(st.sampled_from(list(JOBS)).flatmap(lambda wire: st.tuples(st.just(wire), word(wire), word(wire))))
@generator(25)
def test_a_damaged_word_about_a_batch_is_one_line(tmp_path: Path, sent: tuple[str, bytes, bytes]) -> None:
    """Every step of a batch, with answers to it that are damaged one way to POST and another to GET."""
    wire, posted, got = sent
    file = tmp_path / "0001.jsonl"
    file.write_bytes(b'{"custom_id":"a","url":"/v1/chat/completions","body":{}}\n')

    def route(request: Request) -> Response:
        return Response(body=posted if request.method == "POST" else got, headers={"X-Goog-Upload-URL": "/"})

    async def every_step() -> None:
        async with serving() as server:
            server.route = route
            service = service_at(wire, server.url)
            steps: list[Callable[[], Awaitable[object]]] = [
                lambda: service.create(file, "t"),
                lambda: service.find("t", 3, 2e9, frozenset()),
                lambda: service.poll("1"),
                lambda: service.cancel("1"),
                lambda: all_of(service.results("1", read)),
            ]
            try:
                for step in steps:
                    try:
                        await step()
                    except EndpointError as error:
                        assert str(error).isprintable()
            finally:
                await service.close()

    asyncio.run(every_step())


async def all_of(found: AsyncIterator[Result]) -> list[Result]:
    return [result async for result in found]


BATCH = b'{"number":1,"state":"running","token":"t","items":3,"service":"openai","id":"b","at":1.5}'
ITEM = b'{"fingerprint":"f","samples":["a"],"sent":{"bytes":3}}'


@given(mutated(BATCH), mutated(ITEM))
@generator()
def test_a_damaged_ledger_is_read_or_refused_in_one_line(tmp_path: Path, batch: bytes, item: bytes) -> None:
    (tmp_path / "batches").mkdir(exist_ok=True)
    (tmp_path / LEDGER).write_bytes(BATCH + b"\n" + batch + b"\n")
    try:
        ledger = Ledger(tmp_path)
        for known in ledger:
            ledger.items_path(known.number).write_bytes(item + b"\n")
            ledger.items(known)
    except RunFolderError as error:
        assert str(error).isprintable() and len(str(error)) < 1000
