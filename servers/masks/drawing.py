"""Requests for masks that wait are drawn together: one thread, one device."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import perf_counter

from sightbench.servers.masks.asked import Asked, Cancelled, Drawn, Frame
from sightbench.servers.masks.head import GROUP, Masker


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    asked: Asked
    done: Future[Drawn | None] = field(default_factory=Future)


class Drawer:
    """Draws with one Masker, whoever calls; the gateway's `DrawMasks`.

    What waits when a pass begins goes along, in order of arrival, as far as it fits (`Masker.shape`, at most
    GROUP objects), unless the masker is `exact`; room in the encoder's last pass is filled with frames of
    those that wait on.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._queue: list[_Waiting] = []
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="draw", daemon=True)
        self._thread.start()

    def __call__(self, asked: Asked) -> Drawn:
        """The masks. Raises Cancelled, and whatever drawing them raises."""
        waiting = _Waiting(asked)
        with self._changed:
            self._queue.append(waiting)
            self._changed.notify()
        drawn = waiting.done.result()
        if drawn is None:
            raise Cancelled
        return drawn

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue)
                group = self._next()
            self._draw(group)

    def _next(self) -> list[_Waiting]:
        """The first that waits, and those that fit with it."""
        first = self._queue.pop(0)
        group, objects = [first], len(first.asked.states)
        if self._masker.exact:
            return group
        shape = self._masker.shape(len(first.asked.frames))
        for other in list(self._queue):
            fits = objects + len(other.asked.states) <= GROUP
            if fits and self._masker.shape(len(other.asked.frames)) == shape:
                self._queue.remove(other)
                group.append(other)
                objects += len(other.asked.states)
        return group

    def _draw(self, group: Sequence[_Waiting]) -> None:
        began = perf_counter()
        try:
            made = self._masker.draw([waiting.asked for waiting in group], self._soon)
        except Exception as error:
            if len(group) == 1:
                group[0].done.set_exception(error)
                return
            # One of them is to blame; the others are not.
            for waiting in group:
                self._draw([waiting])
            return
        seconds = perf_counter() - began
        for waiting, masks in zip(group, made, strict=True):
            waiting.done.set_result(None if masks is None else Drawn(masks, seconds))

    def _soon(self, count: int) -> list[Frame]:
        """Frames of those that wait on, not encoded yet."""
        found: dict[bytes, Frame] = {}
        with self._changed:
            waiting = list(self._queue)
        for frame in (frame for each in waiting for frame in each.asked.frames):
            if len(found) == count:
                break
            if frame.key not in self._masker.decoder.encoder.cache:
                found.setdefault(frame.key, frame)
        return list(found.values())
