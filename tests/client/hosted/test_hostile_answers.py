"""Whatever a hosted service sends, on any wire and in any batch's file, is an answer or a failure."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.client.batches import result_lines
from sightbench.client.batches.ledger import LEDGER, Ledger
from sightbench.client.dialects.table import DIALECTS
from sightbench.client.transport.completion import Completion, parse
from sightbench.client.transport.failures import KINDS
from sightbench.errors import RunFolderError
from sightbench.sample import Failure
from tests.client.hosted import test_dialects as bodies
from tests.faults.server import completion
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
