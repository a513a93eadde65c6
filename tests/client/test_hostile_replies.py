"""Whatever a server sends, the run ends, says what happened, and no answer is scored that is none."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sightbench.client.pool
import sightbench.client.transport.retry
from sightbench.client.journal import Journal
from sightbench.client.probe import probe
from sightbench.client.progress import Progress, line
from sightbench.client.run import ask
from sightbench.client.transport.completion import Completion, parse
from sightbench.client.transport.failures import KINDS
from sightbench.client.transport.models import listed
from sightbench.client.transport.retry import retry_after
from sightbench.errors import EndpointError
from sightbench.sample import Failure, Usage
from tests.client.samples import run, texts, to
from tests.faults.server import Request, Response, completion, error, healthy, serving
from tests.hostile import generator, mutated


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightbench.client.pool, "_PROBE_EVERY", 0.05)
    monkeypatch.setattr(sightbench.client.transport.retry, "UNIT_SECONDS", 0.01)


def nested(depth: int, inner: str = "1") -> str:
    return "[" * depth + inner + "]" * depth


def reply(**fields: Any) -> bytes:
    return json.dumps({**json.loads(completion()), **fields}).encode()


def choice(**fields: Any) -> bytes:
    content = json.loads(completion())
    content["choices"][0] |= fields
    return json.dumps(content).encode()


def spliced(key: str, value: str) -> bytes:
    return completion().replace(b'"object":', f'"{key}": {value}, "object":'.encode(), 1)


DEEP = 100_000

NO_ANSWER = {
    "finish_reason error": (Response(body=choice(finish_reason="error")), "given_up"),
    "finish_reason abort with text": (Response(body=choice(finish_reason="abort")), "given_up"),
    "finish_reason insufficient_system_resource": (
        Response(body=choice(finish_reason="insufficient_system_resource")),
        "given_up",
    ),
    "a choice's error": (
        Response(body=choice(finish_reason="error", error={"message": "engine died", "code": 502})),
        "given_up",
    ),
    "a choice's error beside a part of the answer": (
        Response(body=choice(finish_reason=None, error={"message": "Provider disconnected", "code": 502})),
        "given_up",
    ),
    "an error beside a part of the answer": (
        Response(body=reply(error={"message": "Provider disconnected", "code": 502})),
        "given_up",
    ),
    "a text for an error beside an answer": (Response(body=reply(error="upstream timed out")), "given_up"),
    "finish_reason a number": (Response(body=choice(finish_reason=3)), "bad_reply"),
    "a nested error": (Response(body=f'{{"error": {nested(DEEP)}}}'.encode()), "bad_reply"),
    "a nested detail": (Response(400, f'{{"detail": {nested(DEEP)}}}'.encode()), "bad_request"),
    "a nested error at orjson's depth": (
        Response(400, f'{{"error": {{"message": {nested(900)}}}}}'.encode()),
        "bad_request",
    ),
    "errors in arrays in arrays": (Response(500, nested(1000, '{"error": "x"}').encode()), "server_error"),
    "a nested unknown field": (Response(body=spliced("x", nested(DEEP))), "bad_reply"),
    "nested content": (
        Response(body=completion().replace(b'"A"', nested(DEEP).encode())),
        "bad_reply",
    ),
    "an unknown content-encoding": (
        Response(body=completion(), headers={"Content-Encoding": "foo"}),
        "bad_reply",
    ),
    "two content-encodings": (
        Response(body=completion(), headers={"Content-Encoding": "gzip, foo"}),
        "bad_reply",
    ),
    "an unknown charset": (
        Response(body=completion(), content_type="application/json; charset=x-klingon"),
        "bad_reply",
    ),
    "another charset": (
        Response(body=completion("A"), content_type='application/json; charset="latin-1"'),
        "bad_reply",
    ),
    "status 201": (Response(201, completion()), "bad_reply"),
    "status 204": (Response(204), "bad_reply"),
    "status 205": (Response(205), "bad_reply"),
    "status 206": (Response(206, completion()), "bad_reply"),
    "not UTF-8": (Response(body=completion("x").replace(b"x", b"\xff")), "bad_reply"),
    "half a surrogate pair": (Response(body=completion("x").replace(b'"x"', b'"\\ud800"')), "bad_reply"),
    "a part that is no part": (Response(body=completion().replace(b'"A"', b'["A"]')), "bad_reply"),
    "a huge status in the body": (Response(body=b'{"error": {"message": "x", "code": 1e400}}'), "bad_reply"),
}  # fmt: skip


@pytest.mark.parametrize("error", [None, {}, "", {"message": None, "code": None}, {"code": 0, "message": ""}])
def test_an_error_that_says_nothing_is_none(error: object) -> None:
    for body in (reply(error=error), choice(error=error)):
        assert parse(200, {}, body) == parse(200, {}, completion())


@pytest.mark.parametrize("name", NO_ANSWER)
async def test_it_is_a_failure_with_a_name_and_the_run_goes_on(name: str, tmp_path: Path) -> None:
    bad, kind = NO_ANSWER[name]

    def script(request: Request, number: int) -> Response:
        return bad if "question 1" in request.body.decode() else healthy(request, number)

    async with serving(script) as server:
        outcome, replies = await run(tmp_path, to(server.url, attempts=3), texts(3))
    assert (outcome.answered, outcome.failed, outcome.stopped) == (2, 1, None)
    failure = replies["q/1"].error
    assert failure is not None and failure.kind == kind and failure.message.isprintable()
    assert replies["q/1"].attempts == (3 if KINDS[kind].tries else 1)


@pytest.mark.parametrize("status", [204, 205, 206])
async def test_a_status_that_promises_no_answer_is_asked_again(status: int, tmp_path: Path) -> None:
    async with serving(lambda r, n: Response(status) if n < 2 else healthy(r, n)) as server:
        outcome, replies = await run(tmp_path, to(server.url, concurrency=1), texts(1))
    assert outcome.answered == 1 and replies["q/0"].attempts == 3


def test_a_refusal_is_one_whichever_way_it_comes() -> None:
    parts = [{"type": "refusal", "refusal": "I will not."}]
    for content in (
        {"content": None, "refusal": "I will not."},
        {"content": parts},
        {"content": [{"type": "text", "text": ""}, *parts]},
    ):
        result = parse(200, {}, json.dumps({"choices": [{"message": content}]}).encode())
        assert isinstance(result, Completion) and result.refusal == "I will not." and not result.text


SENSELESS = {
    "2^62 tokens": {"prompt_tokens": 2**62, "completion_tokens": 2**62, "total_tokens": 2**63},
    "more than any integer": {"total_tokens": 10**400},
    "negative": {"total_tokens": -5},
    "half a token": {"total_tokens": 1.5},
    "a text": {"total_tokens": "12"},
    "a truth": {"total_tokens": True},
    "a list": ["total_tokens"],
    "nothing": None,
}


@pytest.mark.parametrize("name", SENSELESS)
async def test_a_senseless_count_of_tokens_is_none_and_stalls_nothing(name: str, tmp_path: Path) -> None:
    body = reply(usage=SENSELESS[name])
    async with serving(lambda request, number: Response(body=body)) as server:
        outcome, replies = await run(tmp_path, to(server.url, tpm=6_000_000), texts(30))
    assert (outcome.answered, outcome.tokens) == (30, 0)
    assert {r.usage for r in replies.values()} == {Usage()}
    assert outcome.seconds < 10


def test_a_name_that_is_nested_json_is_not_told() -> None:
    for depth in (300, 900):
        result = parse(200, {}, spliced("system_fingerprint", nested(depth)))
        assert isinstance(result, Completion) and result.text == "A"


def test_a_count_may_be_a_float_and_its_details_are_kept() -> None:
    usage = {
        "prompt_tokens": 7.0,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 1, "other": {}},
    }
    result = parse(200, {}, reply(usage=usage))
    assert isinstance(result, Completion) and result.usage == Usage(7, None, 9, 5, 1)


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "Thu, 01 Jan 1970 00:00:00 +9999999999999"},
        {"retry-after": "Thu, 01 Jan 99999 00:00:00 GMT"},
        {"retry-after": "Mon, 99 Xyz 2100"},
        {"retry-after": "1e400"},
        {"retry-after": "9" * 5000},
        {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9" * 5000 + "d"},
        {
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "9999-12-31T23:59:59-23:59",
        },
    ],
)
def test_a_clock_that_no_calendar_has_is_no_traceback(headers: dict[str, str]) -> None:
    wait = retry_after(headers, now=time.time())
    assert wait is None or 0 <= wait <= 366 * 86400


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "3600"},
        {"Retry-After": "1000000000"},
        {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"},
        {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "2h"},
    ],
)
async def test_a_good_answer_does_not_put_the_run_to_sleep_for_hours(
    headers: dict[str, str], tmp_path: Path
) -> None:
    async with serving(lambda request, number: Response(body=completion(), headers=headers)) as server:
        outcome, _ = await run(tmp_path, to(server.url, concurrency=2), texts(20))
    assert (outcome.answered, outcome.stopped) == (20, None) and outcome.seconds < 10


async def test_a_wait_is_said_while_it_lasts(tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        headers = {"Retry-After": "1"} if number == 3 else {}
        return Response(body=completion(), headers=headers)

    seen: list[str | None] = []
    async with serving(script) as server:
        settings = to(server.url, concurrency=1)
        with Journal.open(tmp_path) as journal:
            await ask(texts(8), settings, journal, progress=lambda counts: seen.append(counts.waiting))
    said = [waiting for waiting in seen if waiting]
    assert said and "asks to wait another 0:0" in said[0] and server.url in said[0]
    assert seen[-1] is None


def test_while_nobody_answers_no_time_is_said_to_be_left() -> None:
    counts = Progress(started=0.0, answered=5, waiting="no endpoint answers, for 0:03 of 5:00")
    assert line(counts, 100, now=10.0).endswith("· no endpoint answers, for 0:03 of 5:00")
    assert "left" not in line(counts, 100, now=10.0)


MODELS = {
    "nested capabilities": f'[{{"id": "tiny", "capabilities": {nested(DEEP)}}}]',
    "nested owner": f'[{{"id": "tiny", "owned_by": {nested(900)}}}]',
    "an owner that is a list": '[{"id": "tiny", "owned_by": ["vllm"], "max_model_len": 16, "root": "r"}]',
    "a length that is huge": f'[{{"id": "tiny", "max_model_len": {"9" * 5000}}}]',
    "entries that are none": '[7, null, [], {"id": 5}, {"id": "tiny"}]',
    "half a surrogate": '[{"id": "tiny", "root": "\\ud800"}]',
}


@pytest.mark.parametrize("name", MODELS)
async def test_a_hostile_list_of_models_is_a_list_or_one_line(name: str) -> None:
    async with serving() as server:
        server.other["/v1/models"] = Response(body=f'{{"data": {MODELS[name]}}}'.encode())
        try:
            assert (await probe(server.url, model="tiny")).model == "tiny"
        except EndpointError as problem:
            assert "\n" not in str(problem) and str(problem).isprintable()


async def test_what_is_told_beside_a_broken_field_is_still_known() -> None:
    async with serving() as server:
        models = MODELS["an owner that is a list"]
        server.other["/v1/models"] = Response(body=f'{{"data": {models}}}'.encode())
        info = await probe(server.url)
    assert (info.root, info.max_model_len, info.engine) == ("r", 16, "generic")


@pytest.mark.parametrize("status", [401, 402, 403, 404])
async def test_a_refusal_of_one_sample_is_its_own_and_the_run_goes_on(status: int, tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        content = request.json["messages"][-1]["content"]
        return error(status, "no") if content in ("question 3", "question 40") else healthy(request, number)

    async with serving(script) as server:
        outcome, replies = await run(tmp_path, to(server.url), texts(60))
    assert (outcome.answered, outcome.failed, outcome.stopped) == (58, 2, None)
    assert replies["q/3"].error is not None and replies["q/3"].error.http_status == status
    assert replies["q/3"].attempts == 1


async def test_a_key_that_expires_stops_the_run_even_if_some_samples_were_refused_before(
    tmp_path: Path,
) -> None:
    def script(request: Request, number: int) -> Response:
        return error(403, "no") if number == 5 or number > 60 else healthy(request, number)

    async with serving(script) as server:
        outcome, _ = await run(tmp_path, to(server.url, concurrency=4), texts(500))
    assert outcome.stopped is not None and "may not use" in outcome.stopped
    assert outcome.failed <= 10 and server.count < 100


async def test_a_text_answer_is_read_no_further_than_its_tokens_can_come_to(tmp_path: Path) -> None:
    body = completion("x" * 3_000_000)
    async with serving(lambda request, number: Response(body=body)) as server:
        _, short = await run(tmp_path / "a", to(server.url, max_tokens=100), texts(1))
        _, long = await run(tmp_path / "b", to(server.url, max_tokens=100_000), texts(1))
        _, extra = await run(
            tmp_path / "c", to(server.url, max_tokens=9, extra_body={"logprobs": 1}), texts(1)
        )
    assert short["q/0"].error is not None and short["q/0"].error.kind == "reply_too_large"
    assert long["q/0"].status == extra["q/0"].status == "ok"


@given(mutated(completion(" B.\n", reasoning="hm", masks=[{"object_id": 0, "rles": [None]}])))
@generator(300)
def test_a_damaged_reply_is_the_same_answer_another_text_or_a_failure(raw: bytes) -> None:
    result = parse(200, {"content-type": "application/json"}, raw)
    assert isinstance(result, Completion | Failure)
    if isinstance(result, Failure):
        assert result.kind in KINDS and result.message.isprintable() and len(result.message) <= 500
    else:
        orjson.dumps([result.text, result.reasoning, result.refusal, result.finish_reason, result.model])
        assert result.masks is None or (
            b"\n" not in result.masks.json and json.loads(result.masks.json) is not None
        )


@given(
    mutated(b'{"error": {"message": "no", "type": "t", "code": 400, "details": [{"reason": "x"}]}}')
    | mutated(
        b'[{"error": {"code": 429, "details": [{"retryDelay": "3s", "violations": [{"quotaId": "q"}]}]}}]'
    )
    | mutated(b'{"detail": [{"type": "t", "loc": ["body", "top_k"], "msg": "m"}]}'),
    st.sampled_from([200, 204, 302, 400, 401, 403, 404, 413, 422, 429, 500, 503]),
)
@generator(300)
def test_a_damaged_error_is_a_failure_with_a_name(raw: bytes, status: int) -> None:
    result = parse(status, {}, raw)
    assert isinstance(result, Completion) or (result.kind in KINDS and result.message.isprintable())


@given(
    mutated(
        b'{"data": [{"id": "tiny", "root": "/w", "max_model_len": 9, "capabilities": ["text"]}, {"id": "b"}]}'
    ),
    st.sampled_from([200, 400, 401, 404, 429]),
)
@generator(200)
def test_a_damaged_list_of_models_is_a_list_or_a_failure(raw: bytes, status: int) -> None:
    result = listed(status, raw)
    if isinstance(result, Failure):
        assert result.kind in KINDS and result.message.isprintable()
    else:
        assert all(isinstance(card.id, str) for card in result)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("retry-after", "retry-after-ms", "x-ratelimit-remaining-tokens"),
                *("x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-remaining"),
                "anthropic-ratelimit-tokens-reset",
            ]
        ),
        st.sampled_from(["0", "1e9", "Thu, 01 Jan 1970 00:01:40 GMT", "2030-01-01T00:00:00Z", "6m0s"])
        | st.text(max_size=30),
    )
)
@generator(300)
def test_any_header_is_a_wait_that_ends_or_none(headers: dict[str, str]) -> None:
    wait = retry_after(headers, now=1.8e9)
    assert wait is None or 0 <= wait <= 366 * 86400


async def test_nothing_is_left_running_after_hostile_replies(tmp_path: Path) -> None:
    before = len(asyncio.all_tasks())
    async with serving(
        lambda request, number: list(NO_ANSWER.values())[number % len(NO_ANSWER)][0]
    ) as server:
        await run(tmp_path, to(server.url, attempts=2, patience=2.0), texts(50))
    await asyncio.sleep(0.1)
    assert len(asyncio.all_tasks()) <= before
