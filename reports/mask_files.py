"""Masks of expressions in the files of other programs: results.json, JSON lines, PNGs, a server's zip."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import orjson
from PIL import Image as Pixels

from sightbench import rle
from sightbench.errors import SightbenchError
from sightbench.files import replace_file
from sightbench.rle import Rle

ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""Every entry's time, so that the same masks make the same bytes."""

SUBMISSIONS = {"mevis": "", "ref-youtube-vos": "Annotations/"}
"""The evaluation servers' zips: what stands before <video>/<expression>/<frame>.png."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for one expression. `frames` are the names of a video's frames, none for an image.

    `objects` holds a list of masks per object, a mask (or None) per frame; empty where there was no answer.
    `size` is (h, w) of the frames, for those that have no mask.
    """

    video: str
    expression: str
    id: str
    frames: tuple[str, ...]
    size: tuple[int, int]
    objects: tuple[tuple[Rle | None, ...], ...] = ()

    def masks(self) -> list[Rle]:
        """The first object's mask in every frame; an empty one where there is none."""
        first = self.objects[0] if self.objects else ()
        empty = rle.empty(*self.size)
        found = [first[at] if at < len(first) else None for at in range(max(1, len(self.frames)))]
        return [empty if mask is None else mask for mask in found]


def results(drawn: Iterable[Drawn], path: Path) -> int:
    """Writes {video: {expression: {frames, prediction_masks}}} to `path`; how many expressions."""
    count = 0
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        file.write(b"{")
        for number, (video, group) in enumerate(groupby(drawn, lambda entry: entry.video)):
            file.write(b",\n" * (number > 0) + orjson.dumps(video) + b": {")
            for place, entry in enumerate(group):
                masks = [rle.to_wire(mask) for mask in entry.masks()]
                content = {"frames": list(entry.frames), "prediction_masks": masks}
                file.write(
                    b",\n" * (place > 0) + orjson.dumps(entry.expression) + b": " + orjson.dumps(content)
                )
                count += 1
            file.write(b"}")
        file.write(b"}\n")
    os.replace(temporary, path)
    return count


def lines(drawn: Iterable[Drawn], path: Path) -> int:
    """Writes a line {"id", "prediction_masks": [an RLE per object]} per expression; how many there were."""
    count = 0
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        for entry in drawn:
            first = (frames[0] for frames in entry.objects if frames and frames[0] is not None)
            masks = [rle.to_wire(mask) for mask in first if mask is not None]
            file.write(orjson.dumps({"id": entry.id, "prediction_masks": masks}) + b"\n")
            count += 1
    os.replace(temporary, path)
    return count


def pngs(drawn: Iterable[Drawn], folder: Path) -> int:
    """Writes <video>/<expression>/<frame>.png (0 and 255, or <id>.png of an image); how many files.

    The files of an expression that is there with all its frames are left as they are: a stopped export goes
    on where it was.
    """
    count = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for entry in drawn:
            _check_names(entry.id, *entry.frames)
            names = [f"{entry.id}/{frame}.png" for frame in entry.frames] or [f"{entry.id}.png"]
            count += len(names)
            if all((folder / name).is_file() for name in names):
                continue
            (folder / names[0]).parent.mkdir(parents=True, exist_ok=True)
            for name, content in zip(names, pool.map(png, entry.masks()), strict=True):
                replace_file(folder / name, content)
    return count


def submission(drawn: Iterable[Drawn], path: Path, prefix: str) -> int:
    """Writes an evaluation server's zip to `path`; how many PNGs are in it.

    A video's PNGs are written to a file of their own beside it first, so that an export that was stopped
    goes on where it was; they are gone once the zip is whole.
    """
    parts_folder = path.with_name(path.name + ".parts")
    parts_folder.mkdir(parents=True, exist_ok=True)
    count = 0
    temporary = path.with_name(path.name + ".part")
    with ThreadPoolExecutor(os.cpu_count()) as pool, zipfile.ZipFile(temporary, "w") as whole:
        for _, group in groupby(drawn, lambda entry: entry.video):
            entries = list(group)
            part = parts_folder / f"{_state(entries)}.zip"
            if not part.is_file():
                replace_file(part, _packed(entries, pool))
            with zipfile.ZipFile(part) as packed:
                for name in packed.namelist():
                    # PNGs are packed already; packing them again gains nothing.
                    whole.writestr(zipfile.ZipInfo(prefix + name, ZIP_TIME), packed.read(name))
                    count += 1
    os.replace(temporary, path)
    for part in parts_folder.iterdir():
        part.unlink()
    parts_folder.rmdir()
    return count


def _state(entries: Sequence[Drawn]) -> str:
    """A name that changes with the masks."""
    state = hashlib.sha256()
    for entry in entries:
        state.update(orjson.dumps([entry.id, entry.frames]))
        for mask in entry.masks():
            state.update(orjson.dumps(rle.to_wire(mask)))
    return state.hexdigest()[:24]


def _packed(entries: Sequence[Drawn], pool: ThreadPoolExecutor) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in zip(_names(entries), pool.map(png, _masks(entries)), strict=True):
            packed.writestr(zipfile.ZipInfo(name, ZIP_TIME), content)
    return out.getvalue()


def _names(entries: Sequence[Drawn]) -> Iterator[str]:
    for entry in entries:
        _check_names(entry.video, entry.expression, *entry.frames)
        yield from (f"{entry.video}/{entry.expression}/{frame}.png" for frame in entry.frames)


def _check_names(*names: str) -> None:
    for name in names:
        if name.startswith("/") or ".." in name.split("/"):
            raise SightbenchError(f"{name!r} cannot be the name of a file")


def _masks(entries: Sequence[Drawn]) -> Iterator[Rle]:
    return (mask for entry in entries for mask in entry.masks())


def png(mask: Rle) -> bytes:
    """A PNG of 8-bit grey: 255 where the mask is foreground."""
    out = io.BytesIO()
    pixels = np.ascontiguousarray(rle.decode(mask)).astype(np.uint8) * np.uint8(255)
    Pixels.fromarray(pixels, "L").save(out, "PNG", compress_level=1)
    return out.getvalue()
