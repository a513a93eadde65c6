"""The order in which samples are asked: conversations whole, questions about one video together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from sightbench.sample import Image, Sample, Video

Unit = tuple[Sample, ...]
"""Samples that are asked one after the other: one, or the turns of a conversation."""

_HELD_BYTES = 64 * 2**20


def units(samples: Iterable[Sample]) -> Iterator[Unit]:
    """Puts each sample that follows the one before it into that one's unit."""
    chain: list[Sample] = []
    for sample in samples:
        if chain and sample.follows is not None and sample.follows == chain[-1].id:
            chain.append(sample)
            continue
        if chain:
            yield tuple(chain)
        chain = [sample]
    if chain:
        yield tuple(chain)


def by_video(source: Iterable[Unit], lookahead: int) -> Iterator[Unit]:
    """Brings units about the same video together, as far as `lookahead` samples see.

    Videos keep the order of their first question, and questions theirs. Media that are held as bytes end
    the look-ahead at 64 MiB.
    """
    waiting: dict[str, list[Unit]] = {}
    samples = 0
    held = 0
    for unit in source:
        waiting.setdefault(unit[0].affinity, []).append(unit)
        samples += len(unit)
        held += _bytes(unit)
        while waiting and (samples > lookahead or held > _HELD_BYTES):
            for ready in waiting.pop(next(iter(waiting))):
                samples -= len(ready)
                held -= _bytes(ready)
                yield ready
    for group in waiting.values():
        yield from group


def mine(source: Iterable[Unit], shard: tuple[int, int] | None) -> Iterator[Unit]:
    """The units of shard (index, count): by video, so that one never ends up in two shards."""
    for unit in source:
        if shard is None or shard_of(unit[0].affinity, shard[1]) == shard[0]:
            yield unit


def shard_of(affinity: str, count: int) -> int:
    """The shard, 0 to `count` - 1, that a video (or group, or lone sample) belongs to."""
    return int.from_bytes(hashlib.sha1(affinity.encode()).digest()[:8], "big") % count


def _bytes(unit: Unit) -> int:
    total = 0
    for sample in unit:
        for turn in sample.turns:
            for part in turn.parts:
                if isinstance(part, Image) and isinstance(part.media, bytes):
                    total += len(part.media)
                elif isinstance(part, Video):
                    total += sum(len(frame) for frame in part.frames if isinstance(frame, bytes))
    return total
