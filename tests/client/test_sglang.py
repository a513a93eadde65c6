"""A real SGLang server with a tiny model: the other dialect. Slow without a GPU, so few requests.

SIGHTBENCH_SGLANG=/path/to/bin/sglang pytest -m engines
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sightbench.client.probe import probe
from sightbench.client.run import settle
from sightbench.errors import EndpointError
from sightbench.sample import Video
from tests.client.samples import about, run, text, to
from tests.client.test_body import jpeg
from tests.engines.server import Server, sglang, tiny_model

SGLANG = os.environ.get("SIGHTBENCH_SGLANG", "")

pytestmark = [
    pytest.mark.engines,
    pytest.mark.skipif(not SGLANG, reason="no SGLang here: set SIGHTBENCH_SGLANG to its executable"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sglang")
    server = sglang(SGLANG, tiny_model(SGLANG, folder / "model"), folder / "log", "--enable-metrics")
    server.start()
    try:
        server.wait()
        yield server
    finally:
        server.kill()


def test_the_server_is_what_it_is_taken_for(server: Server) -> None:
    info = asyncio.run(probe(server.url))
    assert (info.engine, info.model, info.max_model_len, info.frame_lists) == ("sglang", "tiny", 16384, False)
    assert info.version is not None
    # It would answer a request for a model it does not have, so only /models can tell.
    with pytest.raises(EndpointError, match=r"'nope'.*tiny"):
        asyncio.run(probe(server.url, model="nope"))


async def test_texts_and_frames_are_answered_and_continued(server: Server, tmp_path: Path) -> None:
    info = await probe(server.url)
    settings = settle(to(server.url, concurrency="auto", max_concurrency=4, timeout=300.0), info)
    assert settings.mode == "images"
    frames = tuple(jpeg(tmp_path / f"{i}.jpg", 30 * i, (112, 112)) for i in range(4))
    samples = [text("t", "Hi", max_tokens=2), about(Video("v", frames), "a", max_tokens=2)]
    outcome, replies = await run(tmp_path / "run", settings, samples)
    assert outcome.answered == 2, replies
    assert (replies["a"].usage.prompt_tokens or 0) > (replies["t"].usage.prompt_tokens or 0) + 4 * 10
    again, _ = await run(tmp_path / "run", settings, [*samples, text("u", "Ho", max_tokens=2)])
    assert (again.kept, again.answered) == (2, 1)


async def test_three_wires_show_a_model_the_same_pictures(server: Server, tmp_path: Path) -> None:
    """SGLang 0.5.23 takes two tokens off what a request to /v1/responses allows an answer."""
    frames = tuple(jpeg(tmp_path / f"{i}.jpg", 30 * i, (112, 112)) for i in range(2))
    found = {}
    for name, tokens in (("generic", 3), ("anthropic", 3), ("openai-responses", 5)):
        samples = [text("t", "Hi", max_tokens=tokens), about(Video("v", frames), "a", max_tokens=tokens)]
        settings = to(server.url, provider=name, concurrency=1, timeout=300.0)
        outcome, replies = await run(tmp_path / name, settings, samples)
        assert outcome.answered == 2, replies
        found[name] = {
            sample: (reply.text, reply.usage.prompt_tokens, reply.usage.completion_tokens)
            for sample, reply in replies.items()
        }
    assert found["generic"] == found["anthropic"] == found["openai-responses"]
    assert all(text for text, _, _ in found["generic"].values())


async def test_its_errors_have_the_same_names(server: Server, tmp_path: Path) -> None:
    settings = settle(to(server.url, timeout=300.0), await probe(server.url))
    samples = [text("long", "word " * 60_000), text("fits", "Hi", max_tokens=2)]
    _, replies = await run(tmp_path, settings, samples)
    assert replies["long"].error is not None and replies["long"].error.kind == "context_length"
    assert replies["fits"].status == "ok"


async def test_what_only_vllm_takes_is_not_sent(server: Server, tmp_path: Path) -> None:
    info = await probe(server.url)
    assert settle(to(server.url), replace(info, root="/m/Qwen3-VL-2B")).mode == "images"
