"""Finding what a benchmark needs below the folder the user gave."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from sightbench.sample import Image, Media, Text, Turn
from sightbench.tasks.benchmark import Problems
from sightbench.terminal import plain


def find(data: Path, paths: Iterable[str]) -> Path | None:
    """The first of `paths` (relative to `data`) that exists."""
    return next((data / path for path in paths if (data / path).exists()), None)


def locate(name: str, bases: Sequence[Path]) -> Path | None:
    """The file `name` means: absolute, or below a base with as much of its path as exists there.

    Annotations name images from where their authors stood (`data/vqav2/val2014/x.jpg` from internvl_chat/);
    leading folders are dropped one by one until the rest is found.
    """
    if "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
        return None
    if name.startswith("/") and os.path.isfile(name):
        return Path(name)
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    tails = ["/".join(parts[start:]) for start in range(len(parts))]
    for base in bases:
        for tail in tails:
            candidate = f"{base}/{tail}"
            if os.path.isfile(candidate):
                return Path(candidate)
    return None


def images(
    names: Iterable[str], bases: Sequence[Path], problems: Problems, path: Path, line: int | None
) -> tuple[Path, ...] | None:
    """All images a row names, or None naming the missing one to `problems`."""
    paths: list[Path] = []
    for name in names:
        image = locate(name, bases) if isinstance(name, str) else None
        if image is None:
            problems.broke(f"the image {plain(name, 200)} is not on disk", path, line)
            return None
        paths.append(image)
    return tuple(paths)


def user(media: Iterable[Media], text: str) -> tuple[Turn, ...]:
    """One user turn: the images, then the text."""
    return (Turn("user", (*(Image(image) for image in media), Text(text))),)


def numbered(media: Sequence[Media], text: str) -> tuple[Turn, ...]:
    """One user turn as InternVL's wrapper writes it: several images are each announced ("Image-1: ")."""
    if len(media) == 1:
        return user(media, text)
    announced = (
        part
        for number, image in enumerate(media, start=1)
        for part in (Text(f"Image-{number}: "), Image(image))
    )
    return (Turn("user", (*announced, Text(text))),)


class Seen:
    """Remembers the ids of a file, to name one that comes twice."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self._lines: dict[str, int] = {}
        self._path = path
        self._problems = problems

    def again(self, id: str, line: int) -> bool:
        """True, and named in the problems, if `id` was there before."""
        first = self._lines.setdefault(id, line)
        if first == line:
            return False
        self._problems.broke(f"the id {id} was already on line {first}", self._path, line)
        return True
