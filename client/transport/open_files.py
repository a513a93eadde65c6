"""How many connections this process may hold: every one is an open file, and so is all else it works with."""

from __future__ import annotations

import os
import resource

_OTHERS = 24
"""Files that a run opens beside its connections: journal, frames, name look-ups, a report."""

_MOST = 20_000
"""Connections to one server: a client has about 28,000 ports for that."""


def connections(endpoints: int, wanted: int) -> int:
    """How many of the `wanted` connections to each of so many endpoints can be held at once, at least 1.

    Raises this process's own limit on open files, often 1,024, as far as it may and as far as is wanted.
    """
    wanted = min(wanted, _MOST)
    before = _open() + _OTHERS
    # A connection that is listened to for a moment after its last answer is open beside the next one.
    needed = before + wanted * endpoints * 4 // 3 + 1
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, (soft - before) * 3 // (4 * endpoints)))


def limit() -> int:
    """Files that this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _open() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 16
