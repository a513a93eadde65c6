"""Which server starts, answers and stops when, on which GPUs: nothing but that, for any clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto


class Stage(Enum):
    """How far a server is. LAST: all its questions are with it and some answers are out; ASKED: none is."""

    WAITING = auto()
    STARTING = auto()
    READY = auto()
    ASKING = auto()
    LAST = auto()
    ASKED = auto()
    STOPPING = auto()
    GONE = auto()


@dataclass(frozen=True, slots=True)
class Server:
    """A server to be: it takes `gpus` places, one where it takes no GPU. `places` are those it got."""

    gpus: int
    stage: Stage = Stage.WAITING
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """The server `name` goes on to `to`: STARTING on `places`, ASKING or STOPPING."""

    name: str
    to: Stage
    places: tuple[str, ...]


def moves(servers: Mapping[str, Server], places: Sequence[str], at_once: int = 1) -> Iterator[Move]:
    """What is to be done now, in this order; empty while something has to happen first.

    At most `at_once` servers are on a place. One starts beside another only while that one is up and stays:
    engines measure their memory as they start, and fail where some is freed meanwhile. So of the servers on a
    place one at a time starts, one answers (the next goes on from when only last answers are out), and one
    that is done waits for the one that starts beside it. Servers start in their order, none overtakes.
    """
    now = dict(servers)
    for step in (_stops, _asks, _starts):
        for move in step(now, places, at_once):
            now[move.name] = replace(now[move.name], stage=move.to, places=move.places)
            yield move


def _stops(now: Mapping[str, Server], _places: Sequence[str], _at_once: int) -> Iterator[Move]:
    for name, server in now.items():
        if server.stage is Stage.ASKED and not _beside(now, name, Stage.STARTING):
            yield Move(name, Stage.STOPPING, server.places)


def _asks(now: Mapping[str, Server], _places: Sequence[str], _at_once: int) -> Iterator[Move]:
    for name, server in now.items():
        if server.stage is Stage.READY and not _beside(now, name, Stage.ASKING):
            yield Move(name, Stage.ASKING, server.places)


def _starts(now: Mapping[str, Server], places: Sequence[str], at_once: int) -> Iterator[Move]:
    for name, server in now.items():
        if server.stage is not Stage.WAITING:
            continue
        held = {place: [one.stage for one in now.values() if place in one.places] for place in places}
        free = [
            place
            for place in places
            if len([stage for stage in held[place] if stage is not Stage.GONE]) < at_once
            and Stage.STARTING not in held[place]
            and Stage.STOPPING not in held[place]
        ]
        # The emptiest first: a second server on a GPU is for when the others have one.
        free.sort(key=lambda place: len([stage for stage in held[place] if stage is not Stage.GONE]))
        wanted = max(1, server.gpus)
        if len(free) < wanted:
            return
        yield Move(name, Stage.STARTING, tuple(sorted(free[:wanted], key=places.index)))


def _beside(now: Mapping[str, Server], name: str, stage: Stage) -> bool:
    """Whether another server on a place of this one is at `stage`."""
    own = set(now[name].places)
    return any(one.stage is stage and own & set(one.places) for other, one in now.items() if other != name)
