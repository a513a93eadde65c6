"""A process that a test kills: asks COUNT samples as batches of up to seven at a service of one WIRE."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from sightbench.client.batches.anthropic_wire import AnthropicBatches
from sightbench.client.batches.gemini_wire import GeminiBatches
from sightbench.client.batches.ledger import Ledger
from sightbench.client.batches.machine import Machine, Pace, Place
from sightbench.client.batches.mistral_wire import MistralBatches
from sightbench.client.batches.openai_wire import OpenAIBatches
from sightbench.client.batches.service import Limits, Read, Service
from sightbench.client.batches.together_wire import TogetherBatches
from sightbench.client.body import Body, Template, build
from sightbench.client.dialects import anthropic_messages, gemini_generate
from sightbench.client.journal import Journal
from sightbench.client.media import MediaCache
from sightbench.client.providers import provider
from sightbench.client.transport.completion import Completion, parse
from sightbench.client.transport.endpoint import Endpoint
from sightbench.client.transport.http import Http
from sightbench.families import Family
from sightbench.sample import Failure, Sample
from tests.client.samples import texts, to

WIRES = ("openai", "anthropic", "gemini", "mistral", "together")


def reader(wire: str) -> Read:
    native = {"anthropic": anthropic_messages.completion, "gemini": gemini_generate.completion}.get(wire)

    def read(status: int, raw: bytes) -> Completion | Failure:
        return native(raw) if native and status == 200 else parse(status, {}, raw)

    return read


def service_at(wire: str, url: str) -> Service:
    if wire == "openai":
        return OpenAIBatches(url, "sk-of-the-tests")
    http = Http(Endpoint(url, provider=provider(wire), api_key="sk-of-the-tests"))
    match wire:
        case "anthropic":
            return AnthropicBatches(http)
        case "gemini":
            return GeminiBatches(http, "m")
        case "mistral":
            return MistralBatches(http, "m")
    return TogetherBatches(http)


async def main(wire: str, url: str, folder: str, count: str) -> None:
    template = Template(to("http://localhost"), provider("generic"), Family())
    cache = MediaCache(template.plan)

    async def write(sample: Sample) -> Body:
        return await build(template, cache, sample)

    service = service_at(wire, url)
    service.limits = Limits(7, 10**9)
    print("begins", flush=True)
    with Journal.open(Path(folder)) as journal:
        running = Machine(
            Ledger(Path(folder)),
            journal,
            service,
            "/chat/completions",
            reader(wire),
            lambda line: None,
            Place("x"),
            2.0,
        )
        await running.submit(texts(int(count)), write)
        await running.wait(Pace(0.05, 0.1))
    await service.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
