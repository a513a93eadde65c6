"""A service's limits per minute are used up and not run into."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.client.hosted.limited import Limited
from tests.client.samples import run, text, to
from tests.faults.server import serving

MINUTES = float(os.environ.get("SIGHTBENCH_SOAK_MINUTES", "30"))


JITTER = 0.5
AFTER = 3.0
"""Seconds after a stall in which what it held up arrives."""


async def watched(stalls: list[tuple[float, float]]) -> None:
    """Writes down when this process stood still for longer than the jitter that is borne."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.05)
        if (now := time.monotonic()) - before > JITTER:
            stalls.append((before, now))


async def ask(folder: Path, service: Limited, count: int, **given: float) -> None:
    samples = (text(f"q/{index}", f"question {index} " * 8, max_tokens=64) for index in range(count))
    async with serving(service.script) as server:
        server.keep_requests = False
        settings = to(server.url, provider="openai", model="gpt-5.1", concurrency="auto", **given)
        await run(folder, settings, samples)


async def test_limits_nobody_gave_are_read_from_the_answers(tmp_path: Path) -> None:
    service = Limited(1200, 1_000_000, delay=(0.0, 0.0))
    await ask(tmp_path, service, 40)
    assert (len(service.granted), service.refused) == (40, [])


@pytest.mark.soak
@pytest.mark.skipif(not os.environ.get("SIGHTBENCH_SOAK"), reason="long form: make soak")
async def test_half_an_hour_uses_what_is_allowed_and_is_not_refused(tmp_path: Path) -> None:
    """Three accounts at once: requests bind and nobody gave a limit; requests bind and the user gave it;
    tokens bind, which the service counts otherwise than we do. Half a second of jitter on the way is borne;
    where a busy machine held this process up for longer, what is refused then is told apart."""
    seconds = 60 * MINUTES
    learned, given, tokens = Limited(1200, 10**7), Limited(900, 10**7), Limited(10**5, 120_000)
    deadline = {"deadline": seconds}
    stalls: list[tuple[float, float]] = []
    watch = asyncio.create_task(watched(stalls))
    await asyncio.gather(
        ask(tmp_path / "learned", learned, 10**7, **deadline),
        ask(tmp_path / "given", given, 10**7, rpm=900, **deadline),
        ask(tmp_path / "tokens", tokens, 10**7, **deadline),
    )
    watch.cancel()
    still = sum(end - at for at, end in stalls)
    print(f"held up for more than {JITTER} s {len(stalls)} times, {still:.0f} s in all")
    found = []
    for name, service in (("learned", learned), ("given", given), ("tokens", tokens)):
        used = service.used(60, seconds)
        late = [at for at in service.refused if at >= 60]
        held = [at for at in late if any(start <= service.first + at <= end + AFTER for start, end in stalls)]
        early = len(service.refused) - len(late)
        print(
            f"{name}: {100 * used:.2f} % of what is allowed, {early} refused in the first minute, "
            f"{len(late)} after it ({len(held)} when held up), of {len(service.granted):,} requests"
        )
        found.append((used >= 0.98, len(late) - len(held)))
    assert found == [(True, 0)] * 3
    assert still < seconds / 20, "this machine is too busy for the test"
