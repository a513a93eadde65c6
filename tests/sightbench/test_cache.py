"""Caches keep what was used last, within their bytes, and make a value once however many ask."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.cache import Cache, SharedCache


def test_the_least_recently_used_goes_first() -> None:
    cache: Cache[str, bytes] = Cache(10, len)
    for key in "abc":
        cache.put(key, b"1234")
    assert cache.get("a") is None and cache.get("b") == b"1234"
    cache.put("d", b"1234")
    assert cache.get("c") is None and cache.get("b") == b"1234"
    assert (cache.hits, cache.misses) == (2, 2)


def test_the_newest_stays_even_if_it_is_too_large_and_nothing_stays_without_room() -> None:
    cache: Cache[str, bytes] = Cache(10, len)
    cache.put("a", b"1")
    cache.put("b", b"x" * 99)
    assert cache.get("a") is None and cache.get("b") is not None
    none: Cache[str, bytes] = Cache(0, len)
    none.put("a", b"1")
    assert none.get("a") is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), max_size=60), st.integers(1, 30))
def test_the_bytes_are_never_exceeded_by_more_than_one_value(puts: list[tuple[int, int]], room: int) -> None:
    cache: Cache[int, bytes] = Cache(room, len)
    for key, size in puts:
        cache.put(key, bytes(size))
        kept = [value for value in map(cache.get, range(6)) if value is not None]
        assert sum(map(len, kept)) <= room or len(kept) == 1
        assert len(cache.get(key) or b"") == size


async def test_a_value_is_made_once_for_all_who_ask_and_a_failure_is_not_kept() -> None:
    cache: SharedCache[str, bytes] = SharedCache(10, len)
    made = 0

    async def make() -> bytes:
        nonlocal made
        made += 1
        await asyncio.sleep(0.01)
        if made == 1:
            raise ValueError("broken")
        return b"value"

    first = await asyncio.gather(*(cache.get("a", make) for _ in range(5)), return_exceptions=True)
    assert made == 1 and all(isinstance(result, ValueError) for result in first)
    tasks = [asyncio.create_task(cache.get("a", make)) for _ in range(5)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    assert await asyncio.gather(*tasks[1:]) == [b"value"] * 4
    assert made == 2 and await cache.get("a", make) == b"value"
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
