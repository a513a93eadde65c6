"""A service's limits per minute are used up and not run into."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.client.hosted.limited import Limited
from tests.client.samples import run, text, to
from tests.faults.server import serving

MINUTES = float(os.environ.get("SIGHTBENCH_SOAK_MINUTES", "30"))


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
    tokens bind, which the service counts otherwise than we do."""
    seconds = 60 * MINUTES
    learned, given, tokens = Limited(1200, 10**7), Limited(900, 10**7), Limited(10**5, 120_000)
    deadline = {"deadline": seconds}
    await asyncio.gather(
        ask(tmp_path / "learned", learned, 10**7, **deadline),
        ask(tmp_path / "given", given, 10**7, rpm=900, **deadline),
        ask(tmp_path / "tokens", tokens, 10**7, **deadline),
    )
    for name, service in (("learned", learned), ("given", given), ("tokens", tokens)):
        used = service.used(60, seconds)
        late = [at for at in service.refused if at >= 60]
        early = len(service.refused) - len(late)
        print(
            f"{name}: {100 * used:.2f} % of what is allowed, {early} refused in the first minute, "
            f"{len(late)} after it, of {len(service.granted):,} requests"
        )
        assert used >= 0.98
        assert not late
