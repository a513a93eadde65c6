"""A mask reply as large as one may be costs a few times its bytes, whatever is in it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.faults.server import Response, completion, serving
from tests.paths import ROOT

BYTES = 120 * 2**20


def filled(start: str, piece: str, end: str) -> bytes:
    """A reply whose masks are `piece` again and again, BYTES in all."""
    masks = start + ",".join([piece] * (BYTES // (len(piece) + 1))) + end
    return completion("x", masks=["M"]).replace(b'["M"]', masks.encode())


REPLIES = {
    "small objects": ('[{"rles":[', '{"a":1}', "]}]", "more than 6272 masks for 24 frames"),
    "run lengths": ('[{"rles":[{"size":[9,9],"counts":[', "1", "]}]}]", "more than 4000000 run lengths"),
    "long texts": ('[{"rles":[', '{"counts":"%s"}' % ("0" * 2**20), "]}]", None),
}


LONG = pytest.mark.soak


@pytest.mark.parametrize(
    "name", ["small objects", pytest.param("run lengths", marks=LONG), pytest.param("long texts", marks=LONG)]
)
async def test_the_memory_of_a_mask_reply_is_bounded_by_its_bytes(name: str, tmp_path: Path) -> None:
    *masks, refused = REPLIES[name]
    body = filled(*masks)
    async with serving(lambda request, number: Response(body=body)) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.ask_masks", server.url, str(tmp_path), "24"),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
    said = json.loads(out)
    assert said["answered"] == 1 and said["peak"] < 500
    assert said["refused"] is None if refused is None else refused in said["refused"]
