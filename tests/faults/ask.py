"""A client process for tests: asks COUNT small samples, CONCURRENCY at once; prints what `ask` returned."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from sightbench.client.journal import Journal
from sightbench.client.run import ask
from tests.client.samples import texts, to


async def main(url: str, folder: str, count: str, concurrency: str = "16") -> None:
    with Journal.open(Path(folder)) as journal:
        print("asking", flush=True)
        outcome = await ask(texts(int(count)), to(url, concurrency=int(concurrency)), journal)
    print(json.dumps(asdict(outcome)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
