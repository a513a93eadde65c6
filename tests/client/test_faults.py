"""What servers and networks do wrong: the run ends, says what happened, and its scores are a clean run's."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import sightbench.client.body
import sightbench.client.pool
import sightbench.client.transport.retry
from sightbench.client.journal import Journal
from sightbench.client.probe import probe
from sightbench.client.run import ask
from sightbench.errors import EndpointError, RunFolderError
from sightbench.sample import Sample
from tests.client.samples import run, texts, to
from tests.faults.encrypted import encrypted
from tests.faults.proxy import broken
from tests.faults.server import (
    Request,
    Response,
    Script,
    Scripted,
    always,
    answer_text,
    completion,
    error,
    flaky,
    healthy,
    serving,
)

SECRET = "sk-secret-0123456789"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between attempts and probes are shortened; what is decided stays the same."""
    monkeypatch.setattr(sightbench.client.pool, "_PROBE_EVERY", 0.05)
    monkeypatch.setattr(sightbench.client.transport.retry, "UNIT_SECONDS", 0.01)


def once(first: Response, then: int = 1) -> Script:
    """Does `first` for the first `then` requests, answers from there on."""
    return lambda request, number: first if number < then else healthy(request, number)


AGAIN = {
    "429 without Retry-After": error(429),
    "429 with Retry-After": error(429, Retry_After="0.01"),
    "500": error(500),
    "503": error(503),
    "408": error(408),
    "reset before the reply": Response(end="reset"),
    "reset in the body": Response(body=completion()[:50], declared=500, end="reset"),
    "cut in the body": Response(body=completion()[:50], declared=500, end="close"),
    "truncated JSON": Response(body=completion()[:50]),
    "wrong content type, no JSON": Response(body=b"hello", content_type="text/plain"),
    "HTML error page": Response(502, b"<html><h1>502 Bad Gateway</h1></html>", content_type="text/html"),
    "HTML with status 200": Response(body=b"<html>log in</html>", content_type="text/html"),
    "an error inside a 200": Response(body=b'{"error": {"message": "provider failed", "code": 502}}'),
    "an error without a code inside a 200": Response(body=b'{"error": "oops"}'),
    "empty choices": Response(body=b'{"choices": []}'),
    "choices is null": Response(body=b'{"choices": null}'),
    "no message": Response(body=b'{"choices": [{"index": 0}]}'),
    "content: null": Response(body=completion(None)),
    "an empty body": Response(body=b""),
    "a list": Response(body=b"[1, 2]"),
    "broken gzip": Response(body=b"no gzip at all", headers={"Content-Encoding": "gzip"}),
    "not HTTP": Response(body=b"x" * 20, headers={"Content-Length": "abc"}),
}


@pytest.mark.parametrize("name", AGAIN)
async def test_a_passing_fault_is_tried_again(name: str, tmp_path: Path) -> None:
    async with serving(once(AGAIN[name], 2)) as server:
        outcome, replies = await run(tmp_path, to(server.url, concurrency=1), texts(3))
    assert (outcome.answered, outcome.failed, outcome.stopped) == (3, 0, None)
    assert replies["q/0"].attempts == 3 and replies["q/1"].attempts == 1


@pytest.mark.parametrize("name", AGAIN)
async def test_a_lasting_fault_is_an_error_never_an_answer(name: str, tmp_path: Path) -> None:
    fault = AGAIN[name]

    def script(request: Request, number: int) -> Response:
        return fault if "question 1" in request.body.decode() else healthy(request, number)

    async with serving(script) as server:
        outcome, replies = await run(tmp_path, to(server.url, attempts=3), texts(3))
    assert (outcome.answered, outcome.failed, outcome.stopped) == (2, 1, None)
    reply = replies["q/1"]
    assert reply.status == "error" and reply.text is None
    # A busy server is asked four times as often.
    assert reply.attempts == (12 if fault.status in (429, 503) else 3)
    assert reply.error is not None and reply.error.message and "\n" not in reply.error.message


FINAL = {
    "context_length": [
        error(400, "This model's maximum context length is 16384 tokens. However, you requested 20000"),
        error(400, "The prompt (20000) exceeds model's maximum context length of 16384"),
        error(400, "max_tokens=99999 cannot be greater than max_model_len=16384"),
        Response(
            400,
            b'{"object":"error","message":"The input (20000 tokens) is longer than the model\'s context '
            b'length (16384 tokens).","code":400}',
        ),
        error(400, "The decoder prompt contains 9000 tokens, which is beyond the encoder cache size"),
    ],
    "too_many_images": [error(400, "At most 8 image(s) may be provided in one prompt.")],
    "bad_request": [error(400, "no"), Response(400, b"<html>", content_type="text/html")],
    "too_large": [error(413, "body too large")],
    "unprocessable": [error(422, "no")],
    "rejected": [error(418), Response(302, headers={"Location": "http://127.0.0.1:1/"})],
}


@pytest.mark.parametrize("kind", FINAL)
async def test_a_final_fault_is_named_and_not_tried_again(kind: str, tmp_path: Path) -> None:
    for index, response in enumerate(FINAL[kind]):
        async with serving(always(response)) as server:
            outcome, replies = await run(tmp_path / str(index), to(server.url), texts(1))
        assert (outcome.failed, outcome.stopped, server.count) == (1, None, 1)
        assert replies["q/0"].error is not None and replies["q/0"].error.kind == kind


STOPS = {
    401: (error(401, f"Incorrect API key provided: {SECRET}"), "key is missing or wrong"),
    403: (error(403, "no access"), "may not use"),
    404: (error(404, "The model `tiny` does not exist."), "does not know the model 'tiny'"),
    402: (error(402, "pay first"), "no quota"),
    429: (error(429, "You exceeded your current quota, insufficient_quota"), "no quota"),
}


@pytest.mark.parametrize("status", STOPS)
async def test_what_would_fail_every_request_stops_the_run_with_one_line(status: int, tmp_path: Path) -> None:
    response, words = STOPS[status]

    def script(request: Request, number: int) -> Response:
        return healthy(request, number) if number < 20 else response

    async with serving(script) as server:
        outcome, replies = await run(tmp_path, to(server.url, api_key=SECRET), texts(2000))
    assert outcome.stopped is not None and words in outcome.stopped and "\n" not in outcome.stopped
    assert server.count < 100
    assert sum(reply.status == "ok" for reply in replies.values()) == outcome.answered == 20
    assert SECRET not in outcome.stopped + repr(replies)
    assert SECRET not in (tmp_path / "replies.jsonl").read_text()


async def test_a_server_that_echoes_the_key_does_not_get_it_into_the_journal(tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        return Response(body=completion(f"your key is {request.headers['authorization']}"))

    async with serving(script) as server:
        url = server.url.replace("http://", "http://user:pass-word-77@")
        settings = to(url, api_key=SECRET, headers={"X-Extra": "another-secret"})
        outcome, _ = await run(tmp_path, settings, texts(1))
        assert server.requests[0].headers["x-extra"] == "another-secret"
    assert outcome.answered == 1
    written = (tmp_path / "replies.jsonl").read_text()
    for secret in (SECRET, "pass-word-77", "another-secret"):
        assert secret not in written + repr(settings)


async def test_a_slow_loris_runs_into_the_timeout(tmp_path: Path) -> None:
    async with serving(once(Response(body=completion(), drip=0.05))) as server:
        outcome, replies = await run(tmp_path, to(server.url, timeout=0.5), texts(1))
    assert outcome.answered == 1 and replies["q/0"].attempts == 2


@pytest.mark.parametrize("packed", [False, True])
async def test_replies_are_capped_before_they_are_parsed(
    packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightbench.client.body, "MAX_TEXT_REPLY", 2**20)
    body = completion("x" * 30_000_000)
    response = (
        Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        if packed
        else Response(body=body)
    )
    async with serving(lambda request, number: response) as server:
        outcome, replies = await run(tmp_path, to(server.url), texts(1))
    assert outcome.failed == 1 and server.count == 1
    assert replies["q/0"].error is not None and replies["q/0"].error.kind == "reply_too_large"


async def test_a_packed_reply_of_normal_size_is_read(tmp_path: Path) -> None:
    response = Response(body=gzip.compress(completion("A")), headers={"Content-Encoding": "gzip"})
    async with serving(lambda request, number: response) as server:
        _, replies = await run(tmp_path, to(server.url), texts(1))
    assert replies["q/0"].text == "A"


@pytest.mark.parametrize("retry_after", [None, "0.2"])
async def test_a_429_storm_passes_and_everything_is_answered(retry_after: str | None, tmp_path: Path) -> None:
    clock = {"until": 0.0}
    refusal = error(429) if retry_after is None else error(429, Retry_After=retry_after)

    def script(request: Request, number: int) -> Response:
        if number == 50:
            clock["until"] = time.monotonic() + 0.5
        return refusal if time.monotonic() < clock["until"] else healthy(request, number)

    async with serving(script) as server:
        outcome, _ = await run(tmp_path, to(server.url, attempts=30, concurrency="auto"), texts(300))
    assert (outcome.answered, outcome.failed) == (300, 0)


async def test_retry_after_keeps_every_request_away(tmp_path: Path) -> None:
    at: list[float] = []

    def script(request: Request, number: int) -> Response:
        at.append(time.monotonic())
        return error(429, Retry_After="0.5") if number == 0 else healthy(request, number)

    async with serving(script) as server:
        outcome, _ = await run(tmp_path, to(server.url, concurrency=1), texts(4))
    assert outcome.answered == 4
    assert at[1] - at[0] >= 0.5


async def test_a_wait_beyond_patience_stops_the_run(tmp_path: Path) -> None:
    async with serving(lambda request, number: error(429, "daily limit", Retry_After="36000")) as server:
        outcome, _ = await run(tmp_path, to(server.url), texts(50))
    assert outcome.stopped is not None and "asks to wait" in outcome.stopped
    assert "daily limit" in outcome.stopped


async def test_through_a_network_that_breaks_a_third_of_exchanges_all_is_answered(tmp_path: Path) -> None:
    async with serving() as server:
        _, clean = await run(tmp_path / "clean", to(server.url), texts(300))
        async with broken(server.url, 0.3, seed=3) as proxy:
            outcome, replies = await run(tmp_path / "broken", to(proxy.url, attempts=15), texts(300))
            assert min(proxy.broken.values()) > 5
    assert (outcome.answered, outcome.failed) == (300, 0)
    assert {name: reply.text for name, reply in replies.items()} == {n: r.text for n, r in clean.items()}


async def test_with_a_third_of_requests_failing_the_answers_are_those_of_a_clean_run(tmp_path: Path) -> None:
    async with serving() as server:
        _, clean = await run(tmp_path / "clean", to(server.url), texts(400))
    async with serving(flaky(0.3, seed=7)) as server:
        outcome, faulty = await run(tmp_path / "faulty", to(server.url, attempts=12), texts(400))
    assert outcome.answered == 400 and outcome.failed == 0
    assert server.count > 450
    assert {name: reply.text for name, reply in faulty.items()} == {n: r.text for n, r in clean.items()}
    assert all(reply.fingerprint == clean[name].fingerprint for name, reply in faulty.items())


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1", "unix:///nowhere"]
)
async def test_nothing_there_stops_the_run_after_its_patience(url: str, tmp_path: Path) -> None:
    outcome, replies = await run(tmp_path, to(url, patience=0.3), texts(100_000))
    assert outcome.stopped is not None and "no endpoint has answered" in outcome.stopped
    assert outcome.answered == 0 and len(replies) < 20


async def test_a_server_that_restarts_costs_no_answers(tmp_path: Path) -> None:
    server = Scripted(lambda request, number: Response(body=completion(), delay=0.002))
    await server.start()

    async def restart() -> None:
        await server.reached(100)
        await server.stop()
        await asyncio.sleep(0.5)
        await server.start(server.port)

    restarted = asyncio.create_task(restart())
    outcome, _ = await run(tmp_path, to(server.url), texts(500))
    await restarted
    await server.stop()
    assert (outcome.answered, outcome.failed, outcome.stopped) == (500, 0, None)


async def test_one_of_three_endpoints_dies_and_returns(tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        return Response(body=completion(answer_text(request.body)), delay=0.005)

    async with serving(script) as one, serving(script) as two:
        three = Scripted(script)
        await three.start()
        counts: dict[str, int] = {}

        async def die_and_return() -> None:
            await three.reached(50)
            await three.stop()
            counts["at death"] = three.count
            await asyncio.sleep(0.4)
            await three.start(three.port)

        task = asyncio.create_task(die_and_return())
        outcome, _ = await run(tmp_path, to(one.url, two.url, three.url), texts(4000))
        await task
        await three.stop()
    assert (outcome.answered, outcome.failed) == (4000, 0)
    assert three.count > counts["at death"] + 50
    assert min(one.count, two.count) > 500


async def test_a_dead_endpoint_among_living_ones_fails_nothing(tmp_path: Path) -> None:
    async with serving() as server:
        outcome, _ = await run(tmp_path, to("http://127.0.0.1:9/v1", server.url), texts(300))
    assert (outcome.answered, outcome.failed) == (300, 0)


async def test_a_burst_of_1024_loses_nothing(tmp_path: Path) -> None:
    async with serving() as server:
        server.gate = asyncio.Event()
        running = asyncio.create_task(run(tmp_path, to(server.url, concurrency=1024), texts(3000)))
        await server.reached(1024)
        server.gate.set()
        outcome, replies = await running
    assert (outcome.answered, outcome.failed) == (3000, 0)
    assert server.most == 1024
    assert all(reply.attempts == 1 for reply in replies.values())


async def test_a_full_disk_stops_the_run_and_what_was_written_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Journal.append

    def fill(journal: Journal, reply: object) -> None:
        if len(appended) == 30:
            raise RunFolderError("replies.jsonl: No space left on device")
        appended.append(reply)
        append(journal, reply)  # type: ignore[arg-type]

    appended: list[object] = []
    async with serving() as server:
        with monkeypatch.context() as full:
            full.setattr(Journal, "append", fill)
            outcome, replies = await run(tmp_path, to(server.url), texts(500))
        assert outcome.stopped is not None and "No space left" in outcome.stopped
        assert len(replies) == outcome.answered == 30
        again, _ = await run(tmp_path, to(server.url), texts(500))
    assert (again.kept, again.answered) == (30, 470)


async def test_a_reader_that_fails_is_reported_after_what_it_gave_was_asked(tmp_path: Path) -> None:
    def reader() -> Iterator[Sample]:
        yield from texts(100)
        raise ValueError("row 101 is broken")

    async with serving() as server:
        with Journal.open(tmp_path) as journal:
            with pytest.raises(ValueError, match="row 101"):
                await ask(reader(), to(server.url, lookahead=0), journal)
            assert len(journal.index()) >= 98


async def test_an_untrusted_certificate_is_refused_unless_asked_for(tmp_path: Path) -> None:
    async with encrypted(tmp_path) as server:
        url = server.url.replace("http://", "https://")
        with pytest.raises(EndpointError, match=r"certificate is not trusted.*--insecure"):
            await probe(url)
        assert (await probe(url, insecure=True)).model == "tiny"
        outcome, _ = await run(tmp_path / "insecure", to(url, insecure=True), texts(5))
        assert outcome.answered == 5
        outcome, _ = await run(tmp_path / "secure", to(url, patience=0.2, attempts=2), texts(1))
    assert outcome.answered == 0
