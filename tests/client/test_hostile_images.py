"""Image files that nobody meant to write cost their sample, or one line, never the run."""

from __future__ import annotations

import asyncio
import io
import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from sightbench.client import saved_masks
from sightbench.client.media import MediaError, Plan, encode
from sightbench.errors import DatasetError
from sightbench.sample import Image, MaskTruth, Sample, Turn, Video
from tests.client.samples import picture, run, to
from tests.faults.server import serving
from tests.hostile import generator


def encoded(kind: str, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Pillow.linear_gradient("L").resize((40, 30)).convert(mode).save(out, kind)
    return out.getvalue()


VALID = [
    *(encoded(kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")),
    *(encoded("PNG", mode) for mode in ("1", "P", "LA", "I;16")),
    encoded("JPEG", "CMYK"),
    encoded("TIFF", "F"),
]


@st.composite
def damaged_images(draw: st.DrawFn) -> bytes:
    """An image of some format with some of its bytes damaged; a PNG's checksums may fit all the same."""
    raw = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, min(len(raw) - 1, draw(st.sampled_from([30, 200, len(raw)])))))
        raw[at] = draw(st.integers(0, 255))
    if raw[:4] == b"\x89PNG" and draw(st.booleans()):
        raw = bytearray(_checked(bytes(raw)))
    return bytes(raw[: draw(st.sampled_from([len(raw), len(raw) // 2, len(raw) - 1, 9]))])


def _checked(png: bytes) -> bytes:
    out, at = png[:8], 8
    while at + 12 <= len(png):
        length = struct.unpack(">I", png[at : at + 4])[0]
        body = png[at + 4 : at + 8 + length]
        out += png[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return out


def bomb(side: int) -> bytes:
    """A PNG of side x side black pixels, one bit each."""
    row = b"\0" * (1 + (side + 7) // 8)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(row * 1000) for _ in range(side // 1000)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, data) for name, data in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def unnamed_chunk() -> bytes:
    """A PNG in whose middle a chunk has no name: Pillow raises SyntaxError of it."""
    png = encoded("PNG")
    at = png.index(b"IDAT") - 4
    length = struct.unpack(">I", png[at : at + 4])[0]
    data = png[at + 8 : at + 8 + length]
    return png[:at] + _chunk(b"IDAT", data[:9]) + _chunk(b"\0\0\0\0", b"x") + _chunk(b"IDAT", data[9:])


@pytest.mark.parametrize("name", ["30,000 x 30,000", "SyntaxError", "a pipe", "a folder", "a device"])
async def test_what_no_image_can_be_made_of_costs_its_sample(name: str, tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    match name:
        case "30,000 x 30,000":
            path.write_bytes(bomb(30_000))
        case "SyntaxError":
            path.write_bytes(unnamed_chunk())
        case "a pipe":
            os.mkfifo(path)
        case "a folder":
            path.mkdir()
        case "a device":
            path.symlink_to("/dev/zero")
    sound = tmp_path / "sound.png"
    sound.write_bytes(encoded("PNG"))
    async with serving() as server:
        samples = [picture("bad", path), picture("good", sound)]
        outcome, replies = await asyncio.wait_for(
            run(tmp_path / "run", to(server.url, max_pixels=100), samples), 60
        )
    assert (outcome.answered, outcome.failed, outcome.stopped) == (1, 1, None)
    error = replies["bad"].error
    assert error is not None and "image.png" in error.message and error.message.isprintable()


@given(damaged_images(), st.sampled_from([None, 1, 100, 10**9]))
@generator()
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_image_is_sent_or_costs_its_sample(raw: bytes, max_pixels: int | None) -> None:
    try:
        made = encode(Image(raw), Plan(max_pixels=max_pixels))
    except MediaError as error:
        assert str(error)
    else:
        assert made.sent.count == 1


GOLD = MaskTruth("x", "object_1", 1)
SAMPLE = Sample("s", "b", "t", "c", (Turn("user", (Video("scene"),)),), gold=GOLD, wants="masks")


@given(damaged_images())
@generator()
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_mask_is_read_or_refused_by_its_name(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "scene").mkdir(exist_ok=True)
    (tmp_path / "scene/frame_0000_obj1.png").write_bytes(raw)

    try:
        reply = saved_masks.reply(SAMPLE, tmp_path)
    except DatasetError as error:
        assert "frame_0000_obj1.png" in str(error)
    else:
        assert reply is None or reply.masks
