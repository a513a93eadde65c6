"""What an engine behind the gateway may say: whatever it is, it becomes an answer or a Refusal."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sightbench.servers.masks.backends.base import Generation
from sightbench.servers.masks.backends.vllm import VllmBackend
from sightbench.servers.masks.checkpoint import Model
from sightbench.servers.masks.request import VideoRequest
from sightbench.servers.wire.refusal import Refusal
from sightbench.servers.wire.request import MaskOptions
from tests.hostile import damaged, generator
from tests.servers.test_gateway_health import listening
from tests.servers.test_masks_server import png

MODEL = Model(
    family="internvl", decoder="sa2va", seg_token="[SEG]", seg_token_id=7, normed=True, shift=0, llm_frames=5,
    image_size=256, num_layers=3, hidden_size=4, rms_eps=1e-6, max_tokens=9, eos_token_ids=(2,),
    tokenizer_code=False, llm_architecture="",
)  # fmt: skip
STATES = np.ones((1, 1, 4), "<f4")
VALID: dict[str, Any] = {
    "id": "x",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "[SEG]"},
            "finish_reason": "stop",
            "token_ids": [7, 2],
            "seg_states": {
                "tokens": [0],
                "uncomputed": 0,
                "shape": [1, 1, 4],
                "data": base64.b64encode(STATES.tobytes()).decode(),
            },
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2},
}


class Said:
    """What the engine says next."""

    status: int = 200
    body: bytes = b""


@pytest.fixture(scope="module")
def engine() -> Iterator[tuple[str, Said]]:
    said = Said()

    async def answer(_: Request) -> Response:
        return Response(said.body, said.status, media_type="application/json")

    async def models(_: Request) -> Response:
        return Response(b'{"data": [{"id": "m"}]}', media_type="application/json")

    async def locked(request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer hunter2":
            return Response(b'{"error": {"message": "no key"}}', 401, media_type="application/json")
        return await models(request)

    routes = [
        Route("/v1/models", models),
        Route("/locked/v1/models", locked),
        Route("/v1/seg_states", answer, methods=["POST"]),
    ]
    with listening(Starlette(routes=routes)) as url:
        yield url, said


def generate(url: str) -> Generation:
    async def work() -> Generation:
        backend = VllmBackend(MODEL, url, 20)
        try:
            video = VideoRequest((png(),), "Segment it.", None, {"max_tokens": 9}, MaskOptions())
            return await backend.generate(video, [Image.new("RGB", (32, 24))])
        finally:
            await backend.close()

    return asyncio.run(work())


def test_the_valid_answer_is_taken(engine: tuple[str, Said]) -> None:
    url, said = engine
    said.status, said.body = 200, json.dumps(VALID).encode()
    made = generate(url)
    assert made.tokens == (0,) and made.token_ids == (7, 2) and made.states.tolist() == [[1.0] * 4]
    assert set(made.body["choices"][0]) == {"index", "message", "finish_reason"}


@given(st.data())
@generator()
def test_any_damage_to_an_answer_is_an_answer_or_a_refusal(engine: tuple[str, Said], data: Any) -> None:
    url, said = engine
    said.status = data.draw(st.sampled_from([200, 200, 200, 400, 429, 500]))
    said.body = data.draw(damaged(VALID)).encode("utf-8", "surrogatepass")
    try:
        made = generate(url)
    except Refusal as refusal:
        assert refusal.message and len(refusal.message) < 3000
    else:
        assert made.states.shape == (len(made.tokens), 4)


@pytest.mark.parametrize(
    ("status", "body", "expected", "words"),
    [
        (400, b'{"error": {"message": "maximum context length is 8"}}', 400, "maximum context"),
        (400, b'{"error": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "[[["),
        (500, b'{"error": {"message": {"deep": 1}}}', 500, "the engine failed (500)"),
        (503, b"busy", 503, "busy"),
        (200, b"<html>", 500, "not JSON"),
        (200, b"[" * 100_000, 500, "not JSON"),
        (200, b'{"choices": []}', 500, "length >= 1"),
    ],
)
def test_what_is_no_answer_is_refused_in_words(
    engine: tuple[str, Said], status: int, body: bytes, expected: int, words: str
) -> None:
    url, said = engine
    said.status, said.body = status, body
    with pytest.raises(Refusal) as caught:
        generate(url)
    assert caught.value.status == expected and words in caught.value.message


@pytest.mark.parametrize(("key", "words"), [(None, "no key"), ("hunter3", "no key"), ("hunter2", "")])
def test_the_engine_is_sent_the_key(engine: tuple[str, Said], key: str | None, words: str) -> None:
    async def listed() -> list[dict[str, Any]]:
        backend = VllmBackend(MODEL, f"{engine[0]}/locked", 20, key)
        try:
            return await backend.models()
        finally:
            await backend.close()

    if words:
        with pytest.raises(Refusal, match=words):
            asyncio.run(listed())
    else:
        assert asyncio.run(listed()) == [{"id": "m"}]


def test_an_engine_is_not_asked_through_the_environments_proxy(
    engine: tuple[str, Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    engine[1].status, engine[1].body = 200, json.dumps(VALID).encode()
    assert generate(engine[0]).tokens == (0,)
