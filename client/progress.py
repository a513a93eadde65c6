"""What a run shows while it runs: a live line on a terminal, a plain line now and then in a log file."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TextIO

from sightbench.terminal import printable

LOG_EVERY = 30.0


@dataclass(slots=True)
class Progress:
    """A run so far. Counted as it goes, so that showing it costs the same at any length. `waiting` says why
    nothing can be asked at the moment; `reused` were taken from earlier runs; `dollars` is
    what the run folder's answers cost, None where they cost nothing or nobody knows."""

    started: float = 0.0
    kept: int = 0
    answered: int = 0
    failed: int = 0
    reused: int = 0
    retries: int = 0
    in_flight: int = 0
    tokens: int = 0
    dollars: Decimal | None = None
    waiting: str | None = None

    @property
    def done(self) -> int:
        return self.kept + self.reused + self.answered + self.failed


def line(counts: Progress, total: int | None, now: float) -> str:
    """One line: done, rate, tokens per second, in flight, errors, time left."""
    elapsed = max(now - counts.started, 1e-9)
    rate = (counts.answered + counts.failed) / elapsed
    parts = [
        f"{counts.done}/{total}" if total is not None else f"{counts.done}",
        f"{rate:.1f}/s",
        f"{counts.tokens / elapsed:,.0f} tokens/s",
        f"{counts.in_flight} in flight",
        f"{counts.failed} failed",
    ]
    if counts.dollars:
        parts.append(f"${counts.dollars:.2f}" if counts.dollars >= 1 else f"${counts.dollars:.4f}")
    if counts.kept:
        parts.append(f"{counts.kept} kept")
    if counts.reused:
        parts.append(f"{counts.reused} reused")
    if counts.retries:
        parts.append(f"{counts.retries} retries")
    if counts.waiting:
        parts.append(counts.waiting)
    elif total is not None and rate > 0 and counts.done < total:
        parts.append(f"{clock((total - counts.done) / rate)} left")
    return " · ".join(parts)


@contextmanager
def shown(total: int | None, stream: TextIO) -> Iterator[Callable[[Progress], None]]:
    """Gives a function for `ask(..., progress=)`: a live bar if `stream` is a terminal, else a line every
    half minute and one at the end. The function raises BrokenPipeError once nobody reads them."""
    if stream.isatty():
        with _live(total, stream) as show:
            yield show
    else:
        last: list[float] = [time.monotonic()]
        latest: list[Progress] = []

        def log(counts: Progress) -> None:
            latest[:] = [counts]
            if _unread(stream):
                raise BrokenPipeError
            now = time.monotonic()
            if now - last[0] >= LOG_EVERY:
                last[0] = now
                print(printable(line(counts, total, now)), file=stream, flush=True)

        yield log
        if latest:
            print(printable(line(latest[0], total, time.monotonic())), file=stream, flush=True)


def _unread(stream: TextIO) -> bool:
    """Whether it is a pipe whose reader has gone, which is otherwise known only once something is written."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (AttributeError, OSError, ValueError):
        return False  # not a file, or a system without poll


@contextmanager
def _live(total: int | None, stream: TextIO) -> Iterator[Callable[[Progress], None]]:
    from rich import progress as rich_progress

    from sightbench.console import Console

    columns = (rich_progress.BarColumn(), rich_progress.TextColumn("{task.description}", markup=False))
    # Drawn when told to and by no thread of its own: `ask` tells it at most five times a second.
    with rich_progress.Progress(*columns, console=Console(file=stream), auto_refresh=False) as bar:
        task = bar.add_task("", total=total)

        def show(counts: Progress) -> None:
            bar.update(task, completed=counts.done, description=line(counts, total, time.monotonic()))
            bar.refresh()

        yield show


def clock(seconds: float) -> str:
    """Seconds as people read them: "0:07", "2:03:04"."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
