"""A client process for tests: asks one mask question of FRAMES frames, then reads the masks it got; prints as
JSON what happened, and the most memory it held in MB."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

from sightbench.client.journal import Journal
from sightbench.client.run import ask
from sightbench.rle import MaskError
from sightbench.sample import Video
from tests.client.samples import about, to


async def main(url: str, folder: str, frames: str) -> None:
    image = Path(folder) / "frame.gif"
    image.write_bytes(b"GIF89a")
    sample = about(Video("v", (image,) * int(frames)), "a", wants="masks")
    with Journal.open(Path(folder) / "run") as journal:
        outcome = await ask([sample], to(url), journal)
        reply = journal.read("a")
    refused = None
    try:
        if reply is not None and reply.masks is not None:
            reply.masks.objects(int(frames))
    except MaskError as error:
        refused = str(error)
    print(json.dumps({"answered": outcome.answered, "refused": refused, "peak": peak()}))


def peak() -> int:
    """MB. What getrusage tells is the parent's, where that was larger when it forked."""
    return int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) // 1024


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
