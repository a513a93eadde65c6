"""Ctrl-C and SIGTERM, heard by everybody in an event loop who wants to end in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from weakref import WeakKeyDictionary

# A loop has one handler for a signal: a second run beside the first would take it, and leave none behind.
_LISTENERS: WeakKeyDictionary[asyncio.AbstractEventLoop, list[Callable[[], None]]] = WeakKeyDictionary()


@contextlib.contextmanager
def interrupts(heard: Callable[[], None]) -> Iterator[None]:
    """Calls `heard` at every SIGINT and SIGTERM meanwhile, and so for everybody else in the running loop.

    Only the main thread hears signals; elsewhere the caller's own handling stays as it is.
    """
    loop = asyncio.get_running_loop()
    listeners = _LISTENERS.setdefault(loop, [])
    first = not listeners
    listeners.append(heard)
    if first:
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                loop.add_signal_handler(number, _tell, listeners)
    try:
        yield
    finally:
        listeners.remove(heard)
        if not listeners:
            for number in (signal.SIGINT, signal.SIGTERM):
                with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                    loop.remove_signal_handler(number)


def _tell(listeners: list[Callable[[], None]]) -> None:
    for heard in tuple(listeners):
        heard()
