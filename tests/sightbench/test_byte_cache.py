"""What a cache keeps, and what it computes only once."""

from __future__ import annotations

import asyncio

import pytest

from sightbench.byte_cache import ByteCache, SharedWork


def test_the_least_recently_used_goes_first() -> None:
    cache: ByteCache[str, bytes] = ByteCache(10, len)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    assert cache.get("a") == b"1234"
    cache.put("c", b"1234")
    assert cache.get("b") is None and cache.get("a") and cache.get("c")
    assert (cache.hits, cache.misses) == (3, 1)
    cache.put("huge", b"1" * 11)
    assert cache.get("huge") is None
    cache.clear()
    assert cache.get("a") is None


async def test_those_who_ask_at_once_wait_for_one_computation() -> None:
    shared: SharedWork[str, bytes] = SharedWork(ByteCache(10, len))
    begun, gate = 0, asyncio.Event()

    async def compute() -> bytes:
        nonlocal begun
        begun += 1
        await gate.wait()
        return b"seen"

    waiting = [asyncio.ensure_future(shared.get("a", compute)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    gate.set()
    assert await asyncio.gather(*waiting[1:]) == [b"seen", b"seen"]
    assert await shared.get("a", compute) == b"seen" and begun == 1


async def test_a_failure_is_told_and_not_kept() -> None:
    shared: SharedWork[str, bytes] = SharedWork(ByteCache(10, len))

    async def fail() -> bytes:
        raise ValueError("broken")

    async def work() -> bytes:
        return b"fine"

    with pytest.raises(ValueError, match="broken"):
        await shared.get("a", fail)
    assert await shared.get("a", work) == b"fine"
