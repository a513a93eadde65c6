"""Ground-truth masks as RLE, read from image files once and kept in one file per dataset.

Decoding a mask image costs 50 to 170 times what scoring it does. The cache is a text file of one
line per object, `checksum<TAB>JSON`, that is only ever appended to, a line per write: two runs can
build it at once, a killed one leaves at most a torn line, and a line that does not check is rebuilt.
An object's line holds while every one of its files has the size and the modification time written
there and Pillow, whose conversion to luminance decides what is foreground, has the same version.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import PIL
from PIL import Image

from sightbench import rle
from sightbench.rle import Rle
from sightbench.sample import MaskTruth

FILE_NAME = ".sightbench-masks.jsonl"
ABSENT_SIZE = (480, 640)  # what Dyn-Bench makes of a first mask that is not there

Object = tuple[str, str, int]
"""(mask folder, object id such as `object_1`, number of frames)."""

File = tuple[str, int, int]
"""(name, size in bytes, modification time in ns); a missing one is ("", 0, 0)."""


@dataclass(frozen=True, slots=True)
class Truth:
    """An object's ground truth, a mask per frame, and what was odd about its files."""

    rles: tuple[Rle, ...]
    notes: tuple[str, ...] = ()


def read_truth(mask_dir: str | Path, object_id: str, num_frames: int) -> Truth:
    """Dyn-Bench's ground truth of one object: frame i is `frame_{i:04d}_obj{k}.png`, else `.jpg`.

    Foreground is luminance above 0. A file that is missing or cannot be read is an empty mask of the
    size of the one before it (480x640 if it is the first), as the reference has it; `notes` say so.
    Reference: LilyYang0504/Bench utils/cal_metrics.py, load_gt_masks.
    """
    return _read(Path(mask_dir), _files(str(mask_dir), object_id, num_frames))


TruthOf = Callable[[MaskTruth], Truth]


def truth_of(gold: MaskTruth) -> Truth:
    """The true masks of an object, read from their files: `read_truth` where there is no cache."""
    return read_truth(gold.folder, gold.object, gold.frames)


@dataclass(slots=True)
class Cache:
    """Open ground truth of one dataset. `path` is where new masks are kept, None if nowhere can be."""

    root: Path
    path: Path | None
    _lines: dict[tuple[str, str, int], tuple[Path, int, int]] = field(default_factory=dict)

    def object_rles(self, mask_dir: str | Path, object_id: str, num_frames: int) -> Truth:
        """What `read_truth` gives, from the cache where it holds, else read and kept."""
        files = _files(str(mask_dir), object_id, num_frames)
        key = (self._relative(mask_dir), object_id, num_frames)
        known = self._load(key, files)
        if known is not None:
            return known
        truth = _read(Path(mask_dir), files)
        self._keep(key, files, truth)
        return truth

    def truth(self, gold: MaskTruth) -> Truth:
        """`object_rles` of a sample's gold."""
        return self.object_rles(gold.folder, gold.object, gold.frames)

    def build(self, objects: Iterable[Object], jobs: int | None = None) -> int:
        """Read what the cache lacks of these objects, `jobs` at a time; how many there were.

        Threads suffice: Pillow decodes and numpy encodes outside the interpreter lock.
        """
        stale = []
        for mask_dir, object_id, num_frames in dict.fromkeys(objects):
            files = _files(mask_dir, object_id, num_frames)
            key = (self._relative(mask_dir), object_id, num_frames)
            if self._load(key, files) is None:
                stale.append((Path(mask_dir), key, files))
        with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
            for (_, key, files), truth in zip(
                stale, pool.map(lambda job: _read(job[0], job[2]), stale), strict=True
            ):
                self._keep(key, files, truth)
        return len(stale)

    def _relative(self, mask_dir: str | Path) -> str:
        # relative, so that a dataset that is moved or mounted elsewhere keeps its cache
        return os.path.relpath(mask_dir, self.root)

    def _index(self, path: Path) -> None:
        with suppress(OSError), path.open("rb") as lines:
            at = 0
            for line in lines:
                entry = _parse(line)
                if entry is not None:
                    key = (entry["dir"], entry["object"], len(entry["files"]))
                    self._lines[key] = (path, at, len(line))
                at += len(line)

    def _load(self, key: tuple[str, str, int], files: Sequence[File]) -> Truth | None:
        if key not in self._lines:
            return None
        path, at, length = self._lines[key]
        entry = None
        with suppress(OSError), path.open("rb") as lines:
            lines.seek(at)
            entry = _parse(lines.read(length))
        if (
            entry is None
            or entry["pillow"] != PIL.__version__
            or entry["files"] != [[*file] for file in files]
        ):
            return None
        return Truth(tuple(Rle(*mask) for mask in entry["rles"]), tuple(entry["notes"]))

    def _keep(self, key: tuple[str, str, int], files: Sequence[File], truth: Truth) -> None:
        if self.path is None:
            return
        entry = {
            "dir": key[0],
            "object": key[1],
            "pillow": PIL.__version__,
            "files": files,
            "rles": [tuple(mask) for mask in truth.rles],
            "notes": truth.notes,
        }
        text = orjson.dumps(entry)
        line = b"\n%08x\t%b\n" % (zlib.crc32(text), text)
        try:
            out = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                # the leading newline keeps a line torn by a killed run from swallowing this one
                written = os.write(out, line)
                end = os.lseek(out, 0, os.SEEK_CUR)
            finally:
                os.close(out)
        except OSError:
            self.path = None  # a full disk costs the cache, not the score
            return
        if written == len(line):
            self._lines[key] = (self.path, end - written + 1, len(line) - 1)


def open_cache(dataset_root: str | Path, user_cache: Path | None = None) -> Cache:
    """The ground-truth cache of a dataset: a file in its folder, else one in the user's cache folder.

    `user_cache` is $XDG_CACHE_HOME/sightbench (~/.cache/sightbench) unless given. What either place
    holds already is used; where neither can be written, masks are read anew each time.
    """
    root = Path(dataset_root).resolve()
    folder = user_cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightbench"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    places = (root / FILE_NAME, folder / f"masks-{name}.jsonl")
    cache = Cache(root, next((place for place in places if _writable(place)), None))
    for place in sorted(places, key=lambda place: place == cache.path):  # what is kept now wins
        cache._index(place)
    return cache


def _writable(path: Path) -> bool:
    # nothing is created to find out; root may write anywhere, yet a folder marked read-only is meant so
    place = path if path.exists() else path.parent
    return bool(path.parent.is_dir() and place.stat().st_mode & 0o222 and os.access(place, os.W_OK))


def _parse(line: bytes) -> dict[str, Any] | None:
    checksum, _, text = line.rstrip(b"\n").partition(b"\t")
    if not text or checksum != b"%08x" % zlib.crc32(text):
        return None
    entry: dict[str, Any] = orjson.loads(text)
    return entry


def _files(mask_dir: str, object_id: str, num_frames: int) -> list[File]:
    suffix = object_id.split("_")[-1]
    return [_file(mask_dir, f"frame_{i:04d}_obj{suffix}") for i in range(num_frames)]


def _file(mask_dir: str, stem: str) -> File:
    for name in (f"{stem}.png", f"{stem}.jpg"):
        with suppress(OSError):
            stat = os.stat(os.path.join(mask_dir, name))
            return name, stat.st_size, stat.st_mtime_ns
    return "", 0, 0


def _read(mask_dir: Path, files: Sequence[File]) -> Truth:
    masks: list[Rle] = []
    missing: list[int] = []
    unreadable: list[int] = []
    for frame, (name, _, _) in enumerate(files):
        mask = None
        if name:
            # whatever Pillow raises (OSError, SyntaxError, ValueError, ...): the reference catches all
            with suppress(Exception), Image.open(mask_dir / name) as image:
                mask = rle.from_array(np.asarray(image.convert("L")))
        if mask is None:
            (unreadable if name else missing).append(frame)
            mask = rle.empty(*(masks[-1][:2] if masks else ABSENT_SIZE))
        masks.append(mask)
    sizes = dict.fromkeys(mask[:2] for mask in masks)
    notes = [
        (missing, f"ground truth missing for frames {missing}: scored as empty masks"),
        (unreadable, f"ground truth unreadable for frames {unreadable}: scored as empty masks"),
        (len(sizes) > 1, "ground truth differs in size between frames: " + _sizes(sizes)),
    ]
    return Truth(tuple(masks), tuple(note for applies, note in notes if applies))


def _sizes(sizes: Iterable[tuple[int, int]]) -> str:
    return ", ".join(f"{h}x{w}" for h, w in sizes)
