"""What was seen in recent videos, so that several questions about one video look at it once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Cache(Generic[T]):
    """Least recently used first out, bounded by the bytes of the values; for one event loop.

    Requests that ask for a value while it is being computed wait for that one computation. A failure is
    told to all who wait and is not kept.
    """

    def __init__(self, max_bytes: int, size: Callable[[T], int]) -> None:
        self._max_bytes = max_bytes
        self._size = size
        self._futures: OrderedDict[bytes, asyncio.Future[T]] = OrderedDict()
        self._bytes = 0
        self.hits = 0
        self.misses = 0

    async def get(self, key: bytes, compute: Callable[[], asyncio.Future[T]]) -> T:
        """The value of `key`; `compute` is called, at most once at a time, where it is not known."""
        future = self._futures.get(key)
        if future is None:
            self.misses += 1
            future = self._futures[key] = compute()
            future.add_done_callback(lambda done: self._settle(key, done))
        else:
            self.hits += 1
            self._futures.move_to_end(key)
        return await asyncio.shield(future)

    def _settle(self, key: bytes, future: asyncio.Future[T]) -> None:
        if future.cancelled() or future.exception() is not None:
            del self._futures[key]
            return
        self._bytes += self._size(future.result())
        for old in list(self._futures):
            if self._bytes <= self._max_bytes:
                break
            if self._futures[old].done():
                self._bytes -= self._size(self._futures.pop(old).result())
