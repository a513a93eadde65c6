"""A cache bounded by the bytes of what it holds: the least recently used value goes first."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ByteCache(Generic[K, V]):
    """Values of at most `max_bytes` together, each weighed by `size`. Thread-safe.

    A value that is larger alone is not kept.
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
        with self._lock:
            value = self._values.get(key)
            if value is None:
                self.misses += 1
            else:
                self.hits += 1
                self._values.move_to_end(key)
            return value

    def __contains__(self, key: K) -> bool:
        """Whether the value is there, which counts as no use of it."""
        with self._lock:
            return key in self._values

    def put(self, key: K, value: V) -> None:
        with self._lock:
            if key in self._values:
                return
            self._values[key] = value
            self._bytes += self._size(value)
            while self._bytes > self.max_bytes and self._values:
                self._bytes -= self._size(self._values.popitem(last=False)[1])

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
            self._bytes = 0


class SharedWork(Generic[K, V]):
    """A `ByteCache` whose values are computed by coroutines, each once however many wait for it.

    For one event loop. A failure is told to all who wait and is not kept; one who stops waiting does not
    take the value from the others.
    """

    def __init__(self, cache: ByteCache[K, V]) -> None:
        self.cache = cache
        self._running: dict[K, asyncio.Future[V]] = {}

    async def get(self, key: K, compute: Callable[[], Awaitable[V]]) -> V:
        """The value of `key`; `compute` is called, at most once at a time, where it is not known."""
        running = self._running.get(key)
        if running is not None:
            self.cache.hits += 1
            return await asyncio.shield(running)
        value = self.cache.get(key)
        if value is not None:
            return value
        running = self._running[key] = asyncio.ensure_future(self._compute(key, compute))
        return await asyncio.shield(running)

    async def _compute(self, key: K, compute: Callable[[], Awaitable[V]]) -> V:
        try:
            value = await compute()
        finally:
            del self._running[key]
        self.cache.put(key, value)
        return value
