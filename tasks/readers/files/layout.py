"""Layouts: the ways a benchmark may lie on disk. The first of a benchmark's that is there is read."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sightbench.errors import SightbenchError, UsageError
from sightbench.sample import Sample
from sightbench.tasks.benchmark import Needed, Problems, Read
from sightbench.tasks.prompts import COT_TOKENS, REASONED
from sightbench.tasks.sound import flaw
from sightbench.terminal import plain


@dataclass(frozen=True, slots=True)
class Source:
    """What a layout's reader is called with: the file or folder, the data root, whose prompts.

    `words` is whose wording asks for masks: the profile's, unless another one was chosen.
    """

    path: Path
    data: Path
    profile: str
    problems: Problems
    words: str = ""


LayoutReader = Callable[[Source], Iterator[Sample]]
"""Yields samples whose `benchmark` and, unless it matters, `order` are filled in by `reader_of`."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`paths` below the data root are alternatives for one file or folder that `read` understands.

    Where they are folders, `files` are globs for the question files in them; a folder without any does
    not count.
    """

    what: str
    paths: tuple[str, ...]
    read: LayoutReader
    files: tuple[str, ...] = ()

    def find(self, data: Path) -> Path | None:
        """The first alternative that is there."""
        for name in self.paths:
            path = data / name
            there = path.is_dir() or (path.is_file() and not self.files)
            if there and (not self.files or any(next(path.glob(each), None) for each in self.files)):
                return path
        return None


def reader_of(benchmark: str, layouts: tuple[Layout, ...], tokens: int | None = None) -> Read:
    """A Read for the first layout that is there; `order` counts its samples.

    `tokens` is what an answer may take, unless the sample says so itself or has to reason first.

    UsageError naming every place looked at if there is none.
    """

    def read(
        data: Path, profile: str, problems: Problems, prompt_profile: str | None = None
    ) -> Iterator[Sample]:
        for layout in layouts:
            path = layout.find(data)
            if path is not None:
                source = Source(path, data, profile, problems, prompt_profile or profile)
                rows = guarded(layout.read(source), path, problems)
                for order, sample in enumerate(rows):
                    reasons = profile in REASONED or "cot" in sample.meta
                    room = sample.max_tokens or (COT_TOKENS if reasons else tokens)
                    yield replace(sample, benchmark=benchmark, order=order, max_tokens=room)
                return
        wanted = ", ".join(path for need in needed(layouts) for path in need.paths)
        raise UsageError(
            f"{benchmark}: its questions are not below {data}; looked for {wanted} (--data gives the folder)"
        )

    return read


FROM_BAD_DATA = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError, RecursionError),
    *(AssertionError, csv.Error),
)


def guarded(samples: Iterator[Sample], path: Path, problems: Problems) -> Iterator[Sample]:
    """The samples that can be asked; the others, and whatever stops the reader, are named in the problems."""
    last = "the first question"
    try:
        for sample in samples:
            wrong = flaw(sample)
            if wrong:
                problems.broke(f"question {plain(sample.id, 80)} {wrong}", path)
            else:
                yield sample
            last = f"the question after {plain(sample.id, 80)}"
    except SightbenchError:
        raise
    except FROM_BAD_DATA as error:
        problems.broke(f"{last} cannot be read ({type(error).__name__}: {plain(error, 200)})", path)


def needed(layouts: tuple[Layout, ...], *media: str) -> tuple[Needed, ...]:
    """The layouts' files, as alternatives, and the media folders, for Benchmark.files."""
    what = " or ".join(dict.fromkeys(layout.what for layout in layouts))
    paths = tuple(path for layout in layouts for path in layout.paths)
    inside = tuple(
        f"{path}/{each}" if each else path
        for layout in layouts
        for path in layout.paths
        for each in layout.files or ("",)
    )
    folders = (Needed("images", (path, f"data/{path}"), media=True) for path in media)
    return (Needed(what, paths, inside=inside if inside != paths else ()), *folders)
