"""Caches bounded by bytes: the least recently used values go first."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Values by key, `size` bytes each, `max_bytes` in all; safe to use from several threads.

    The newest value stays even if it alone is larger, unless `max_bytes` is 0: then nothing is kept.
    """

    def __init__(self, max_bytes: int, size: Callable[[V], int]) -> None:
        self.max_bytes = max_bytes
        self.hits = 0
        self.misses = 0
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """The value of `key`, None if it is not (or no longer) there."""
        with self._lock:
            value = self._values.get(key)
            if value is None:
                self.misses += 1
            else:
                self.hits += 1
                self._values.move_to_end(key)
            return value

    def put(self, key: K, value: V) -> None:
        """Keeps the value, the most recently used now, and drops what no longer fits."""
        with self._lock:
            if key in self._values:
                self._bytes -= self._size(self._values.pop(key))
            if self.max_bytes <= 0:
                return
            self._values[key] = value
            self._bytes += self._size(value)
            while self._bytes > self.max_bytes and len(self._values) > 1:
                self._bytes -= self._size(self._values.popitem(last=False)[1])

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
            self._bytes = 0


class SharedCache(Generic[K, V]):
    """A Cache for one event loop: whoever asks for a value while it is made waits for that one making.

    A failure is told to all who wait and is not kept. One who gives up waiting takes nothing from the others.
    """

    def __init__(self, max_bytes: int, size: Callable[[V], int]) -> None:
        self.cache: Cache[K, V] = Cache(max_bytes, size)
        self._making: dict[K, asyncio.Future[V]] = {}

    async def get(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        """The value of `key`; `make` is called, at most once at a time, where it is not there. Raises what
        `make` raises."""
        making = self._making.get(key)
        if making is None:
            value = self.cache.get(key)
            if value is not None:
                return value
            making = self._making[key] = asyncio.ensure_future(self._make(key, make))
        else:
            self.cache.hits += 1
        return await asyncio.shield(making)

    async def _make(self, key: K, make: Callable[[], Awaitable[V]]) -> V:
        try:
            value = await make()
        finally:
            del self._making[key]
        self.cache.put(key, value)
        return value
