"""The gateway's contract, with a fake language model and fake masks: no torch, no engine."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from sightbench.servers.masks.asked import Asked, Cancelled, Drawn
from sightbench.servers.masks.backends.base import Generation
from sightbench.servers.masks.gateway import Gateway, Settings
from sightbench.servers.masks.request import VideoRequest
from sightbench.servers.wire.frames import FRAME_LIST, Limits
from sightbench.servers.wire.refusal import Refusal


def png(width: int = 32, height: int = 24, value: int = 0) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (width, height), (value, 0, 0)).save(held, "PNG")
    return held.getvalue()


def noise() -> bytes:
    held = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


def data_url(held: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(held).decode()


def body(*frames: bytes, text: str = "Please segment the cat.", **more: Any) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": data_url(f)}} for f in frames]
    return {
        "model": "tiny",
        "messages": [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}],
        **more,
    }


class FakeBackend:
    """Says [SEG] `objects` times; `gate`, when given, holds every answer until it is set."""

    def __init__(self, objects: int = 1, uncomputed: int = 0, gate: asyncio.Event | None = None) -> None:
        self.objects, self.uncomputed, self.gate = objects, uncomputed, gate
        self.asks: list[VideoRequest] = []
        self.arrived: asyncio.Queue[VideoRequest] = asyncio.Queue()
        self.cancelled = 0
        self.error: Refusal | None = None

    async def generate(self, video: VideoRequest, images: Sequence[Image.Image]) -> Generation:
        self.asks.append(video)
        self.arrived.put_nowait(video)
        if self.error is not None:
            raise self.error
        try:
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        choice = {"index": 0, "message": {"role": "assistant", "content": "[SEG]"}, "finish_reason": "stop"}
        return Generation(
            body={"id": "x", "created": 1, "model": "up", "choices": [choice], "usage": {"total_tokens": 9}},
            token_ids=(7,) * self.objects,
            prompt_tokens=5,
            states=np.ones((self.objects, 4), np.float32),
            tokens=tuple(range(self.objects)),
            uncomputed=self.uncomputed,
            normed=False,
            llm_frames=tuple(range(min(5, len(images)))),
        )

    async def models(self) -> list[dict[str, Any]]:
        return [{"id": "up", "object": "model", "max_model_len": 4096}]

    async def healthy(self) -> bool:
        return self.error is None

    async def metrics(self) -> str:
        return "vllm:num_requests_running 3\n"

    async def forward(self, body: Mapping[str, Any]) -> tuple[int, str, AsyncIterator[bytes]]:
        async def pieces() -> AsyncIterator[bytes]:
            yield json.dumps({"model": "up", "echo": body["messages"]}).encode()

        return 200, "application/json", pieces()

    async def close(self) -> None:
        pass


def draw(asked: Asked) -> Drawn:
    (height, width), frames = asked.size, range(len(asked.frames))
    return Drawn([[f"{height}x{width}:{o}:{t}" for t in frames] for o in range(len(asked.states))], 0.25)


def client(backend: Any = None, drawing: Any = draw, **settings: Any) -> httpx.AsyncClient:
    gateway = Gateway(Settings(("tiny",), **settings), backend or FakeBackend(), drawing)
    transport = httpx.ASGITransport(gateway.app(), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=20)


async def ask(request: dict[str, Any], backend: Any = None, **settings: Any) -> httpx.Response:
    async with client(backend, **settings) as http:
        return await http.post("/v1/chat/completions", json=request)


async def test_masks_come_one_per_seg_and_one_rle_per_frame() -> None:
    answer = (await ask(body(png(), png(), png()), FakeBackend(objects=2))).json()
    masks = answer["choices"][0]["message"]["masks"]
    assert [m["object_id"] for m in masks] == [0, 1]
    assert [m["token_index"] for m in masks] == [0, 1]
    assert masks[1]["size"] == [24, 32] and masks[1]["num_frames"] == 3
    assert masks[1]["rles"] == [{"size": [24, 32], "counts": f"24x32:1:{t}"} for t in range(3)]
    assert answer["model"] == "tiny"
    info = answer["mask_info"]
    assert (info["num_objects"], info["num_seg_tokens"], info["truncated"]) == (2, 2, False)
    assert info["llm_frames"] == [0, 1, 2] and info["decoded_frames"] == 3
    assert info["mask_ms"] == 250


async def test_no_seg_is_an_empty_list_and_200() -> None:
    answer = await ask(body(png()), FakeBackend(objects=0))
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["masks"] == []


async def test_a_seg_without_a_state_is_missing_and_said_so() -> None:
    answer = (await ask(body(png()), FakeBackend(objects=1, uncomputed=1))).json()
    assert len(answer["choices"][0]["message"]["masks"]) == 1
    assert answer["mask_info"]["truncated"] is True and answer["mask_info"]["num_seg_tokens"] == 2


async def test_options_bound_objects_size_and_switch_masks_off() -> None:
    request = body(png(), mask_options={"max_objects": 1, "output_size": [7, 9]})
    answer = (await ask(request, FakeBackend(objects=3))).json()
    (only,) = answer["choices"][0]["message"]["masks"]
    assert only["size"] == [7, 9] and only["rles"][0]["counts"].startswith("7x9:")
    assert answer["mask_info"]["truncated"] is True
    answer = (await ask(body(png(), mask_options={"return_masks": False}), FakeBackend(objects=3))).json()
    assert "masks" not in answer["choices"][0]["message"] and "mask_info" not in answer


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"n": 2}, 400, "n must be 1"),
        ({"tools": [{"type": "function"}]}, 400, "tools"),
        ({"logprobs": True}, 400, "logprobs"),
        ({"mask_options": {"masks": True}}, 400, "mask_options.masks"),
        ({"mask_options": []}, 400, "object"),
        ({"mask_options": {"max_objects": 0}}, 400, "max_objects"),
        ({"mask_options": {"max_objects": True}}, 400, "max_objects"),
        ({"mask_options": {"output_size": [0, 4]}}, 400, "output_size"),
        ({"mask_options": {"output_size": [1, 2, 3]}}, 400, "output_size"),
        ({"mask_options": {"output_size": [10**6, 10**6]}}, 400, "output_size"),
        ({"mask_options": {"return_masks": "yes"}}, 400, "return_masks"),
        ({"max_tokens": -1}, 400, "max_tokens"),
        ({"max_tokens": "many"}, 400, "max_tokens"),
        ({"stream": "yes"}, 400, "stream"),
        ({"model": "gpt-5"}, 404, "gpt-5"),
        ({"messages": body(png())["messages"] * 2}, 400, "one user message"),
    ],
)
async def test_a_wrong_field_is_named(change: dict[str, Any], status: int, says: str) -> None:
    answer = await ask(dict(body(png()), **change))
    assert answer.status_code == status
    error = answer.json()["error"]
    assert says in error["message"] and set(error) == {"message", "type", "param", "code"}
    assert error["code"] == (status if status == 400 else "model_not_found")


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        ([png(), b"not an image"], "frame 1 cannot be decoded"),
        ([b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"], "no JPEG, PNG or WebP"),
        ([png(4001, 20)], "one side is more than 200 times the other"),
        ([noise(), noise()[:2000]], "frame 1"),
        ([png(), png(), png(33, 24)], "frame 2 is 33x24 but frame 0 is 32x24"),
        ([png()] * 5, "more than 4 frames"),
    ],
)
async def test_wrong_frames_are_named(frames: list[bytes], says: str) -> None:
    backend = FakeBackend()
    answer = await ask(body(*frames), backend, limits=Limits(frames=4))
    assert answer.status_code == 400 and says in answer.json()["error"]["message"]
    assert not backend.asks


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a.png",
        "file:///etc/hostname",
        "data:image/png,plain",
        "data:image/png;base64,?",
        "",
    ],
)
async def test_frames_come_as_data_urls_only(url: str) -> None:
    request = body(png())
    request["messages"][0]["content"][0]["image_url"]["url"] = url
    answer = await ask(request)
    assert answer.status_code == 400 and "frame 0" in answer.json()["error"]["message"]


async def test_files_only_under_the_allowed_folder(tmp_path: Path) -> None:
    inside = tmp_path / "media"
    inside.mkdir()
    (inside / "a.png").write_bytes(png())
    (tmp_path / "b.png").write_bytes(png())
    limits = Limits(media_root=inside)
    for name, status in (("media/a.png", 200), ("b.png", 400), ("media/../b.png", 400), ("media/none", 400)):
        request = body(png())
        request["messages"][0]["content"][0]["image_url"]["url"] = f"file://{tmp_path}/{name}"
        assert (await ask(request, limits=limits)).status_code == status, name


async def test_a_frame_list_is_the_same_as_its_images() -> None:
    backend = FakeBackend()
    frames = [png(value=v) for v in range(3)]
    request = body()
    url = FRAME_LIST + ",".join(base64.b64encode(f).decode() for f in frames)
    request["messages"][0]["content"].insert(0, {"type": "video_url", "video_url": {"url": url}})
    assert (await ask(request, backend)).status_code == 200
    assert list(backend.asks[0].frames) == frames
    request["messages"][0]["content"][0]["video_url"]["url"] = "data:video/mp4;base64,AAAA"
    assert (await ask(request, backend)).status_code == 400


async def test_the_engine_sees_the_question_without_placeholder_and_greedy_defaults() -> None:
    backend = FakeBackend()
    await ask(body(png(), text="<image>Segment it.", seed=3), backend, default_max_tokens=77)
    asked = backend.asks[0]
    assert asked.text == "Segment it."
    assert asked.sampling == {"seed": 3, "temperature": 0, "max_tokens": 77}


@pytest.mark.parametrize("declared", [True, False])
async def test_a_huge_body_is_413(declared: bool) -> None:
    request = json.dumps(body(png())).encode()

    async def pieces() -> AsyncIterator[bytes]:
        yield request

    async with client(max_body=len(request) - 1) as http:
        content: Any = request if declared else pieces()
        answer = await http.post("/v1/chat/completions", content=content)
    assert answer.status_code == 413 and "error" in answer.json()


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b"[" * 100_000])
async def test_a_body_that_is_not_an_object_is_400(sent: bytes) -> None:
    async with client() as http:
        assert (await http.post("/v1/chat/completions", content=sent)).status_code == 400


async def test_a_full_queue_is_503_with_retry_after_and_recovers() -> None:
    gate = asyncio.Event()
    backend = FakeBackend(gate=gate)
    async with client(backend, max_queue=2) as http:
        held = [asyncio.ensure_future(http.post("/v1/chat/completions", json=body(png()))) for _ in range(2)]
        for _ in held:
            await backend.arrived.get()
        refused = await http.post("/v1/chat/completions", json=body(png()))
        assert refused.status_code == 503 and int(refused.headers["retry-after"]) > 0
        gate.set()
        assert [r.status_code for r in await asyncio.gather(*held)] == [200, 200]
        assert (await http.post("/v1/chat/completions", json=body(png()))).status_code == 200
        assert "masks_requests_waiting 0" in (await http.get("/metrics")).text


async def test_engine_errors_keep_their_status_and_text() -> None:
    backend = FakeBackend()
    backend.error = Refusal("maximum context length is 8", 400)
    answer = await ask(body(png()), backend)
    assert answer.status_code == 400 and "context length" in answer.json()["error"]["message"]
    backend.error = Refusal("slow", 504, kind="timeout_error")
    assert (await ask(body(png()), backend)).status_code == 504


async def test_a_failing_decoder_is_500_without_its_text() -> None:
    def broken(_: Asked) -> Drawn:
        raise RuntimeError("secret path")

    async with client(drawing=broken) as http:
        answer = await http.post("/v1/chat/completions", json=body(png()))
    assert answer.status_code == 500 and "secret" not in answer.text
    assert answer.json()["error"]["type"] == "server_error"


async def _disconnect(gateway: Gateway, request: bytes, ready: asyncio.Event) -> None:
    """One ASGI call whose client leaves when `ready` is set."""
    sent = iter([{"type": "http.request", "body": request, "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in sent:
            return message
        await ready.wait()
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        pass

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": []}
    scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": ""}
    await gateway.app()(scope, receive, send)


async def test_a_client_that_leaves_stops_the_generation() -> None:
    backend = FakeBackend(gate=asyncio.Event())
    gateway = Gateway(Settings(("tiny",)), backend, draw)
    leave = asyncio.Event()
    call = asyncio.ensure_future(_disconnect(gateway, json.dumps(body(png())).encode(), leave))
    await backend.arrived.get()
    leave.set()
    await asyncio.wait_for(call, 10)
    assert backend.cancelled == 1
    assert gateway.counters.waiting == 0 and gateway.counters.cancelled == 1


async def test_a_client_that_leaves_stops_the_drawing() -> None:
    leave, drawing, stopped = asyncio.Event(), threading.Event(), threading.Event()

    def slow(asked: Asked) -> Drawn:
        drawing.set()
        assert asked.cancelled.wait(10)
        stopped.set()
        raise Cancelled

    gateway = Gateway(Settings(("tiny",)), FakeBackend(), slow)
    call = asyncio.ensure_future(_disconnect(gateway, json.dumps(body(png())).encode(), leave))
    await asyncio.to_thread(drawing.wait, 10)
    leave.set()
    await asyncio.wait_for(call, 10)
    assert await asyncio.to_thread(stopped.wait, 10)
    assert gateway.counters.waiting == 0


async def test_the_engine_works_on_while_masks_are_drawn() -> None:
    """A drawing that waits until the engine has been asked the next question."""
    backend, asked_again = FakeBackend(), threading.Event()

    def slow(asked: Asked) -> Drawn:
        assert asked_again.wait(10), "the engine was asked nothing while masks were drawn"
        return draw(asked)

    gateway = Gateway(Settings(("tiny",)), backend, slow)
    transport = httpx.ASGITransport(gateway.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=20) as http:
        first = asyncio.ensure_future(http.post("/v1/chat/completions", json=body(png())))
        await backend.arrived.get()
        second = asyncio.ensure_future(http.post("/v1/chat/completions", json=body(png(value=9))))
        await asyncio.wait_for(backend.arrived.get(), 10)
        asked_again.set()
        answers = await asyncio.gather(first, second)
    assert [len(answer.json()["choices"][0]["message"]["masks"]) for answer in answers] == [1, 1]


async def test_streaming_gives_text_then_masks_then_done() -> None:
    answer = await ask(body(png(), stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = [line[6:] for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    first, last = (json.loads(line) for line in lines[:-1])
    assert first["choices"][0]["delta"]["content"] == "[SEG]" and first["object"] == "chat.completion.chunk"
    assert first["choices"][0]["finish_reason"] is None
    assert len(last["choices"][0]["delta"]["masks"]) == 1
    assert last["choices"][0]["finish_reason"] == "stop" and last["usage"] == {"total_tokens": 9}


async def test_text_only_passes_through_untouched_but_for_the_model() -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes?"}]
    answer = await ask({"model": "tiny", "messages": messages, "n": 2, "tools": []})
    assert answer.json() == {"model": "tiny", "echo": messages}


async def test_models_health_metrics_and_gzip() -> None:
    backend = FakeBackend()
    async with client(backend) as http:
        (model,) = (await http.get("/v1/models")).json()["data"]
        assert model["id"] == "tiny" and model["capabilities"] == ["text", "masks"]
        assert model["max_model_len"] == 4096
        assert (await http.get("/health")).status_code == 200
        backend.error = Refusal("down")
        assert (await http.get("/health")).status_code == 503
        backend.error = None
        assert "vllm:num_requests_running 3" in (await http.get("/metrics")).text
        many = body(*[png(value=v) for v in range(60)])
        async with http.stream(
            "POST", "/v1/chat/completions", json=many, headers={"accept-encoding": "gzip"}
        ) as packed:
            raw = b"".join([piece async for piece in packed.aiter_raw()])
        assert packed.headers["content-encoding"] == "gzip"
        assert json.loads(gzip.decompress(raw))["mask_info"]["decoded_frames"] == 60


async def test_concurrent_requests_get_their_own_answers() -> None:
    async with client() as http:
        requests = [body(*[png()] * (1 + i % 7), mask_options={"output_size": [1 + i, 5]}) for i in range(48)]
        answers = await asyncio.gather(*(http.post("/v1/chat/completions", json=r) for r in requests))
        for i, answer in enumerate(answers):
            (mask,) = answer.json()["choices"][0]["message"]["masks"]
            assert mask["num_frames"] == 1 + i % 7 and mask["size"] == [1 + i, 5]
