"""Ports that stay ours from when they are chosen until a server of ours listens on them.

An engine may load for minutes before it binds its port, and the router before it binds after all of them;
meanwhile the kernel would give that port to whoever asks for any. So it stays bound, without listening: a
server that allows its address to be used again (each that we start does) can bind it beside us.
"""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import sys
from collections.abc import Iterator, Sequence

from sightbench.errors import UsageError
from sightbench.servers.engines import local_url
from sightbench.servers.supervise import KeyWanted, serving

_LOCAL = "127.0.0.1"
_BELOW_EPHEMERAL = range(20_000, 32_000, 150)
"""Ports that no kernel gives to a connection or to whoever asks for any, so far from each other that what a
launcher puts above its own has room: replicas, a router's figures (50), a mask server's engine (100)."""

_SHARED = sys.platform == "linux"
"""Elsewhere a port that is bound twice is refused: it can be looked at, not held."""


@contextlib.contextmanager
def held(host: str, ports: Sequence[int]) -> Iterator[None]:
    """Holds `ports` for servers that bind them meanwhile. Raises UsageError where that cannot be, and when
    something listens on one already, with what it serves where it says so."""
    with contextlib.ExitStack() as holding:
        for port in ports:
            holding.enter_context(_held(host, port))
        yield


@contextlib.contextmanager
def held_free(above: Sequence[int] = ()) -> Iterator[int]:
    """A port of this machine alone that nobody has, held for a server of ours, and so are those that lie so
    far `above` it."""
    drawn = random.SystemRandom()
    while True:
        port = drawn.choice(_BELOW_EPHEMERAL)
        with contextlib.ExitStack() as holding:
            try:
                for each in (port, *(port + more for more in above)):
                    # Bound before it may be shared: another process that draws this port is refused.
                    tried = holding.enter_context(_socket(_LOCAL))
                    tried.bind((_LOCAL, each))
                    _share(tried)
            except OSError:
                continue
            yield port
            return


@contextlib.contextmanager
def _held(host: str, port: int) -> Iterator[None]:
    with _socket(host) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, port))
        except (OSError, UnicodeError) as error:
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                raise UsageError(_taken(host, port, str(error.strerror))) from None
            reason = (isinstance(error, OSError) and error.strerror) or str(error)
            raise UsageError(f"cannot listen on port {port} of {host or 'all'}: {reason}") from None
        _share(tried)
        with _claimed(host, port):
            yield


@contextlib.contextmanager
def _claimed(host: str, port: int) -> Iterator[None]:
    """Refuses another launch that holds the port: both are bound, and neither listens while its model loads.

    By a name of the kernel's, which belongs to the same network as the port and ends with its process.
    """
    if not _SHARED:
        yield
        return
    with socket.socket(socket.AF_UNIX) as claim:
        try:
            claim.bind(f"\0sightbench-{port}-{host}"[:100])
        except OSError:
            why = "by a server that is starting or stopping"
            raise UsageError(f"port {port} is taken {why}: choose another with --port") from None
        yield


def _socket(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)


def _share(tried: socket.socket) -> None:
    if _SHARED:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    else:
        tried.close()


def _taken(host: str, port: int, reason: str) -> str:
    try:
        models = serving(local_url(host, port))
    except KeyWanted:
        models, reason = None, "by a server that asks for a key"
    what = f" by a server of {', '.join(sorted(models))}" if models else f" ({reason})"
    return f"port {port} is taken{what}: choose another with --port"
