"""Data beside the page: gzipped JSON as text, in chunks a browser can load from disk.

A page opened from disk may not fetch a file but may load a script, so a chunk is a script of one call:
`sightbench("build", "name", "base64 of gzip of JSON")`. In a single file the same text is an inert block.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pybase64

MAX_BYTES = 4_000_000
MAX_ITEMS = 1000
LEVEL = 5


def to_json(value: Any) -> bytes:
    """JSON of what a run holds: tuples, dataclasses, numpy numbers, keys of any kind, half surrogates."""
    try:
        options = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
        return orjson.dumps(value, option=options, default=str)
    except TypeError:
        # Half a surrogate pair has no UTF-8 form; escaped it goes through.
        return json.dumps(value, default=str).encode()


def packed(raw: bytes) -> bytes:
    """Base64 of the gzip of `raw`; the same bytes each time."""
    return pybase64.b64encode(gzip.compress(raw, LEVEL, mtime=0))


@dataclass(slots=True)
class Chunks:
    """Chunk texts written below `folder` as they fill up. `total` counts the bytes written."""

    folder: Path
    total: int = 0
    names: list[str] = field(default_factory=list)

    def write_json(self, name: str, json_text: bytes) -> None:
        """Writes one JSON text as the chunk `name`."""
        text = packed(json_text)
        (self.folder / name).write_bytes(text)
        self.names.append(name)
        self.total += len(text)


@dataclass(slots=True)
class Series:
    """Chunks of one kind, `name-0`, `name-1`, ..., each of up to `size` (< MAX_ITEMS) items or MAX_BYTES."""

    chunks: Chunks
    name: str
    size: int
    _items: list[bytes] = field(default_factory=list)
    _bytes: int = 0
    _count: int = 0

    def add(self, item: bytes) -> int:
        """Where the item stands: MAX_ITEMS * number of the chunk + position in it."""
        if self._items and (len(self._items) >= self.size or self._bytes + len(item) > MAX_BYTES):
            self.close()
        self._items.append(item)
        self._bytes += len(item)
        return MAX_ITEMS * self._count + len(self._items) - 1

    def close(self) -> None:
        """Writes what is left."""
        if self._items:
            self.chunks.write_json(f"{self.name}-{self._count}", b"[" + b",".join(self._items) + b"]")
            self._items, self._bytes = [], 0
            self._count += 1
