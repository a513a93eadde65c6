"""Batches over the openai SDK go the way that other requests go; what is waited for; a full disk."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import openai
import pytest

from sightbench.client.batches.ledger import Batch, Ledger
from sightbench.client.batches.openai_wire import OpenAIBatches
from sightbench.errors import EndpointError, RunFolderError
from tests.client.hosted import services
from tests.client.hosted.batch_machine import batched, replies
from tests.client.hosted.batch_process import service_at
from tests.client.samples import texts
from tests.faults.encrypted import encrypted
from tests.faults.server import Request, Response, Scripted, error, serving

KEY = "sk-of-the-tests"
SECRET = "header-secret-123"


async def asked(folder: Path, server: Scripted, service: OpenAIBatches) -> list[Request]:
    """The requests that three samples in a batch come to; all are answered."""
    seen: list[Request] = []
    answers = services.openai(services.Books())

    def route(request: Request) -> Response | None:
        seen.append(request)
        return answers(request)

    server.route = route
    await batched(folder, service, "openai", texts(3))
    assert {reply.status for reply in replies(folder).values()} == {"ok"}
    return seen


@pytest.mark.parametrize(
    ("ending", "query"),
    [("", ""), ("/v1/chat/completions", ""), ("/v1?api-version=preview", "api-version=preview")],
)
async def test_every_form_of_an_endpoints_url_leads_to_the_same_place(
    ending: str, query: str, tmp_path: Path
) -> None:
    async with serving() as server:
        service = OpenAIBatches(server.url.removesuffix("/v1") + ending, KEY)
        seen = await asked(tmp_path, server, service)
    assert all(request.path.startswith(("/v1/files", "/v1/batches")) for request in seen)
    assert all(query in request.path.partition("?")[2] for request in seen)
    assert {request.headers["authorization"] for request in seen} == {f"Bearer {KEY}"}


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy"])
async def test_a_proxy_of_the_environment_is_taken_as_for_live_requests(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None for this machine; and one of a kind that needs another library ended in a traceback."""
    for written in (name, name.upper()):
        monkeypatch.setenv(written, "socks5://user:password-77@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    async with serving() as server:
        assert await asked(tmp_path, server, OpenAIBatches(server.url, KEY))


async def test_a_certificate_nobody_knows_is_taken_only_where_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai._base_client, "MAX_RETRY_DELAY", 0.01)
    async with encrypted(tmp_path) as server:
        url = server.url.replace("http://", "https://")
        with pytest.raises(EndpointError, match="certificate"):
            await batched(tmp_path / "no", OpenAIBatches(url, KEY), "openai", texts(3))
        assert await asked(tmp_path / "yes", server, OpenAIBatches(url, KEY, insecure=True))


async def test_a_redirect_takes_no_secret_to_another_host() -> None:
    seen: list[Request] = []

    def other(request: Request) -> Response:
        seen.append(request)
        return error(400, "not here")

    async with serving() as elsewhere, serving() as server:
        elsewhere.route = other
        there = elsewhere.url.replace("127.0.0.1", "localhost")
        server.route = lambda request: Response(307, headers={"Location": f"{there}/batches/b"})
        service = OpenAIBatches(server.url, KEY, {"api-key": SECRET})
        with pytest.raises(EndpointError, match="not here"):
            await service.poll("b")
        await service.close()
    assert seen and SECRET not in str(seen) and KEY not in str(seen)


@pytest.mark.parametrize("wire", ["anthropic", "gemini", "mistral", "together"])
async def test_a_long_wait_is_told_and_not_sat_out(wire: str) -> None:
    async with serving() as server:
        server.route = lambda request: error(429, "tomorrow", Retry_After="86400")
        service = service_at(wire, server.url)
        async with asyncio.timeout(10):
            with pytest.raises(EndpointError, match="asks to wait 86400 s"):
                await service.poll("batches/1")
        await service.close()


def test_a_disk_that_is_full_takes_no_half_of_a_step(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    batch = ledger.write(Batch(1, "sending", "token", 3, "openai"))
    kept = (tmp_path / "batches.jsonl").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kept + 20, hard))
    try:
        with pytest.raises(RunFolderError):
            ledger.step(batch, "running", 1.0, id="batch_1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (found,) = Ledger(tmp_path)
    assert (found.state, found.id) == ("sending", None)
    ledger.step(batch, "running", 2.0, id="batch_1")
    (found,) = Ledger(tmp_path)
    assert (found.state, found.id) == ("running", "batch_1")
