"""The wire that the mask server and the embedded baseline share: what it refuses, and how."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.requests import Request

from sightbench.servers.masks.frame_store import FrameStore
from sightbench.servers.masks.request import video_request
from sightbench.servers.wire.frames import Limits, contents, mask_size
from sightbench.servers.wire.http import Bodies
from sightbench.servers.wire.refusal import Refusal
from sightbench.servers.wire.request import MaskOptions, read
from tests.hostile import damaged, generator


def encoded(width: int = 8, height: int = 6, kind: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height), (200, 0, 0)).save(data, kind)
    return data.getvalue()


def url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


VALID: dict[str, Any] = {
    "model": "tiny",
    "messages": [
        {"role": "system", "content": "You see."},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": url(encoded())}},
                {"type": "video_url", "video_url": {"url": "data:video/jpeg;base64," + url(encoded())[22:]}},
                {"type": "text", "text": "Please segment the cat."},
            ],
        },
    ],
    "mask_options": {"return_masks": True, "max_objects": 4, "output_size": [3, 4]},
    "stream": False,
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "top_p": 1,
    "seed": 7,
    "stop": ["\n"],
    "max_tokens": 16,
}


STORE = FrameStore()


def checked(frames: tuple[bytes, ...], limits: Limits) -> tuple[int, int]:
    """The (height, width) of frames that were all decoded."""
    pictures = STORE.pictures(frames, limits)
    size = pictures.size()
    pictures.prepare(())
    return size


def taken(body: bytes) -> None:
    """All that is done with a body before a model sees it."""
    chat = read(body)
    if chat.has_media:
        video = video_request(chat, Limits(), 9)
        size = checked(video.frames, Limits())
        mask_size(video.options, size, len(video.frames), Limits())


def refusal(body: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        taken(body if isinstance(body, bytes) else json.dumps(body).encode())
    return caught.value


def test_the_valid_request_is_taken() -> None:
    taken(json.dumps(VALID).encode())


@given(damaged(VALID))
@generator()
def test_any_damage_is_taken_or_refused_in_plain_words(text: str) -> None:
    try:
        taken(text.encode("utf-8", "surrogatepass"))
    except Refusal as error:
        assert 400 <= error.status < 500 and error.message
        assert " object at 0x" not in error.message and "Traceback" not in error.message
        assert len(error.message) < 500
        json.dumps(error.body()).encode()


@given(st.binary(max_size=200))
@generator()
def test_any_bytes_are_no_request(data: bytes) -> None:
    assert refusal(data).status == 400


@given(st.data())
@generator()
def test_any_damage_to_an_image_is_refused_or_harmless(data: st.DataObject) -> None:
    whole = bytearray(encoded(20, 10, data.draw(st.sampled_from(["PNG", "JPEG", "WEBP"]))))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(whole)))
    try:
        checked((bytes(whole[:cut]),), Limits())
    except Refusal as error:
        assert error.status == 400 and "frame 0" in error.message
        assert " object at 0x" not in error.message


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"kv_transfer_params": {"seg_key": "../x"}}, "kv_transfer_params", "takes no such field"),
        ({"mm_processor_kwargs": {}}, "mm_processor_kwargs", "takes no such field"),
        ({"mask_options": {"threshold": 1}}, "mask_options.threshold", "takes no such field"),
        ({"mask_options": {"max_objects": 0}}, "mask_options.max_objects", "expected int >= 1"),
        ({"mask_options": {"max_objects": 10**9}}, "mask_options.max_objects", "expected int <= 128"),
        ({"mask_options": {"output_size": [9000, 1]}}, "mask_options.output_size[0]", "<= 8192"),
        ({"mask_options": "yes"}, "mask_options", "expected object"),
        ({"temperature": -1}, "temperature", ">= 0"),
        ({"seed": 2**63}, "seed", "int"),
        ({"stream": 1}, "stream", "expected bool"),
        ({"messages": []}, "messages", "exactly one user message"),
        ({"messages": [{"role": "owner"}]}, "messages[0].role", "invalid enum value"),
        ({"n": 2}, "n", "n must be 1"),
        ({"tools": [{"type": "function"}]}, "tools", "not supported"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(change: dict[str, Any], param: str, words: str) -> None:
    if "messages" in change and not change["messages"]:
        change = {"messages": [{"role": "assistant", "content": VALID["messages"][1]["content"]}]}
    error = refusal({**VALID, **change})
    assert error.status == 400 and error.param == param and words in error.message, error.message


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(VALID).replace("0.5", "NaN"),
        json.dumps(VALID).replace("0.5", "1e999"),
        json.dumps(VALID).replace("the cat", "\\ud800"),
        "[" * 100_000,
        json.dumps(VALID).replace('"seed": 7', '"seed": ' + "9" * 5000),
    ],
    ids=["not a number", "infinite", "half a surrogate pair", "deep", "5,000 digits"],
)
def test_json_that_no_engine_can_take_is_400(text: str) -> None:
    assert refusal(text.encode()).status == 400


def crafted_png(width: int, height: int) -> bytes:
    """A PNG that promises so many pixels in a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (crafted_png(50_000_000, 1), "one side is more than 200 times the other"),
        (crafted_png(1, 50_000_000), "one side is more than 200 times the other"),
        (crafted_png(9_000, 8_000), "more than 50000000 pixels"),
        (crafted_png(30_000, 30_000), "frame 0"),
        (encoded(kind="GIF"), "no JPEG, PNG or WebP"),
        (encoded(kind="BMP"), "no JPEG, PNG or WebP"),
        (b"Image type: RGB image\r\nImage size (x*y): 8*6\r\n\x1a" + bytes(600), "no JPEG, PNG or WebP"),
        (b"BLP2\1\0\0\0" + b"\1" * 200, "no JPEG, PNG or WebP"),
        (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf" + bytes(200), "no JPEG, PNG or WebP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no JPEG, PNG or WebP"),
        (encoded(300, 200, "JPEG")[:400], "frame 0 cannot be decoded"),
    ],
)
def test_an_image_that_costs_more_than_it_shows_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(Refusal, match="frame 0") as caught:
        checked((data,), Limits())
    assert words in caught.value.message


def test_masks_are_bounded_by_all_their_pixels_together() -> None:
    assert mask_size(MaskOptions(), (2160, 3840), 256, Limits()) == (2160, 3840)
    huge = MaskOptions(output_size=(8192, 8192))
    with pytest.raises(Refusal, match="smaller output_size"):
        mask_size(huge, (10, 10), 256, Limits())
    assert mask_size(MaskOptions(return_masks=False, output_size=(8192, 8192)), (9, 9), 256, Limits())


@pytest.mark.parametrize("path", ["/etc/passwd", "/%00", "/etc/../etc/passwd", "//host/x", "/" + "a" * 5000])
def test_files_outside_the_allowed_folder_are_400(path: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded())
    body = json.loads(json.dumps(VALID))
    body["messages"][1]["content"][0]["image_url"]["url"] = f"file://{path}"
    with pytest.raises(Refusal, match="not a file under the allowed folder"):
        video_request(read(json.dumps(body).encode()), Limits(media_root=tmp_path), 9)


def test_files_are_bounded_by_their_size_together(tmp_path: Path) -> None:
    with (tmp_path / "video").open("wb") as file:
        file.truncate(2**40)
    (tmp_path / "frame").write_bytes(bytes(250))
    limits = Limits(pixels=100, all_pixels=200, media_root=tmp_path)
    for name, count, refused in (("video", 1, 0), ("frame", 2, None), ("frame", 3, 2)):
        part = {"type": "image_url", "image_url": f"file://{tmp_path}/{name}"}
        body = json.dumps({"messages": [{"role": "user", "content": [part] * count}]}).encode()
        (message,) = read(body).messages
        if refused is None:
            assert len(contents(message, limits)[0]) == count
            continue
        with pytest.raises(Refusal, match=f"frame {refused}: its file is too large"):
            contents(message, limits)


def upload(pieces: AsyncIterator[bytes]) -> Request:
    async def receive() -> dict[str, Any]:
        piece = await anext(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


async def endless() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.Event().wait()


async def trickle() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.01)


async def some(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * size


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        (b'{"messages":[', b'{"role":"user"},', b'{"role":"user"}]}'),
        (b'{"messages":[{"role":"user","content":"x","more":[', b"{},", b"{}]}]}"),
        (b'{"messages":[{"role":"user","content":"x"}],"stop_token_ids":[', b"1,", b"1]}"),
    ],
)
def test_a_body_of_very_many_values_is_413_before_they_are_made(
    before: bytes, value: bytes, after: bytes
) -> None:
    with pytest.raises(Refusal) as caught:
        read(before + value * 1_000_001 + after)
    assert caught.value.status == 413
    assert read(before + value * 1000 + after).messages


@pytest.mark.parametrize("pieces", [endless, trickle])
async def test_a_body_that_never_ends_is_408(pieces: Any) -> None:
    bodies = Bodies(100_000, 100_000, idle_s=0.05, whole_s=0.2)
    with bodies.room() as room, pytest.raises(Refusal) as caught:
        await bodies.read(upload(pieces()), room)
    assert caught.value.status == 408 and bodies.in_hand == 0


async def test_bodies_are_bounded_alone_and_together() -> None:
    bodies = Bodies(100, 150)
    with bodies.room() as first, bodies.room() as second:
        assert len(await bodies.read(upload(some(9, 11)), first)) == 99
        with pytest.raises(Refusal) as caught:
            await bodies.read(upload(some(9, 11)), second)
        assert caught.value.status == 503 and caught.value.retry_after
    assert bodies.in_hand == 0
    with bodies.room() as room, pytest.raises(Refusal) as caught:
        await bodies.read(upload(some(20, 11)), room)
    assert caught.value.status == 413
