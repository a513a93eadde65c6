"""A process that a test kills: asks COUNT samples as batches of up to seven at an OpenAI-like service."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from sightbench.client.batches.ledger import Ledger
from sightbench.client.batches.machine import Machine, Pace, Place
from sightbench.client.batches.openai_wire import OpenAIBatches
from sightbench.client.batches.service import Limits
from sightbench.client.body import Body, Template, build
from sightbench.client.journal import Journal
from sightbench.client.media import MediaCache
from sightbench.client.providers import provider
from sightbench.client.transport.completion import Completion, parse
from sightbench.families import Family
from sightbench.sample import Failure, Sample
from tests.client.samples import texts, to


def read(status: int, raw: bytes) -> Completion | Failure:
    return parse(status, {}, raw)


async def main(url: str, folder: str, count: str) -> None:
    template = Template(to("http://localhost"), provider("generic"), Family())
    cache = MediaCache(template.plan)

    async def write(sample: Sample) -> Body:
        return await build(template, cache, sample)

    service = OpenAIBatches(url, "key")
    service.limits = Limits(7, 10**9)
    print("begins", flush=True)
    with Journal.open(Path(folder)) as journal:
        running = Machine(
            Ledger(Path(folder)),
            journal,
            service,
            "/chat/completions",
            read,
            lambda line: None,
            Place("x"),
            2.0,
        )
        await running.submit(texts(int(count)), write)
        await running.wait(Pace(0.05, 0.1))
    await service.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
