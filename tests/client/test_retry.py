"""From what went wrong to what is done about it: pure functions, so every rule is a line here."""

from __future__ import annotations

import socket
import time

import aiohttp
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from sightbench.client.transport.completion import Completion, parse
from sightbench.client.transport.endpoint import ReplyTooLarge, from_exception
from sightbench.client.transport.error_codes import read_error
from sightbench.client.transport.failures import KINDS, from_status
from sightbench.client.transport.quota import quotas
from sightbench.client.transport.retry import decide, retry_after
from sightbench.mask_text import MaskText
from sightbench.sample import Failure, Usage
from tests.faults.server import completion

AGAIN = [
    *("rate_limited", "overloaded", "server_error", "timeout", "conflict", "unreachable", "dns", "tls"),
    *("reset", "cut_off", "bad_reply", "no_choices", "empty_reply", "given_up", "mixed_up", "other_model"),
]
FINAL = [
    *("context_length", "too_many_images", "bad_request", "too_large", "unprocessable", "rejected"),
    *("reply_too_large", "media", "conversation_broken", "blocked"),
]


@pytest.mark.parametrize("kind", AGAIN)
def test_what_may_pass_is_tried_again_until_the_attempts_are_used_up(kind: str) -> None:
    allowed = 12 if kind in ("rate_limited", "overloaded") else 3
    actions = [decide(Failure(kind, "x"), attempt, 3).action for attempt in range(1, allowed + 1)]
    assert actions == ["again"] * (allowed - 1) + ["final"]


@pytest.mark.parametrize("kind", FINAL)
def test_what_cannot_pass_is_final(kind: str) -> None:
    assert decide(Failure(kind, "x"), 1, 9).action == "final"


STOPS = [
    *("unauthorized", "forbidden", "not_found", "no_quota", "parameter_refused", "media_options_refused"),
    "local_files_refused",
]


def test_every_kind_of_failure_has_its_rule_here() -> None:
    assert sorted(KINDS) == sorted([*AGAIN, *FINAL, *STOPS])


@pytest.mark.parametrize("kind", STOPS)
def test_what_every_request_would_meet_stops_the_run(kind: str) -> None:
    assert decide(Failure(kind, "x"), 1, 9).action == "stop"


@given(st.integers(1, 50), st.floats(0, 1, exclude_max=True))
def test_delays_have_full_jitter_and_a_ceiling(attempt: int, jitter: float) -> None:
    decision = decide(Failure("server_error", "x"), attempt, 99, jitter=lambda: jitter)
    assert decision.delay == min(60.0, 2.0 ** (attempt - 1)) * jitter


@given(st.floats(0, 3600), st.floats(0, 1, exclude_max=True))
def test_retry_after_is_waited_out_with_jitter_on_top(wait: float, jitter: float) -> None:
    decision = decide(Failure("rate_limited", "x"), 1, 9, retry_after=wait, jitter=lambda: jitter)
    assert wait <= decision.delay <= wait + max(0.5, wait / 4)


def test_a_connection_reset_under_the_first_try_is_tried_again_at_once() -> None:
    assert decide(Failure("reset", "x"), 1, 9, jitter=lambda: 1.0).delay == 0
    assert decide(Failure("reset", "x"), 2, 9, jitter=lambda: 1.0).delay == 2


def test_nothing_is_waited_for_beyond_the_deadline() -> None:
    failure = Failure("rate_limited", "x")
    assert decide(failure, 1, 9, retry_after=5.0, remaining=4.0).action == "final"
    assert decide(failure, 1, 9, retry_after=5.0, remaining=40.0).action == "again"


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "bad", "bad_request"),
        (400, "This model's maximum context length is 10 tokens", "context_length"),
        (400, "context_length_exceeded", "context_length"),
        (413, "prompt is too long", "context_length"),
        (400, "At most 8 image(s) may be provided in one prompt.", "too_many_images"),
        (400, "At most 0 video(s) may be provided in one prompt.", "too_many_images"),
        (400, "Per-request media_io_kwargs are disabled by default", "media_options_refused"),
        (500, "Cannot load local files without `--allowed-local-media-path`.", "local_files_refused"),
        (401, "x", "unauthorized"),
        (404, "x", "not_found"),
        (429, "slow down", "rate_limited"),
        (429, "You exceeded your current quota, please check your plan and billing", "no_quota"),
        (500, "the maximum context length of the universe", "server_error"),
        (502, "x", "server_error"),
        (503, "x", "overloaded"),
        (504, "x", "timeout"),
        (529, "x", "overloaded"),
        (301, "x", "rejected"),
        (451, "x", "rejected"),
    ],
)
def test_statuses_and_the_engines_words_have_names(status: int, message: str, kind: str) -> None:
    failure = from_status(status, message)
    assert (failure.kind, failure.http_status) == (kind, status)


@given(st.text(), st.integers(300, 599))
def test_a_message_is_always_one_short_line(message: str, status: int) -> None:
    shown = from_status(status, message).message
    assert len(shown) <= 500 and len(shown.splitlines()) <= 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"error": {"message": "no", "type": "t", "code": 5}}, "no t 5"),
        ({"error": "no"}, "no"),
        ({"error": {}}, "an error without a message"),
        ({"object": "error", "message": "no", "code": 400}, "no"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"choices": [], "message": "x"}, None),
        ({"choices": [1], "error": None}, None),
        (["a"], None),
    ],
)
def test_errors_are_found_in_every_shape(content: object, message: str | None) -> None:
    refused = read_error(content)
    assert (None if refused is None else refused.message) == message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}, 90.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "60s"}, None),
        ({"x-ratelimit-remaining-requests": "0"}, None),
        ({}, None),
    ],
)
def test_servers_say_in_many_ways_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=10.0) == seconds


@pytest.mark.parametrize("off", [-9 * 3600, 0, 9 * 3600])
def test_a_moment_in_a_header_is_by_the_servers_clock(off: int) -> None:
    """Its answers say what that is; a machine may be off by a time zone."""
    date = {"Date": "Sun, 06 Nov 1994 08:49:07 GMT"}
    now = 784111777.0 - 30 + off
    assert retry_after(CIMultiDict(date | {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}), now) == 30
    told = {"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-limit": "9"}
    told |= {"anthropic-ratelimit-tokens-reset": "1994-11-06T08:49:37Z"}
    found = quotas(CIMultiDict(date | told), now)
    assert found is not None and found.tokens is not None and found.tokens.reset == 30


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize(
    "date",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 -0000",
    ],
)
def test_a_date_is_the_same_moment_in_every_time_zone(
    date: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert retry_after({"retry-after": date}, now=784111777.0 - 90) == 90
    finally:
        monkeypatch.undo()
        time.tzset()


def key() -> aiohttp.client_reqrep.ConnectionKey:
    return aiohttp.client_reqrep.ConnectionKey("h", 1, False, True, None, None, None)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (aiohttp.ClientConnectorError(key(), ConnectionRefusedError(111, "refused")), "unreachable"),
        (aiohttp.ClientConnectorDNSError(key(), OSError("no such name")), "dns"),
        (socket.gaierror("no such name"), "dns"),
        (aiohttp.ConnectionTimeoutError("slow"), "unreachable"),
        (aiohttp.SocketTimeoutError("slow"), "timeout"),
        (TimeoutError(), "timeout"),
        (aiohttp.ServerDisconnectedError(), "reset"),
        (ConnectionResetError(104, "reset"), "reset"),
        (aiohttp.ClientOSError(32, "broken pipe"), "reset"),
        (aiohttp.ClientPayloadError("cut"), "cut_off"),
        (ReplyTooLarge("more than 1 MiB"), "reply_too_large"),
    ],
)
def test_exceptions_of_the_transport_have_names(error: BaseException, kind: str) -> None:
    assert from_exception(error, 5.0).kind == kind


def test_an_answer_is_taken_as_it_came() -> None:
    raw = completion(" B.\n", reasoning_content="hm", masks=[{"object_id": 0}], tokens=7)
    answer = parse(200, {}, raw)
    assert answer == Completion(
        " B.\n", "hm", MaskText(b'[{"object_id": 0}]'), None, "stop", Usage(5, 2, 7), "tiny", "chatcmpl-1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": None, "reasoning": "only thoughts"}, Completion(None, "only thoughts")),
        ({"content": None, "refusal": "I will not"}, Completion(None, refusal="I will not")),
        ({"content": None, "masks": []}, Completion(None, masks=MaskText(b"[]"))),
        ({"content": "", "reasoning": "new", "reasoning_content": "old"}, Completion("", "new")),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, Completion("ab")),
    ],
)
def test_a_message_may_hold_other_things_than_text(message: dict[str, object], expected: Completion) -> None:
    raw = orjson.dumps({"choices": [{"message": message}]})
    assert parse(200, {}, raw) == expected


@pytest.mark.parametrize("content", [7, 0, 0.5, True, False, {"text": "B"}, {}])
def test_content_that_is_no_text_is_no_answer(content: object) -> None:
    result = parse(200, {}, orjson.dumps({"choices": [{"message": {"content": content}}]}))
    assert isinstance(result, Failure) and result.kind == "bad_reply"


def test_a_servers_words_cannot_steer_the_terminal() -> None:
    words = "no\x1b[2J\x00\x07\x9b1m\u202eend"
    error = orjson.dumps({"error": {"message": words}})
    for status, raw in ((400, error), (200, error), (500, words.encode())):
        result = parse(status, {"content-type": "text/plain"}, raw)
        assert isinstance(result, Failure) and result.message.isprintable()
        assert "no" in result.message and "end" in result.message


def test_null_content_cut_by_the_token_limit_is_an_answer_without_text() -> None:
    raw = b'{"choices": [{"message": {"content": null}, "finish_reason": "length"}]}'
    assert parse(200, {}, raw) == Completion(None, finish_reason="length")


@given(st.binary(max_size=300), st.sampled_from([200, 400, 429, 500]))
def test_any_bytes_are_an_answer_or_a_failure_and_never_an_exception(raw: bytes, status: int) -> None:
    assert isinstance(parse(status, {"content-type": "text/plain"}, raw), Failure)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "error", "usage", "code", "masks", "text"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_an_answer_or_a_failure_and_never_an_exception(content: object) -> None:
    assert isinstance(parse(200, {}, orjson.dumps(content)), Completion | Failure)
