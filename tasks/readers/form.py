"""A form: one way a benchmark may lie on disk. A benchmark has one or several; the first found is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sightbench.errors import UsageError
from sightbench.sample import Sample
from sightbench.tasks.benchmark import Needed, Problems, Read
from sightbench.tasks.prompts import COT_TOKENS


@dataclass(frozen=True, slots=True)
class Source:
    """What a form's reader is called with: the file or folder found, the data root, whose prompts."""

    path: Path
    data: Path
    profile: str
    problems: Problems


FormReader = Callable[[Source], Iterator[Sample]]
"""Yields samples whose `benchmark` and, unless it matters, `order` are filled in by `reader_of`."""


@dataclass(frozen=True, slots=True)
class Form:
    """`paths` below the data root are alternatives for one file or folder that `read` understands.

    Where they are folders, `files` are globs for the question files in them; a folder without any does
    not count.
    """

    what: str
    paths: tuple[str, ...]
    read: FormReader
    files: tuple[str, ...] = ()

    def find(self, data: Path) -> Path | None:
        """The first alternative that is there."""
        for name in self.paths:
            path = data / name
            if path.exists() and (not self.files or any(next(path.glob(each), None) for each in self.files)):
                return path
        return None


def reader_of(benchmark: str, forms: tuple[Form, ...], tokens: int | None = None) -> Read:
    """A Read for the first form that is there; `order` counts its samples.

    `tokens` is what an answer may take, unless the sample says so itself or has to reason first.

    UsageError naming every place looked at if there is none.
    """

    def read(data: Path, profile: str, problems: Problems) -> Iterator[Sample]:
        for form in forms:
            path = form.find(data)
            if path is not None:
                for order, sample in enumerate(form.read(Source(path, data, profile, problems))):
                    room = sample.max_tokens or (COT_TOKENS if "cot" in sample.meta else tokens)
                    yield replace(sample, benchmark=benchmark, order=order, max_tokens=room)
                return
        wanted = ", ".join(path for need in needed(forms) for path in need.paths)
        raise UsageError(
            f"{benchmark}: its questions are not below {data}; looked for {wanted} (--data gives the folder)"
        )

    return read


def needed(forms: tuple[Form, ...], *media: str) -> tuple[Needed, ...]:
    """The forms' files, as alternatives, and the media folders, for Benchmark.files."""
    what = " or ".join(dict.fromkeys(form.what for form in forms))
    paths = tuple(path for form in forms for path in form.paths)
    inside = tuple(
        f"{path}/{each}" if each else path
        for form in forms
        for path in form.paths
        for each in form.files or ("",)
    )
    folders = (Needed("images", (path, f"data/{path}"), media=True) for path in media)
    return (Needed(what, paths, inside=inside if inside != paths else ()), *folders)
