"""Where the page finds a sample's images: by link, as copies in a zip, or small ones inside the page."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from sightbench.files import opened_image, refuse_pipe
from sightbench.reports.chunks import Series, to_json
from sightbench.sample import Media, Painted, Slice

NEAR = 4
"""A file at most this many folders up is linked relative to the page, so that both can move together."""
SMALL_SIDE = 320
_HEADER = 65_536

Place = Callable[[Media], str | None]
"""The URL of a medium for an <img>, None where it has none of its own."""


def linked(page: Path) -> Place:
    """Links to files where they lie: relative if near the folder `page`, else by file:// URL."""

    def place(media: Media) -> str | None:
        if not isinstance(media, Path):
            return None
        relative = os.path.relpath(media, page)
        if relative.split(os.sep).count("..") <= NEAR:
            return quote(relative.replace(os.sep, "/"))
        return media.absolute().as_uri()

    return place


@dataclass(slots=True)
class Copies:
    """Every medium the page shows, under the name it gets beside the page; `files` is what to copy."""

    folder: str
    files: dict[Media, str] = field(default_factory=dict)

    def place(self, media: Media) -> str | None:
        name = self.files.get(media)
        if name is None:
            suffix = media.suffix.lower() if isinstance(media, Path) else ""
            name = self.files[media] = f"{self.folder}/{len(self.files):06d}{suffix}"
        return quote(name)


@dataclass(slots=True)
class Small:
    """Small copies of up to `count` images of a sample, inside the page. Each image is kept once."""

    series: Series
    count: int
    _kept: dict[Media, int | None] = field(default_factory=dict)

    def of(self, media: Sequence[Media]) -> dict[int, int]:
        """Position among `media` -> place in the series, evenly spread; unreadable ones are left out."""
        found = {}
        for index in spread(len(media), self.count):
            one = media[index]
            if one not in self._kept:
                text = small(one)
                self._kept[one] = None if text is None else self.series.add(to_json(text))
            if (place := self._kept[one]) is not None:
                found[index] = place
        return found


def spread(total: int, count: int) -> list[int]:
    """At most `count` of the indices below `total`, evenly spread, the first and the last among them."""
    if count >= total:
        return list(range(total))
    if count <= 1:
        return [total // 2][:count]
    return [round(i * (total - 1) / (count - 1)) for i in range(count)]


def small(media: Media) -> str | None:
    """A JPEG of the image as a data: URL, its long side at most SMALL_SIDE; None if it cannot be read."""
    try:
        with opened_image(read(media)) as image:
            image.draft("RGB", (SMALL_SIDE, SMALL_SIDE))
            shrunk = image.convert("RGB")
            shrunk.thumbnail((SMALL_SIDE, SMALL_SIDE))
        out = io.BytesIO()
        shrunk.save(out, "JPEG", quality=82)
    except (OSError, ValueError):
        return None
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


def size(media: Media) -> tuple[int, int] | None:
    """(width, height) from the image's header; None if it cannot be read."""
    if isinstance(media, Painted):
        return size(media.source)
    try:
        if isinstance(media, Path):
            with opened_image(media) as image:
                return image.size
        with opened_image(read(media, _HEADER)) as image:
            return image.size
    except (OSError, ValueError):
        return None


def read(media: Media, limit: int | None = None) -> bytes:
    """The encoded bytes, or about the first `limit` of them. Raises OSError or ValueError."""
    if isinstance(media, bytes):
        return media[:limit]
    if isinstance(media, Painted):
        return media.paint(read(media.source))
    if isinstance(media, Slice):
        with media.path.open("rb") as file:
            file.seek(media.offset)
            data = file.read(media.length if limit is None else min(media.length, limit // 3 * 4))
        return data if media.encoding == "raw" else base64.b64decode(data)
    refuse_pipe(media)
    with media.open("rb") as file:
        return file.read() if limit is None else file.read(limit)
