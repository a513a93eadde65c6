"""What a server is asked before a run, and the one line a user gets when it is the wrong one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sightbench.client.probe import ServerInfo, agree, models_at, probe, probe_all, probe_masks
from sightbench.client.transport.address import address
from sightbench.errors import EndpointError, UsageError
from sightbench.families import families, family, load, named
from tests.client.samples import run, text, to
from tests.faults.server import Request, Response, completion, error, serving


def page(content: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(content).encode())


async def test_a_vllm_server_is_recognised() -> None:
    async with serving(
        models=("tiny",), owned_by="vllm", max_model_len=4096, root="/m/Qwen3-VL-2B"
    ) as server:
        server.other["/version"] = page({"version": "0.32.0"})
        info = await probe(server.url)
    assert (info.engine, info.version, info.model) == ("vllm", "0.32.0", "tiny")
    assert (info.max_model_len, info.root, info.frame_lists) == (4096, "/m/Qwen3-VL-2B", True)
    assert json.dumps(info.record())


async def test_a_vllm_server_that_takes_no_frame_options_is_recognised() -> None:
    refusal = error(400, "Per-request media_io_kwargs are disabled by default")
    async with serving(lambda request, number: refusal, owned_by="vllm") as server:
        assert not (await probe(server.url)).frame_lists


async def test_an_sglang_server_is_recognised() -> None:
    async with serving(owned_by="sglang", max_model_len=2048) as server:
        server.other["/get_server_info"] = page({"version": "0.5.23"})
        info = await probe(server.url, model="tiny")
    assert (info.engine, info.version, info.max_model_len, info.frame_lists) == (
        "sglang",
        "0.5.23",
        2048,
        False,
    )


async def test_capabilities_are_told_or_unknown() -> None:
    async with serving() as plain, serving(capabilities=["text", "masks"]) as masks:
        assert (await probe(plain.url)).capabilities is None
        assert (await probe(masks.url)).capabilities == ("text", "masks")


async def test_a_mask_request_shows_whether_a_silent_server_segments() -> None:
    async with (
        serving(lambda request, number: Response(body=completion(masks=[]))) as masks,
        serving() as plain,
        serving(lambda request, number: error(400, "unknown field mask_options")) as strict,
    ):
        assert await probe_masks(to(masks.url))
        assert not await probe_masks(to(plain.url))
        assert not await probe_masks(to(strict.url))
        assert masks.requests[0].json["mask_options"] == {"return_masks": True}
    with pytest.raises(EndpointError, match="cannot be reached"):
        await probe_masks(to("http://127.0.0.1:9/v1"))


async def test_a_model_nobody_serves_is_an_error_that_lists_those_served() -> None:
    async with serving(models=("one", "two")) as server:
        with pytest.raises(EndpointError, match=r"does not serve 'three'.*one, two"):
            await probe(server.url, model="three")
        with pytest.raises(EndpointError, match=r"--model.*one, two"):
            await probe(server.url)
        assert (await probe(server.url, model="two")).model == "two"


async def test_transformers_serve_lists_what_is_cached_and_serves_any_name() -> None:
    async with serving(models=("cached",)) as server:
        server.other["/openapi.json"] = page({"paths": {"/load_model": {}, "/v1/models": {}}})
        assert (await probe(server.url, model="/models/other")).model == "/models/other"
        server.other["/openapi.json"] = page({"paths": {"/v1/models": {}}})
        with pytest.raises(EndpointError, match="does not serve"):
            await probe(server.url, model="/models/other")


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (error(401, "no sk-1234567890 here"), r"key is missing or wrong.*\*\*\*"),
        (error(403), "may not use"),
        (error(500), "does not answer as an OpenAI-compatible server"),
        (Response(body=b"<html>"), "not a list of models"),
        (page({"data": "x"}), "not a list of models"),
        (page({"data": []}), "no model"),
    ],
)
async def test_a_wrong_server_is_one_clear_line(response: Response, words: str) -> None:
    async with serving() as server:
        server.other["/v1/models"] = response
        with pytest.raises(EndpointError, match=words) as caught:
            await probe(server.url, "sk-1234567890", model="tiny")
    assert "\n" not in str(caught.value) and "sk-1234567890" not in str(caught.value)


async def test_a_server_that_lists_no_models_is_taken_at_its_word(tmp_path: Path) -> None:
    async with serving() as server:
        server.other["/v1/models"] = error(404)
        assert (await probe(server.url, model="tiny")).served == ()


async def test_an_adapter_knows_the_model_under_it(tmp_path: Path) -> None:
    cards = [
        {"id": "tiny", "root": "/m/Qwen2.5-VL-7B-Instruct"},
        {"id": "lora_a_step5", "root": "/out/lora_a_step5", "parent": "tiny"},
    ]
    async with serving() as server:
        server.other["/v1/models"] = page({"data": cards})
        assert (await probe(server.url, model="lora_a_step5")).base == "/m/Qwen2.5-VL-7B-Instruct"
        assert (await probe(server.url, model="tiny")).base is None
        assert [card.parent for card in await models_at(to(server.url))] == [None, "tiny"]


async def test_nothing_listening_is_one_clear_line() -> None:
    for url in ("http://user:secret-word@127.0.0.1:9/v1", "http://no-such-host.invalid"):
        with pytest.raises(EndpointError, match="cannot be reached") as caught:
            await probe(url)
        assert "secret-word" not in str(caught.value)


async def test_endpoints_of_one_run_must_agree() -> None:
    async with serving(max_model_len=4096) as one, serving(max_model_len=8192) as two:
        with pytest.raises(EndpointError, match=r"max_model_len.*4096 and 8192"):
            await probe_all(to(one.url, two.url))
        assert len(await probe_all(to(one.url, one.url))) == 2
    async with serving(models=("other",)) as other, serving() as fine:
        with pytest.raises(EndpointError, match="does not serve 'tiny'"):
            await probe_all(to(fine.url, other.url))
    info = ServerInfo("a", root="/m/a")
    with pytest.raises(EndpointError, match="differ in their model"):
        agree((info, replace(info, endpoint="b", root="/m/b")))
    agree((info, replace(info, endpoint="b", root="/m/b")), same_model=True)
    with pytest.raises(EndpointError, match=r"differ in their engine: vllm and sglang"):
        agree((replace(info, engine="vllm"), replace(info, endpoint="b", engine="sglang", root="/m/b")))
    agree((info, replace(info, endpoint="b", root=None)))


@pytest.mark.parametrize(
    ("url", "base", "label"),
    [
        ("http://h:8000", "http://h:8000/v1", "http://h:8000/v1"),
        ("http://h:8000/", "http://h:8000/v1", "http://h:8000/v1"),
        ("https://h/api/v2/", "https://h/api/v2", "https://h/api/v2"),
        ("http://h/v1/chat/completions", "http://h/v1", "http://h/v1"),
        ("http://me:pw@h/v1?key=abc", "http://h/v1?key=abc", "http://h/v1"),
        ("http://[::1]:80/v1", "http://[::1]:80/v1", "http://[::1]:80/v1"),
        ("unix:///run/x.sock", "http://localhost/v1", "unix:///run/x.sock"),
        ("unix:///run/x.sock:/api", "http://localhost/api", "unix:///run/x.sock"),
    ],
)
def test_urls_are_taken_apart(url: str, base: str, label: str) -> None:
    where = address(url)
    assert (where.base, where.label) == (base, label)


@pytest.mark.parametrize(
    "content",
    [b"\x00\x1b[2J\x07\xff", b'{"error": {"message": "\\u001b[2J"}}', b'{"data": [{"id": "\\u001b"}]}'],
)
async def test_what_a_server_sends_cannot_steer_the_terminal(content: bytes) -> None:
    for status in (200, 401, 500):
        async with serving() as server:
            server.other["/v1/models"] = Response(status, content)
            with pytest.raises(EndpointError) as refused:
                await probe(server.url, model="tiny")
        assert str(refused.value).isprintable()


@pytest.mark.parametrize("url", ["h:8000", "ftp://h", "http://", "http://h:x/", "unix://relative"])
def test_what_is_no_url_is_a_usage_error(url: str) -> None:
    with pytest.raises(UsageError):
        address(url)


async def test_a_unix_socket_is_an_endpoint(tmp_path: Path) -> None:
    import asyncio

    async with serving() as server:
        path = str(tmp_path / "s")
        unix = await asyncio.start_unix_server(server._serve, path)
        outcome, replies = await run(tmp_path / "run", to(f"unix://{path}"), [text("a")])
        unix.close()
    assert outcome.answered == 1 and replies["a"].endpoint == f"unix://{path}"


async def test_a_url_keeps_its_query_and_its_credentials(tmp_path: Path) -> None:
    seen: list[Request] = []

    def script(request: Request, number: int) -> Response:
        seen.append(request)
        return Response(body=completion())

    async with serving(script) as server:
        server.script = script
        url = server.url.replace("http://", "http://me:pw@") + "?version=2"
        server.other["/v1/chat/completions"] = Response(body=completion())
        outcome, replies = await run(tmp_path, to(url), [text("a")])
    assert outcome.answered == 1
    assert replies["a"].endpoint == server.url


def test_families_are_found_by_the_models_name() -> None:
    assert family("Qwen/Qwen2.5-VL-7B-Instruct").name == "qwen2.5-vl"
    assert family("Qwen3-VL-8B").name == "qwen3-vl"
    assert family("never-heard-of").name == "default"
    assert family("never-heard-of").frames == "images"
    assert len(families()) >= 4
    with pytest.raises(UsageError, match=r"known:.*qwen"):
        named("nonsense")


@pytest.mark.parametrize("content", ["nothing: here", "families: 3", ": : :", "families: [3]"])
def test_a_broken_table_of_families_is_a_usage_error(content: str, tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(content)
    with pytest.raises(UsageError, match=r"models\.yaml: not a table of model families"):
        load(tmp_path / "models.yaml")
