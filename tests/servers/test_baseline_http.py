"""The pixel baseline on the wire: the contract of masks, refusals, streaming, and the process."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco
from starlette.testclient import TestClient

from sightbench.servers.baseline.app import create_app
from sightbench.servers.baseline.child import running
from sightbench.tasks.synthetic.knobs import Knobs
from sightbench.tasks.synthetic.render import render
from sightbench.tasks.synthetic.scene import make_scene
from tests.hostile import damaged, generator
from tests.paths import ROOT

SEGMENT = "Please segment the object nearest to the camera in the first frame."
KNOBS = Knobs(frames=3, objects=(3, 3), occlusion=0, look_alikes=0)


def _jpeg(pixels: Any, size: tuple[int, int] | None = None) -> bytes:
    data = io.BytesIO()
    image = Image.fromarray(pixels)
    (image if size is None else image.resize(size)).save(data, "JPEG", quality=92, subsampling=0)
    return data.getvalue()


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    scene = make_scene(2000, 0, KNOBS)
    return [_jpeg(render(scene, t, KNOBS.size).pixels) for t in range(KNOBS.frames)]


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    with TestClient(create_app(max_body_bytes=2_000_000, max_frames=5)) as client:
        yield client


def _url(data: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _body(frames: list[bytes], text: str = SEGMENT, **more: Any) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": _url(f)}} for f in frames]
    parts.append({"type": "text", "text": text})
    return {"model": "pixel-baseline", "messages": [{"role": "user", "content": parts}], **more}


def _post(http: TestClient, body: dict[str, Any]) -> dict[str, Any]:
    reply = http.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def test_it_says_what_it_is(http: TestClient) -> None:
    assert http.get("/health").status_code == 200
    (model,) = http.get("/v1/models").json()["data"]
    assert model["id"] == "pixel-baseline" and model["capabilities"] == ["text", "masks"]
    assert model["max_model_len"] > 0


def test_masks_are_one_rle_per_frame_at_the_frames_size(http: TestClient, frames: list[bytes]) -> None:
    reply = _post(http, _body(frames))
    message = reply["choices"][0]["message"]
    assert message["content"] == "Sure, [SEG]."
    (mask,) = message["masks"]
    assert mask["object_id"] == 0 and mask["token_index"] == 2
    assert mask["size"] == [240, 320] and mask["num_frames"] == 3
    decoded = [coco.decode({**rle, "counts": rle["counts"].encode()}) for rle in mask["rles"]]
    assert [d.shape for d in decoded] == [(240, 320)] * 3
    scene = make_scene(2000, 0, KNOBS)
    truth = render(scene, 0, KNOBS.size).ids
    inside = truth[decoded[0] > 0]
    assert len(inside) > 80 and (inside > 0).mean() > 0.9
    usage = reply["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens"] > 3 * 9 * 12


def test_masks_of_large_frames_and_of_another_size(http: TestClient, frames: list[bytes]) -> None:
    large = [_jpeg(np.asarray(Image.open(io.BytesIO(f))), (960, 720)) for f in frames]
    (mask,) = _post(http, _body(large))["choices"][0]["message"]["masks"]
    assert mask["size"] == [720, 960] and all(rle["size"] == [720, 960] for rle in mask["rles"])
    options = {"return_masks": True, "max_objects": 8, "output_size": [60, 80]}
    (small,) = _post(http, _body(frames, mask_options=options))["choices"][0]["message"]["masks"]
    assert small["size"] == [60, 80] and small["rles"][0]["size"] == [60, 80]


def test_no_object_is_an_empty_list_and_no_masks_is_no_field(http: TestClient, frames: list[bytes]) -> None:
    nothing = _post(http, _body(frames, "Please segment the running dog."))["choices"][0]["message"]
    assert nothing["masks"] == [] and nothing["content"].startswith("I can't tell")
    unwanted = _post(http, _body(frames, mask_options={"return_masks": False}))
    assert "masks" not in unwanted["choices"][0]["message"] and "mask_info" not in unwanted


def test_frames_as_one_video_url_are_the_same_video(http: TestClient, frames: list[bytes]) -> None:
    body = _body(frames)
    url = "data:video/jpeg;base64," + ",".join(base64.b64encode(f).decode() for f in frames)
    text = body["messages"][0]["content"][-1]
    body["messages"][0]["content"] = [{"type": "video_url", "video_url": {"url": url}}, text]
    assert _post(http, body)["choices"] == _post(http, _body(frames))["choices"]


def test_several_questions_look_at_a_video_once(frames: list[bytes]) -> None:
    with TestClient(create_app()) as http:
        for text in (SEGMENT, "How many different objects appear in the video?", SEGMENT):
            _post(http, _body(frames, text))
        _post(http, _body(frames[::-1]))
        metrics = http.get("/metrics").text
    assert "video_cache_misses_total 2" in metrics and "video_cache_hits_total 2" in metrics


def test_a_stream_ends_with_masks_and_usage(http: TestClient, frames: list[bytes]) -> None:
    reply = http.post("/v1/chat/completions", json=_body(frames, stream=True))
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in reply.text.split("\n\n") if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    whole = _post(http, _body(frames))
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert said == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["choices"][0]["delta"]["masks"] == whole["choices"][0]["message"]["masks"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop" and chunks[-1]["usage"] == whole["usage"]


def test_a_cut_answer_has_no_mask_for_the_token_it_lost(http: TestClient, frames: list[bytes]) -> None:
    reply = _post(http, _body(frames, max_tokens=2))
    choice = reply["choices"][0]
    assert choice["finish_reason"] == "length" and choice["message"] == {
        "role": "assistant",
        "content": "Sure,",
        "masks": [],
    }
    assert reply["usage"]["completion_tokens"] == 2 and reply["mask_info"]["truncated"] is True


def _without(body: dict[str, Any], content: Any) -> dict[str, Any]:
    return {**body, "messages": [{"role": "user", "content": content}]}


def test_refusals_say_what_is_wrong(http: TestClient, frames: list[bytes]) -> None:
    good = _body(frames)
    other = _jpeg(np.zeros((100, 100, 3), np.uint8))
    image = {"type": "image_url", "image_url": {"url": _url(b"not an image")}}
    away = {"type": "image_url", "image_url": {"url": "https://example.org/cat.jpg"}}
    film = {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}
    bad64 = {"type": "image_url", "image_url": {"url": "data:image/png;base64,***"}}
    turns = [*good["messages"], {"role": "assistant", "content": "yes"}, *good["messages"]]
    cases: list[tuple[dict[str, Any], int, str | None, str]] = [
        ({**good, "n": 2}, 400, "n", "n must be 1"),
        ({**good, "logprobs": True}, 400, "logprobs", "not supported"),
        ({**good, "max_tokens": 0}, 400, "max_tokens", "expected int >= 1"),
        ({**good, "model": "gpt"}, 404, "model", "does not exist"),
        ({**good, "messages": turns, "mask_options": {}}, 400, "messages", "exactly one user message"),
        (_without(good, SEGMENT), 400, "messages", "no frames"),
        (_without(good, [image]), 400, "messages", "frame 0 cannot be decoded"),
        (_without(good, [away]), 400, "messages", "only data: URLs"),
        (_without(good, [film]), 400, "messages", "containers are not decoded"),
        (_without(good, [bad64]), 400, "messages", "frame 0 is not valid base64"),
        (_body([*frames, other]), 400, "messages", "frame 3 is 100x100"),
        (_body(frames * 2), 400, "messages", "more than 5 frames"),
        (_body([frames[0], frames[1][:500]]), 400, "messages", "frame 1 cannot be decoded"),
        ({**good, "mask_options": {"threshold": 1}}, 400, "mask_options.threshold", "takes no such field"),
        ({**good, "mask_options": {"max_objects": 0}}, 400, "mask_options.max_objects", "expected int >= 1"),
        (
            {**good, "mask_options": {"output_size": [0, 9]}},
            400,
            "mask_options.output_size[0]",
            "expected int >= 1",
        ),
        (_body(frames, "why " * 70_000), 400, "messages", "maximum context length"),
    ]
    for body, status, param, words in cases:
        reply = http.post("/v1/chat/completions", json=body)
        error = reply.json()["error"]
        assert (reply.status_code, error["param"]) == (status, param), (words, error)
        assert words in error["message"] and set(error) == {"message", "type", "param", "code"}


def test_a_body_that_is_too_large_or_not_json_is_refused(http: TestClient) -> None:
    reply = http.post("/v1/chat/completions", content=b"x" * 2_000_001)
    assert reply.status_code == 413 and "larger than 2000000 bytes" in reply.json()["error"]["message"]
    reply = http.post("/v1/chat/completions", content=(b"x" * 500_000 for _ in range(5)))
    assert reply.status_code == 413
    reply = http.post("/v1/chat/completions", content=b"{")
    assert reply.status_code == 400 and "not valid JSON" in reply.json()["error"]["message"]
    assert http.get("/nowhere").json()["error"]["message"] == "Not Found"


@given(st.data())
@generator()
def test_any_damage_is_answered_or_refused(
    http: TestClient, frames: list[bytes], data: st.DataObject
) -> None:
    text = data.draw(damaged(_body(frames, mask_options={"max_objects": 2}, max_tokens=9, stream=False)))
    reply = http.post("/v1/chat/completions", content=text.encode("utf-8", "surrogatepass"))
    assert reply.status_code == 200 or 400 <= reply.status_code < 500
    assert reply.status_code == 200 or reply.json()["error"]["message"]


def test_a_child_process_serves_the_openai_client_and_stops(frames: list[bytes]) -> None:
    with running() as url, openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        body = _body(frames)
        said = client.chat.completions.create(model=body["model"], messages=body["messages"])
        extra = said.choices[0].message.model_extra
        assert extra is not None and len(extra["masks"]) == 1
        with pytest.raises(openai.BadRequestError, match="n must be 1"):
            client.chat.completions.create(model=body["model"], messages=body["messages"], n=2)
    with pytest.raises(OSError):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url + "/models", timeout=2)


def _start(*options: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", "sightbench.servers.baseline", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "default"},
    )
    assert child.stdout is not None and child.stdout.readline().startswith("http://127.0.0.1:")
    return child


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quietly(number: signal.Signals) -> None:
    child = _start()
    child.send_signal(number)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, out, err) == (0, "", "")


def test_it_ends_with_its_parent() -> None:
    child = _start("--exit-with-parent")
    out, err = child.communicate(timeout=20)  # closes its standard input, as the parent's death would
    assert (child.returncode, out, err) == (0, "", "")


def test_it_ends_quietly_when_nobody_reads_its_url() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen(
        [sys.executable, "-m", "sightbench.servers.baseline", "--exit-with-parent"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        os.close(writing)
        assert child.stderr is not None
        # Standard input stays open: the end must come from the pipe, while the watcher still reads.
        assert child.stderr.read() == ""
        assert child.wait(timeout=20) == 0


def test_a_signal_ends_it_quietly_while_its_parent_lives() -> None:
    child = _start("--exit-with-parent")
    assert child.stderr is not None
    child.send_signal(signal.SIGTERM)
    assert (child.wait(timeout=20), child.stderr.read()) == (0, "")
    child.communicate()


def test_a_port_in_use_is_one_clear_line() -> None:
    child = _start()
    try:
        assert child.stdin is not None
        import socket

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            second = subprocess.run(
                [sys.executable, "-m", "sightbench.servers.baseline", "--port", port],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=30,
            )
        assert second.returncode == 1 and second.stdout == ""
        assert (
            second.stderr.startswith(f"cannot listen on 127.0.0.1:{port}: ")
            and second.stderr.count("\n") == 1
        )
    finally:
        child.terminate()
        child.communicate(timeout=20)
