"""A server that gives back what it got, in whatever clothes, gets no key into a file or a message."""

from __future__ import annotations

import base64
import json
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sightbench.client.batches.openai_wire import OpenAIBatches
from sightbench.client.journal import Journal
from sightbench.client.probe import probe
from sightbench.errors import EndpointError, UsageError
from sightbench.sample import Video
from tests.client.samples import about, run, texts, to
from tests.faults.server import Request, Response, completion, error, serving

KEY = 'sk-"/+ä-0123456789-abc'
PASSWORD = "pass/word+77"


def said(request: Request) -> str:
    """What the client sent, as a server reads it."""
    return request.headers["authorization"].encode("latin-1").decode("utf-8", "replace")


FORMS = {
    "as it is": lambda sent: sent,
    "without the scheme": lambda sent: sent.split(" ", 1)[1],
    "percent": lambda sent: quote(sent, safe=""),
    "base64": lambda sent: base64.b64encode(sent.encode()).decode(),
    "base64 for URLs": lambda sent: base64.urlsafe_b64encode(sent.encode()).decode(),
    "hex": lambda sent: sent.encode().hex(),
    "as JSON in JSON": lambda sent: json.dumps({"headers": [sent]}),
    "as UTF-8 in JSON in JSON": lambda sent: json.dumps([sent], ensure_ascii=False),
    "read as Latin-1": lambda sent: sent.encode().decode("latin-1"),
}

PLACES = {
    "the answer": lambda text: Response(body=completion(f"you sent {text}")),
    "a part": lambda text: Response(body=completion([{"type": "text", "text": text}])),  # type: ignore[arg-type]
    "the refusal": lambda text: Response(body=completion(None, refusal=text)),
    "the reasons": lambda text: Response(body=completion("A", reasoning=text)),
    "reasons that are a list": lambda text: Response(body=completion("A", reasoning=[text])),
    "the finish reason": lambda text: Response(
        body=completion("A").replace(b'"stop"', json.dumps(text).encode())
    ),
    "the model's name": lambda text: Response(body=completion("A", model=text)),
    "an error": lambda text: error(400, text),
    "a detail": lambda text: Response(422, json.dumps({"detail": [{"msg": text}]}).encode()),
    "a page": lambda text: Response(403, f"<html>{text}</html>".encode(), content_type="text/html"),
    "the masks": lambda text: Response(body=completion("x", masks=[{"label": text, "rles": [None]}])),
}


def kept(folder: Path, *more: object) -> str:
    return "\n".join([*(path.read_text() for path in folder.iterdir()), *map(repr, more)])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", FORMS)
async def test_a_key_is_kept_nowhere(form: str, place: str, tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        return PLACES[place](FORMS[form](said(request)))

    async with serving(script) as server:
        outcome, replies = await run(tmp_path, to(server.url, api_key=KEY, attempts=1), texts(2))
        assert said(server.requests[0]) == f"Bearer {KEY}"
    everything = kept(tmp_path, outcome, replies)
    assert "***" in everything or place == "the model's name"
    decoded = everything.encode().decode("unicode_escape", "replace") + everything
    for piece in (KEY[-14:], base64.b64encode(KEY.encode()).decode()[4:-4], KEY.encode().hex()[8:-8]):
        assert piece not in decoded


@pytest.mark.parametrize("form", FORMS)
async def test_a_password_of_a_url_is_kept_nowhere(form: str, tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        _, _, pair = said(request).partition(" ")
        user = base64.b64decode(pair).decode()
        return Response(
            body=completion(f"{FORMS[form](said(request))} {FORMS[form]('Basic ' + user)} {pair}")
        )

    async with serving(script) as server:
        url = server.url.replace("http://", f"http://user:{quote(PASSWORD, safe='')}@")
        outcome, replies = await run(tmp_path, to(url), texts(1))
    everything = kept(tmp_path, outcome, replies)
    assert outcome.answered == 1
    for piece in (PASSWORD, quote(PASSWORD), base64.b64encode(b"user:" + PASSWORD.encode()).decode()[:-4]):
        assert piece not in everything


@pytest.mark.parametrize("name", ["key", "api-key", "token", "sig"])
async def test_a_key_in_the_query_of_a_url_is_kept_nowhere(name: str, tmp_path: Path) -> None:
    """Google's 404 shows the whole address."""

    def route(request: Request) -> Response | None:
        if "/chat/" not in request.path:
            return None
        page = f"<p>The requested URL <code>{request.path}</code> was not found on this server."
        return Response(422, page.encode(), content_type="text/html")

    async with serving() as server:
        server.route = route
        url = f"{server.url}?{name}={quote(KEY, safe='')}&api-version=2024-10-21"
        outcome, replies = await run(tmp_path, to(url), texts(1))
    everything = kept(tmp_path, outcome, replies)
    assert outcome.failed == 1 and "***&api-version=2024-10-21" in everything
    assert KEY[-14:] not in everything and quote(KEY[-14:]) not in everything


@pytest.mark.parametrize("place", ["an error", "a page", "a detail"])
async def test_a_key_that_is_cut_off_by_a_messages_end_is_kept_nowhere(place: str, tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        text = "x" * (100 + 4 * number) + KEY + "y" * 600
        return replace(PLACES[place](text), status=422)

    async with serving(script) as server:
        outcome, replies = await run(tmp_path, to(server.url, api_key=KEY, concurrency=1), texts(110))
    assert outcome.failed == 110
    messages = [reply.error.message for reply in replies.values() if reply.error is not None]
    assert any("***" in message for message in messages)
    assert not any(KEY[:8] in message for message in messages)


async def test_a_traceback_shows_no_key_of_an_address_or_of_an_answer(tmp_path: Path) -> None:
    """A notebook prints what an error was raised from."""
    key = "sk-0123456789-abcdef"
    lost = Response(body=b"", headers={"Content-Length": "no number"})
    async with serving() as server:
        service = OpenAIBatches(server.url, key)
        server.route = lambda request: (
            error(401, f"Incorrect key: {key}") if "batch" in request.path else lost
        )
        with pytest.raises(EndpointError) as unread:
            await probe(f"{server.url}?key={key}", model="tiny")
        with pytest.raises(EndpointError, match="HTTP 401") as refused:
            await service.poll("batch_1")
        await service.close()
    for caught in (unread, refused):
        shown = "".join(traceback.format_exception(caught.value))
        assert key not in shown


async def test_masks_without_a_secret_stay_byte_for_byte(tmp_path: Path) -> None:
    video = tmp_path / "f.gif"
    video.write_bytes(b"GIF89a")
    masks: list[Any] = [{"object_id": 0, "rles": [{"size": [2, 2], "counts": "0\\4`o"}, None]}]
    async with serving(lambda request, number: Response(body=completion("x", masks=masks))) as server:
        sample = about(Video("v", (video,)), "a", wants="masks")
        _, replies = await run(tmp_path / "run", to(server.url, api_key=KEY), [sample])
    read = replies["a"].masks
    assert read is not None and read.objects() == masks


async def test_masks_too_deep_to_look_through_are_no_answer(tmp_path: Path) -> None:
    body = completion("x", masks=["M"]).replace(b'"M"', b"[" * 500 + b'"\\u0041"' + b"]" * 500)
    async with serving(lambda request, number: Response(body=body)) as server:
        outcome, replies = await run(tmp_path, to(server.url, api_key=KEY, attempts=1), texts(1))
    assert outcome.failed == 1 and replies["q/0"].error is not None
    assert "masks cannot be read" in replies["q/0"].error.message


@pytest.mark.parametrize(
    "body", [{"api_key": KEY}, {"a": [{"Authorization": KEY}]}, {"auth": {"token": KEY}}]
)
def test_a_secret_is_refused_where_it_would_be_kept(body: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"kept in run\.json") as refused:
        to("http://x", extra_body=body)
    assert KEY not in str(refused.value)
    assert to("http://x", extra_body={"prompt_cache_key": "x", "eos_token": "y"}).extra_body


@pytest.mark.parametrize(
    "proxy", ["http://user:{}@127.0.0.1:9", "nonsense:{}", "http://[{}", "socks5://u:{}@h"]
)
async def test_a_proxy_of_the_environment_is_not_quoted_with_its_password(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.format(PASSWORD))
    try:
        outcome, replies = await run(
            tmp_path, to("http://example.invalid/v1", patience=0.2, attempts=1), texts(1)
        )
        said = kept(tmp_path, outcome, replies)
    except UsageError as error:
        said = str(error)
        assert "http_proxy" in said
    assert PASSWORD not in said and quote(PASSWORD) not in said


async def test_a_traceback_that_shows_locals_shows_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tools print the locals of every frame of an error nobody foresaw."""

    def fail(self: object, reply: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Journal, "append", fail)
    async with serving() as server:
        url = server.url.replace("http://", f"http://user:{quote(PASSWORD, safe='')}@")
        settings = to(url, api_key=KEY, headers={"X-Extra": "another-secret"})
        with pytest.raises(BaseException) as caught:
            await run(tmp_path, settings, texts(2))
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True, compact=False)
    inner = "".join(frame for frame in told.format() if "tests/client" not in frame.splitlines()[0])
    assert "ZeroDivisionError" in inner
    for secret in (KEY, PASSWORD, "another-secret"):
        assert secret not in inner
