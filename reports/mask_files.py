"""Masks of expressions in the files of other programs: results.json, JSON lines, PNGs, a server's zip."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
from PIL import Image as Pixels

from sightbench import rle
from sightbench.errors import SightbenchError
from sightbench.files import replace_file
from sightbench.rle import Rle

ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""Every entry's time, so that the same masks make the same bytes."""

PALETTE_SIZE = 256


@dataclass(frozen=True, slots=True)
class Packing:
    """An evaluation server's zip: what stands before a video's name in it, and whether its PNGs are one label
    map a frame (palette) or one grey mask for each expression and frame."""

    prefix: str = ""
    label_maps: bool = False


SUBMISSIONS: Mapping[str, Packing] = {
    "mevis": Packing(),
    "ref-youtube-vos": Packing("Annotations/"),
    "davis": Packing(label_maps=True),
    "mosev2": Packing(label_maps=True),
    "youtube-vos": Packing("Annotations/", label_maps=True),
}
"""The evaluation servers' zips by name: <video>/<expression>/<frame>.png, label maps <video>/<frame>.png."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for one expression. `frames` are the names of a video's frames, none for an image.

    `objects` holds a list of masks per object, a mask (or None) per frame; empty where there was no answer.
    `size` is (h, w) of the frames, for those that have no mask. `label` is that of the object in its video's
    label maps, None where there are none, 0 where all objects were drawn at once.
    """

    video: str
    expression: str
    id: str
    frames: tuple[str, ...]
    size: tuple[int, int]
    objects: tuple[tuple[Rle | None, ...], ...] = ()
    label: int | None = None

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


def submission(drawn: Iterable[Drawn], path: Path, packing: Packing) -> int:
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
            part = parts_folder / f"{_state(entries, packing)}.zip"
            if not part.is_file():
                replace_file(part, _packed(entries, pool, packing))
            with zipfile.ZipFile(part) as packed:
                for name in packed.namelist():
                    # PNGs are packed already; packing them again gains nothing.
                    whole.writestr(zipfile.ZipInfo(packing.prefix + name, ZIP_TIME), packed.read(name))
                    count += 1
    os.replace(temporary, path)
    for part in parts_folder.iterdir():
        part.unlink()
    parts_folder.rmdir()
    return count


def _state(entries: Sequence[Drawn], packing: Packing) -> str:
    """A name that changes with the masks and with what is made of them."""
    state = hashlib.sha256(b"label maps" if packing.label_maps else b"")
    for entry in entries:
        state.update(orjson.dumps([entry.id, entry.frames, entry.label]))
        for track in entry.objects or ((),):
            for mask in track:
                state.update(orjson.dumps(None if mask is None else rle.to_wire(mask)))
    return state.hexdigest()[:24]


def _packed(entries: Sequence[Drawn], pool: ThreadPoolExecutor, packing: Packing) -> bytes:
    out = io.BytesIO()
    made: Iterator[tuple[str, bytes]]
    if packing.label_maps:
        made = _label_maps(entries, pool)
    else:
        made = zip(_names(entries), pool.map(png, _masks(entries)), strict=True)
    with zipfile.ZipFile(out, "w") as packed:
        for name, content in made:
            packed.writestr(zipfile.ZipInfo(name, ZIP_TIME), content)
    return out.getvalue()


def _label_maps(entries: Sequence[Drawn], pool: ThreadPoolExecutor) -> Iterator[tuple[str, bytes]]:
    """(name, label map) of every frame of a video; a pixel of several objects belongs to the first.

    An expression's object has its place among the video's expressions as its label, from 1.
    """
    first = entries[0]
    _check_names(first.video, *first.frames)
    tracks: list[tuple[int, Sequence[Rle | None]]] = []
    for place, entry in enumerate(entries, 1):
        if entry.label == 0:
            tracks += list(enumerate(entry.objects, 1))
        elif entry.objects:
            tracks.append((place if entry.label is None else entry.label, entry.objects[0]))
    highest = max((label for label, _ in tracks), default=0)
    if highest >= PALETTE_SIZE:
        raise SightbenchError(f"video {first.video} has object {highest}: a label map holds 255 at most")

    def frame(at: int) -> bytes:
        pixels = np.zeros(first.size, np.uint8)
        for label, track in reversed(tracks):
            if at < len(track) and (mask := track[at]) is not None:
                pixels[rle.decode(mask)] = label
        return palette_png(pixels)

    for name, content in zip(first.frames, pool.map(frame, range(len(first.frames))), strict=True):
        yield f"{first.video}/{name}.png", content


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


def palette_png(labels: npt.NDArray[np.uint8]) -> bytes:
    """A PNG whose palette indices are the labels, in the colours that DAVIS's annotations have."""
    out = io.BytesIO()
    image = Pixels.fromarray(labels, "P")
    image.putpalette([channel for label in range(PALETTE_SIZE) for channel in _colour(label)])
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _colour(label: int) -> tuple[int, int, int]:
    """PASCAL VOC's: every third bit of the label belongs to one channel, the lowest to its highest bit."""
    bits = [(label >> bit) & 1 for bit in range(8)]
    red, green, blue = (
        sum(bit << (7 - at) for at, bit in enumerate(bits[channel::3])) for channel in range(3)
    )
    return red, green, blue


def png(mask: Rle) -> bytes:
    """A PNG of 8-bit grey: 255 where the mask is foreground."""
    out = io.BytesIO()
    pixels = np.ascontiguousarray(rle.decode(mask)).astype(np.uint8) * np.uint8(255)
    Pixels.fromarray(pixels, "L").save(out, "PNG", compress_level=1)
    return out.getvalue()
