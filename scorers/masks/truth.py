"""Ground-truth masks as RLE; those in image files are read once and kept in one file per dataset.

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
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
import PIL
from PIL import Image

from sightbench import rle
from sightbench.errors import DatasetError, FieldError
from sightbench.json_record import from_json
from sightbench.mask_file import VOID, flaw
from sightbench.rle import MaskError, Rle
from sightbench.sample import LabelTruth, MaskTruth, RleTruth, StoredMasks
from sightbench.scorers.masks import stored

FILE_NAME = ".sightbench-masks.jsonl"
ABSENT_SIZE = (480, 640)  # what Dyn-Bench makes of a first mask that is not there

Object = tuple[str, str, int]
"""(mask folder, object id such as `object_1`, number of frames)."""

File = tuple[str, int, int]
"""(name, size in bytes, modification time in ns); a missing one is ("", 0, 0)."""


@dataclass(frozen=True, slots=True)
class Truth:
    """An object's ground truth, a mask per frame, and what was odd about its files.

    `deeper` holds per frame where at least 2, 3, ... of the masks lie that it is the union of; empty where
    that does not matter.
    `foreground` is all foreground of the video, `voids` what counts in no mask; empty where there is none.
    """

    rles: tuple[Rle, ...]
    notes: tuple[str, ...] = ()
    deeper: tuple[tuple[Rle, ...], ...] = ()
    foreground: tuple[Rle, ...] = ()
    voids: tuple[Rle, ...] = ()


def read_truth(mask_dir: str | Path, object_id: str, num_frames: int) -> Truth:
    """Dyn-Bench's ground truth of one object: frame i is `frame_{i:04d}_obj{k}.png`, else `.jpg`.

    Foreground is luminance above 0. A file that is missing or cannot be read is an empty mask of the
    size of the one before it (480x640 if it is the first), as the reference has it; `notes` say so.
    Reference: LilyYang0504/Bench utils/cal_metrics.py, load_gt_masks.
    """
    return _read(Path(mask_dir), _files(str(mask_dir), object_id, num_frames))


TruthOf = Callable[[StoredMasks], Truth]


def truth_of(gold: StoredMasks) -> Truth:
    """The true masks of an object, from where they lie. DatasetError for a file that is no such file."""
    if isinstance(gold, MaskTruth):
        return read_truth(gold.folder, gold.object, gold.frames)
    return _of_rles(gold) if isinstance(gold, RleTruth) else _of_labels(gold, _read_labels)


def _of_rles(gold: RleTruth) -> Truth:
    layers = stored.layers(gold.file, gold.annotations, gold.frames, gold.size, gold.depths)
    foreground: tuple[Rle, ...] = ()
    if gold.foreground:
        file = gold.foreground_file or gold.file
        foreground = tuple(layer[0] for layer in stored.layers(file, gold.foreground, gold.frames, gold.size))
    return Truth(
        tuple(layer[0] for layer in layers),
        deeper=tuple(layer[1:] for layer in layers) if gold.depths else (),
        foreground=foreground,
    )


def _of_labels(gold: LabelTruth, read: Callable[[LabelTruth, tuple[int, ...]], Truth]) -> Truth:
    truth = read(gold, gold.labels)
    return replace(truth, voids=read(gold, (VOID,)).rles) if gold.voids else truth


def _read_labels(gold: LabelTruth, labels: tuple[int, ...]) -> Truth:
    folder = Path(gold.folder)
    masks = (stored.labelled(folder, name, labels, gold.size, indexed=gold.indexed) for name in gold.files)
    return Truth(tuple(masks))


def check_files(gold: StoredMasks) -> None:
    """Raises FieldError for a true mask whose file is none or too large, by its header alone."""
    if isinstance(gold, RleTruth):
        return
    names: Iterable[str] = gold.files if isinstance(gold, LabelTruth) else ()
    if isinstance(gold, MaskTruth):
        names = (name for name, _, _ in _files(gold.folder, gold.object, gold.frames))
    for name in filter(None, names):
        path = Path(gold.folder) / name
        if wrong := flaw(path):
            raise FieldError(f"its true mask {path} {wrong}")


@dataclass(frozen=True, slots=True)
class _Job:
    """One line of the cache: its name, the state of its files, and how it is made from them."""

    key: tuple[str, str, int]
    files: Sequence[File]
    read: Callable[[], Truth]


def _read_if_sound(job: _Job) -> Truth | None:
    # what cannot be read costs the samples that need it, and is said there
    with suppress(MaskError, DatasetError):
        return job.read()
    return None


@dataclass(slots=True)
class Cache:
    """Open ground truth of one dataset. `path` is where new masks are kept, None if nowhere can be."""

    root: Path
    path: Path | None
    _lines: dict[tuple[str, str, int], tuple[Path, int, int]] = field(default_factory=dict)

    def object_rles(self, mask_dir: str | Path, object_id: str, num_frames: int) -> Truth:
        """What `read_truth` gives, from the cache where it holds, else read and kept."""
        return self._kept(self._job((str(mask_dir), object_id, num_frames)))

    def truth(self, gold: StoredMasks) -> Truth:
        """The masks of a sample's gold: of image files as kept here, of files of RLEs as they are there."""
        if isinstance(gold, MaskTruth):
            return self.object_rles(gold.folder, gold.object, gold.frames)
        if isinstance(gold, LabelTruth):
            return _of_labels(gold, lambda gold, labels: self._kept(self._label_job(gold, labels)))
        return truth_of(gold)

    def build(self, objects: Iterable[Object | LabelTruth], jobs: int | None = None) -> int:
        """Read what the cache lacks of these objects, `jobs` at a time; how many there were.

        Threads suffice: Pillow decodes and numpy encodes outside the interpreter lock.
        """
        wanted = []
        for entry in dict.fromkeys(objects):
            if isinstance(entry, LabelTruth):
                wanted.append(self._label_job(entry, entry.labels))
                wanted += [self._label_job(entry, (VOID,))] if entry.voids else []
            else:
                wanted.append(self._job(entry))
        stale = [job for job in {job.key: job for job in wanted}.values() if self._load(job) is None]
        with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
            for job, truth in zip(stale, pool.map(_read_if_sound, stale), strict=True):
                if truth is not None:
                    self._keep(job, truth)
        return len(stale)

    def _job(self, entry: Object) -> _Job:
        mask_dir, object_id, num_frames = entry
        files = _files(mask_dir, object_id, num_frames)
        key = (self._relative(mask_dir), object_id, num_frames)
        return _Job(key, files, lambda: _read(Path(mask_dir), files))

    def _label_job(self, gold: LabelTruth, labels: tuple[int, ...]) -> _Job:
        files = [_stat(gold.folder, name) for name in gold.files]
        chosen = zlib.crc32("\n".join(gold.files).encode(errors="surrogateescape"))
        which = ",".join(map(str, labels)) or ("index above 0" if gold.indexed else "above 0")
        name = f"labels {which} of {chosen:08x} at {gold.size[0]}x{gold.size[1]}"
        key = (self._relative(gold.folder), name, len(files))
        return _Job(key, files, lambda: _read_labels(gold, labels))

    def _kept(self, job: _Job) -> Truth:
        known = self._load(job)
        if known is None:
            known = job.read()
            self._keep(job, known)
        return known

    def _relative(self, mask_dir: str | Path) -> str:
        # relative, so that a dataset that is moved or mounted elsewhere keeps its cache
        return os.path.relpath(mask_dir, self.root)

    def _index(self, path: Path) -> None:
        with suppress(OSError), path.open("rb") as lines:
            at = 0
            for line in lines:
                entry = _parse(line)
                if entry is not None:
                    self._lines[entry.dir, entry.object, len(entry.files)] = (path, at, len(line))
                at += len(line)

    def _load(self, job: _Job) -> Truth | None:
        if job.key not in self._lines:
            return None
        path, at, length = self._lines[job.key]
        entry = None
        with suppress(OSError), path.open("rb") as lines:
            lines.seek(at)
            entry = _parse(lines.read(length))
        if entry is None or entry.pillow != PIL.__version__ or entry.files != tuple(job.files):
            return None
        return Truth(tuple(Rle(*mask) for mask in entry.rles), entry.notes)

    def _keep(self, job: _Job, truth: Truth) -> None:
        if self.path is None:
            return
        entry = _Entry(
            job.key[0],
            job.key[1],
            PIL.__version__,
            tuple(job.files),
            tuple((h, w, str(counts)) for h, w, counts in truth.rles),
            truth.notes,
        )
        try:
            text = msgspec.json.encode(entry)
        except UnicodeEncodeError:
            return  # a folder whose name is not UTF-8 has no line
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
            self._lines[job.key] = (self.path, end - written + 1, len(line) - 1)


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


class _Entry(msgspec.Struct, frozen=True):
    """A line of the cache. It lies where others may write: masks whose runs make no sense are refused where
    they are counted."""

    dir: str
    object: str
    pillow: str
    files: tuple[File, ...]
    rles: tuple[tuple[int, int, str], ...]
    notes: tuple[str, ...]


def _parse(line: bytes) -> _Entry | None:
    checksum, _, text = line.rstrip(b"\n").partition(b"\t")
    if not text or checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        entry = from_json(text, _Entry)
    except ValueError:
        return None
    return entry if len(entry.rles) == len(entry.files) else None


def _files(mask_dir: str, object_id: str, num_frames: int) -> list[File]:
    suffix = object_id.split("_")[-1]
    return [_file(mask_dir, f"frame_{i:04d}_obj{suffix}") for i in range(num_frames)]


def _file(mask_dir: str, stem: str) -> File:
    for name in (f"{stem}.png", f"{stem}.jpg"):
        if (found := _stat(mask_dir, name))[0]:
            return found
    return "", 0, 0


def _stat(folder: str, name: str) -> File:
    with suppress(OSError):
        if name:
            stat = os.stat(os.path.join(folder, name))
            return name, stat.st_size, stat.st_mtime_ns
    return "", 0, 0


def _read(mask_dir: Path, files: Sequence[File]) -> Truth:
    masks: list[Rle] = []
    missing: list[int] = []
    unreadable: list[int] = []
    for frame, (name, _, _) in enumerate(files):
        mask = None
        if name:
            if wrong := flaw(mask_dir / name):
                raise MaskError(f"{name} {wrong}", frame, "ground truth")
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
