"""Several decoders, each a process with a device of its own: one per GPU, where a model takes several."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Unfinished
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sightbench.servers.masks.asked import Asked, Cancelled, Drawn, Frame
from sightbench.servers.masks.checkpoint import Model

log = logging.getLogger("sightbench.masks")

LEAD = 2
"""So many requests more than another decoder has in hand before a video's own decoder is passed over."""


@dataclass(frozen=True, slots=True)
class DecoderPlan:
    """What each process loads: the head of a split checkpoint, and on which device."""

    folder: Path
    model: Model
    device: str
    dtype: str
    cache_bytes: int
    compiled: bool = False


class Decoders:
    """The gateway's `DrawMasks` over several processes. Requests about one video go to one of them, which has
    its features, unless it has more to do than another, or has ended."""

    def __init__(self, plans: Sequence[DecoderPlan], at_once: int) -> None:
        self._processes = [_Process(plan, at_once) for plan in plans]
        for process in self._processes:
            process.ready.result()
        self._in_hand = [0] * len(plans)
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Drawn:
        """The masks. Raises RuntimeError with a process's own words where it fails."""
        with self._lock:
            there = [index for index, process in enumerate(self._processes) if not process.ended]
            if not there:
                raise RuntimeError("all decoder processes ended")
            home = int.from_bytes(asked.frames[0].key[:8], "big") % len(self._processes)
            least = min(there, key=self._in_hand.__getitem__)
            stays = home in there and self._in_hand[home] < self._in_hand[least] + LEAD
            at = home if stays else least
            self._in_hand[at] += 1
        try:
            return self._processes[at].draw(asked)
        finally:
            with self._lock:
                self._in_hand[at] -= 1


class _Process:
    """One decoder process and the pipe to it."""

    def __init__(self, plan: DecoderPlan, at_once: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        # A daemon: it ends with us.
        self._process = spawn.Process(target=_decode, args=(theirs, plan, at_once), daemon=True)
        self._process.start()
        theirs.close()
        self.ended = False
        self._sending = threading.Lock()
        self._numbers = itertools.count(1)
        self.ready: Future[Any] = Future()
        self._waiting: dict[int, Future[Any]] = {0: self.ready}
        threading.Thread(target=self._read, daemon=True).start()

    def draw(self, asked: Asked) -> Drawn:
        frames = asked.frames
        keys = [frame.key for frame in frames]
        needed: Sequence[int] = self._ask(asked, "needs", keys)
        for _ in range(2):
            squares = {index: np.asarray(frames[index].load()) for index in needed}
            drawn: Drawn | None = self._ask(
                asked, "draw", keys, squares, asked.states, asked.normed, asked.size
            )
            if drawn is not None:
                return drawn
            # What it had when it was asked is gone from its cache.
            needed = range(len(frames))
        raise RuntimeError("a decoder process wants frames that it was sent")

    def _ask(self, asked: Asked, what: str, *given: object) -> Any:
        number, answer = next(self._numbers), Future[Any]()
        self._waiting[number] = answer
        self._send((number, what, *given))
        while True:
            try:
                return answer.result(0.1)
            except Unfinished:
                if asked.cancelled.is_set():
                    self._send((number, "cancel"))
                    return answer.result()

    def _send(self, message: tuple[object, ...]) -> None:
        try:
            with self._sending:
                self._pipe.send(message)
        except OSError:
            self._gone()

    def _read(self) -> None:
        try:
            while True:
                number, answer, error = self._pipe.recv()
                future = self._waiting.pop(number)
                future.set_result(answer) if error is None else future.set_exception(RuntimeError(error))
        except (EOFError, OSError):
            self._gone()

    def _gone(self) -> None:
        if not self.ended:
            self.ended = True
            log.error("a decoder process ended")
        for number in list(self._waiting):
            if (future := self._waiting.pop(number, None)) is not None:
                future.set_exception(RuntimeError("a decoder process ended"))


def _decode(pipe: Connection, plan: DecoderPlan, at_once: int) -> None:
    """The process: answers (number, answer, error) to each message; number 0 when it is loaded."""
    from sightbench.servers.masks.drawing import Drawer
    from sightbench.servers.masks.head import Masker

    answering = threading.Lock()

    def say(number: int, answer: object, error: str | None = None) -> None:
        with answering:
            pipe.send((number, answer, error))

    try:
        masker = Masker(plan.folder, plan.model, plan.device, plan.dtype, plan.cache_bytes)
        if plan.compiled:
            masker.decoder.encoder.compile()
    except Exception as error:
        say(0, None, f"{type(error).__name__}: {error}")
        return
    drawer, asked = Drawer(masker), dict[int, Asked]()

    def draw(number: int) -> None:
        try:
            say(number, drawer(asked[number]))
        except _Missing:
            say(number, None)
        except Cancelled:
            say(number, None, "nobody waits for it")
        except Exception as error:
            say(number, None, f"{type(error).__name__}: {error}")
        finally:
            del asked[number]

    say(0, None)
    with ThreadPoolExecutor(at_once) as pool:
        while True:
            try:
                number, what, *given = pipe.recv()
            except (EOFError, OSError):
                return
            if what == "needs":
                cache = masker.decoder.encoder.cache
                say(number, [index for index, key in enumerate(given[0]) if key not in cache])
            elif what == "draw":
                keys, squares, *how = given
                frames = [Frame(key, partial(_load, squares, index)) for index, key in enumerate(keys)]
                asked[number] = Asked(frames, *how)
                pool.submit(draw, number)
            elif (waiting := asked.get(number)) is not None:
                waiting.cancelled.set()


def _load(squares: Mapping[int, NDArray[np.uint8]], index: int) -> Image.Image:
    if index not in squares:
        raise _Missing
    return Image.fromarray(squares[index])


class _Missing(Exception):
    """A frame was to be in the cache, and is not."""
