"""The gateway when things go wrong: keys, failing decoders, long drawings, slow queues, hostile bodies."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sightbench.servers.masks.asked import Asked, Cancelled, DrawMasks, Drawn
from sightbench.servers.masks.backends.base import Generation
from sightbench.servers.masks.gateway import Gateway, Settings
from sightbench.servers.masks.request import VideoRequest
from sightbench.servers.wire.frames import Limits
from sightbench.servers.wire.request import ChatRequest, read
from tests.hostile import damaged, generator
from tests.servers.test_masks_server import FakeBackend, ask, body, client, draw, png


def broken(_: Asked) -> Drawn:
    raise RuntimeError("no memory")


def cuda(_: Asked) -> Drawn:
    raise RuntimeError("CUDA error: device-side assert triggered")


async def post(http: httpx.AsyncClient, **more: Any) -> httpx.Response:
    return await http.post("/v1/chat/completions", json=body(png(), **more))


async def metric(http: httpx.AsyncClient, name: str) -> float:
    lines = (await http.get("/metrics")).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(name))


async def test_only_requests_with_the_key_are_answered() -> None:
    async with client(key="hunter2") as http:
        for headers in ({}, {"authorization": "Bearer hunter"}, {"authorization": "hunter2"}):
            for path in ("/v1/models", "/v1/chat/completions"):
                answer = await http.get(path, headers=headers)
                assert answer.status_code == 401 and answer.json()["error"]["code"] == "invalid_api_key"
                assert answer.headers["www-authenticate"] == "Bearer"
        assert (await http.get("/health")).status_code == 200
        http.headers["authorization"] = "bearer hunter2"
        assert (await http.get("/v1/models")).status_code == 200
        assert (await post(http)).status_code == 200


async def test_drawings_that_fail_one_after_the_other_show_in_health() -> None:
    async with client(drawing=broken) as http:
        for _ in range(3):
            assert (await http.get("/health")).status_code == 200
            assert (await post(http)).status_code == 500
        assert (await http.get("/health")).status_code == 503
        assert await metric(http, "masks_drawings_failed_total") == 3
        assert await metric(http, 'masks_responses_total{status="500"}') == 3


async def test_a_drawing_that_works_again_is_healthy_again() -> None:
    failing = iter([True, True, True, False])

    def sometimes(asked: Asked) -> Drawn:
        return broken(asked) if next(failing) else draw(asked)

    async with client(drawing=sometimes) as http:
        for _ in range(3):
            await post(http)
        assert (await http.get("/health")).status_code == 503
        assert (await post(http)).status_code == 200
        assert (await http.get("/health")).status_code == 200


async def test_after_a_cuda_error_nothing_more_is_tried() -> None:
    backend = FakeBackend()
    async with client(backend, cuda) as http:
        assert (await post(http)).status_code == 500
        answer = await http.get("/health")
        assert answer.status_code == 503 and "CUDA error" in answer.text
        assert (await post(http)).status_code == 503 and len(backend.asks) == 1
        text = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
        assert (await http.post("/v1/chat/completions", json=text)).status_code == 200


async def test_the_time_of_drawing_is_without_the_time_of_waiting() -> None:
    gate, begun = threading.Event(), threading.Event()

    def slow(asked: Asked) -> Drawn:
        began = time.perf_counter()
        begun.set()
        assert gate.wait(20)
        return Drawn(draw(asked).rles, time.perf_counter() - began)

    backend = FakeBackend()
    async with client(backend, slow) as http:
        both = [asyncio.create_task(post(http)) for _ in range(2)]
        for _ in both:
            await backend.arrived.get()
        assert await asyncio.to_thread(begun.wait, 20)
        await asyncio.sleep(0.3)
        gate.set()
        second, first = sorted([(await each).json()["mask_info"]["mask_ms"] for each in both])
        assert first >= 300
        # The two together are what the one thread was busy; what the second waited is counted apart.
        assert await metric(http, "masks_drawing_seconds_total") == pytest.approx(
            (first + second) / 1e3, abs=2e-3
        )
        assert await metric(http, "masks_drawing_wait_seconds_total") >= 0.3


async def test_health_answers_while_a_large_body_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Event(), threading.Event()

    def large(body: bytes) -> ChatRequest:
        begun.set()
        assert go.wait(20)
        return read(body)

    monkeypatch.setattr("sightbench.servers.masks.gateway.read", large)
    async with client() as http:
        asked = asyncio.create_task(post(http))
        assert await asyncio.to_thread(begun.wait, 20)
        assert (await http.get("/health")).status_code == 200
        go.set()
        assert (await asked).status_code == 200


async def test_a_request_for_masks_needs_frames() -> None:
    text = {"model": "tiny", "messages": [{"role": "user", "content": "Segment it."}]}
    answer = await ask(text | {"mask_options": {}})
    assert answer.status_code == 400 and "needs frames" in answer.json()["error"]["message"]
    assert (await ask(text | {"mask_options": {"return_masks": False}})).status_code == 200


async def test_what_an_engine_would_do_with_a_field_is_not_for_a_client_to_say() -> None:
    text = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
    for request in (text, body(png())):
        for field in ("kv_transfer_params", "mm_processor_kwargs", "priority", "prompt_logprobs"):
            answer = await ask(request | {field: {"seg_key": "../x"}})
            assert answer.status_code == 400 and answer.json()["error"]["param"] == field


async def test_masks_that_would_be_too_many_pixels_are_refused_before_the_model_runs() -> None:
    backend = FakeBackend()
    request = body(*[png(value=v) for v in range(60)], mask_options={"output_size": [8192, 8192]})
    answer = await ask(request, backend)
    assert answer.status_code == 400 and "output_size" in answer.json()["error"]["message"]
    assert not backend.asks


def served(gateway: Gateway) -> AbstractContextManager[str]:
    """The gateway on a port of its own, as it runs."""
    return listening(gateway.app())


@contextmanager
def listening(app: Starlette) -> Iterator[str]:
    """The URL an application answers at."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=20))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


def slowly(seconds: float, then: Any) -> Any:
    def work(asked: Asked) -> Any:
        time.sleep(seconds)
        return then(asked)

    return work


def events(answer: httpx.Response) -> list[str]:
    return [line for line in answer.text.split("\n\n") if line]


def test_a_long_stream_is_kept_alive_and_ends_with_its_masks() -> None:
    gateway = Gateway(Settings(("tiny",), heartbeat_s=0.2), FakeBackend(), slowly(1, draw))
    with served(gateway) as url:
        answer = httpx.post(f"{url}/v1/chat/completions", json=body(png(), stream=True), timeout=20)
    lines = events(answer)
    assert lines[0].startswith(":") and lines[-1] == "data: [DONE]"
    last = json.loads(lines[-2].removeprefix("data: "))
    assert len(last["choices"][0]["delta"]["masks"]) == 1
    assert gateway.counters.waiting == 0 and gateway.counters.answered == 1


def test_a_late_failure_of_a_stream_is_an_event() -> None:
    gateway = Gateway(Settings(("tiny",), heartbeat_s=0.2), FakeBackend(), slowly(0.5, broken))
    with served(gateway) as url:
        answer = httpx.post(f"{url}/v1/chat/completions", json=body(png(), stream=True), timeout=20)
    error = json.loads(events(answer)[-2].removeprefix("data: "))["error"]
    assert error["type"] == "server_error" and gateway.counters.waiting == 0


def test_a_client_that_leaves_a_long_stream_frees_its_place() -> None:
    stopped = threading.Event()

    def until_gone(asked: Asked) -> Drawn:
        assert asked.cancelled.wait(10)
        stopped.set()
        raise Cancelled

    gateway = Gateway(Settings(("tiny",), heartbeat_s=0.1), FakeBackend(), until_gone)
    with served(gateway) as url:
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=body(png(), stream=True)) as answer:
            assert next(answer.iter_raw()).startswith(b":")
        assert stopped.wait(10)
        end = time.monotonic() + 10
        while gateway.counters.waiting and time.monotonic() < end:
            time.sleep(0.02)
    assert gateway.counters.waiting == 0 and gateway.counters.cancelled == 1


class SlowBackend(FakeBackend):
    """A language model that takes its time."""

    async def generate(self, video: VideoRequest, images: Sequence[Image.Image]) -> Generation:
        generation = await super().generate(video, images)
        await asyncio.sleep(1)
        return generation


@pytest.mark.parametrize(
    ("backend", "drawing"),
    [(FakeBackend(), slowly(1, draw)), (SlowBackend(), draw)],
    ids=["drawing", "words"],
)
def test_what_is_in_hand_is_answered_after_a_signal_to_stop(backend: FakeBackend, drawing: DrawMasks) -> None:
    gateway = Gateway(Settings(("tiny",)), backend, drawing)
    with served(gateway) as url:
        answers: list[httpx.Response] = []
        url += "/v1/chat/completions"
        thread = threading.Thread(
            target=lambda: answers.append(httpx.post(url, json=body(png()), timeout=20))
        )
        thread.start()
        end = time.monotonic() + 10
        while backend.arrived.empty() and time.monotonic() < end:
            time.sleep(0.02)
        assert not backend.arrived.empty()
    thread.join(10)
    assert answers[0].status_code == 200


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    limits = Limits(frames=4)
    gateway = Gateway(Settings(("tiny",), limits=limits, max_body=1_000_000), FakeBackend(), draw)
    with TestClient(gateway.app(), raise_server_exceptions=False) as made:
        yield made


@given(st.data())
@generator()
def test_any_damage_to_a_request_is_answered_or_refused(http: TestClient, data: st.DataObject) -> None:
    whole = body(png(), png(value=9), mask_options={"max_objects": 2}, max_tokens=9, temperature=0.5)
    text = data.draw(damaged(whole))
    answer = http.post("/v1/chat/completions", content=text.encode("utf-8", "surrogatepass"))
    assert answer.status_code == 200 or 400 <= answer.status_code < 500, text
    assert answer.status_code == 200 or answer.json()["error"]["message"]
