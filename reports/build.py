"""Builds the report page of one run, or of several side by side."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sightbench.errors import RunFolderError
from sightbench.reports import pictures
from sightbench.reports.chunks import Chunks, Series, to_json
from sightbench.reports.columns import Index
from sightbench.reports.entry import Ballot, Pairing, Run
from sightbench.reports.html import page
from sightbench.reports.overview import Tally, overview
from sightbench.reports.pictures import Copies, Place, Small, linked
from sightbench.reports.records import Recorder, masks_record
from sightbench.version import version

SINGLE_FILE_BYTES = 20_000_000
SAMPLES_A_CHUNK = 500
OBJECTS_A_CHUNK = 100
SMALL_A_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Built:
    """What was written: the page or the zip, the bytes of it all, and how many images were not there."""

    path: Path
    bytes: int
    missing: int = 0


def build(
    runs: Sequence[Run],
    path: Path,
    *,
    pairings: Sequence[Pairing] = (),
    single: bool | None = None,
    embed: int = 0,
    ballot: Ballot | None = None,
) -> Built:
    """Writes `path` (report.html) and, unless everything goes into it, `report_data/` beside it.

    `single` None: one file while the whole is below SINGLE_FILE_BYTES. `embed` small images of each sample
    go into the page. What an earlier build left is replaced. Raises RunFolderError if nothing can be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
            work = Path(folder)
            built = _pack(runs, work, linked(path.parent.absolute()), pairings, embed, ballot)
            if single is None:
                single = built.chunks.total < SINGLE_FILE_BYTES
            return Built(path, _write(built, path, work, single))
    except OSError as error:
        raise RunFolderError(
            f"{error.filename or path}: {error.strerror}; the report was not written"
        ) from error


def build_zip(runs: Sequence[Run], path: Path, *, pairings: Sequence[Pairing] = (), embed: int = 0) -> Built:
    """Writes a zip of the page and exactly the images it shows; unzipped anywhere, it needs nothing else."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report-", dir=path.parent) as folder:
            work = Path(folder)
            copies = Copies("report_data/images")
            built = _pack(runs, work / "chunks", copies.place, pairings, embed)
            html = work / "report.html"
            _write(built, html, work / "chunks", built.chunks.total < SINGLE_FILE_BYTES)
            missing = 0
            target = work / "out.zip"
            with zipfile.ZipFile(target, "w") as out:
                out.write(html, html.name, zipfile.ZIP_DEFLATED)
                for file in sorted((work / "report_data").glob("*.js")):
                    out.write(file, f"report_data/{file.name}")
                for media, name in copies.files.items():
                    try:
                        out.writestr(name, pictures.read(media))
                    except (OSError, ValueError):
                        missing += 1
            os.replace(target, path)
            return Built(path, path.stat().st_size, missing)
    except OSError as error:
        raise RunFolderError(
            f"{error.filename or path}: {error.strerror}; the report was not written"
        ) from error


@dataclass(frozen=True, slots=True)
class _Packed:
    title: str
    ballot: bool
    overview: bytes
    build: str
    chunks: Chunks


def _pack(
    runs: Sequence[Run],
    folder: Path,
    place: Place,
    pairings: Sequence[Pairing],
    embed: int,
    ballot: Ballot | None = None,
) -> _Packed:
    """Goes through the samples of all runs once and leaves chunks in `folder`."""
    folder.mkdir(exist_ok=True)
    chunks = Chunks(folder)
    small = Series(chunks, "small", SMALL_A_CHUNK)
    recorder = Recorder(place, Small(small, embed) if embed else None)
    index = Index()
    overviews = []
    with_truth: set[str] = set()
    for number, run in enumerate(runs):
        index.start_run()
        tally = Tally()
        samples = Series(chunks, f"samples-{number}", SAMPLES_A_CHUNK)
        masks = Series(chunks, f"masks-{number}", OBJECTS_A_CHUNK)
        for entry in run.entries():
            tally.add(entry)
            masks_at = None
            if entry.masks is not None:
                truth = entry.sample.id not in with_truth
                with_truth.add(entry.sample.id)
                masks_at = masks.add(masks_record(entry.masks, truth=truth))
            at = samples.add(recorder.record(entry))
            index.add(entry, *recorder.ledger(entry), at, masks_at)
        samples.close()
        masks.close()
        overviews.append(overview(run, tally))
    small.close()
    chunks.write_json("questions", to_json(index.questions))
    columns = to_json(index.to_json())
    chunks.write_json("index", columns)
    labels = [run.label for run in runs]
    made = hashlib.sha256(columns + to_json(labels)).hexdigest()[:12]
    whole: dict[str, Any] = {
        "build": made,
        "version": version(),
        "runs": overviews,
        "comparisons": [asdict(pairing.comparison) | {"run": pairing.run} for pairing in pairings],
    }
    if ballot is not None:
        whole["ballot"] = asdict(ballot)
    return _Packed(" · ".join(labels), ballot is not None, to_json(whole), made, chunks)


def _write(built: _Packed, path: Path, work: Path, single: bool) -> int:
    """Puts the page and its data in place; returns their bytes."""
    data = path.with_name(f"{path.stem}_data")
    names = built.chunks.names if single else ["index"]
    blocks = ((name, (work / name).read_bytes()) for name in names)
    overview = built.overview[:-1] + to_json({"data": None if single else data.name}).replace(b"{", b",", 1)
    temporary = work / "page"
    with temporary.open("wb") as file:
        for piece in page(built.title, overview, blocks, single=single, ballot=built.ballot):
            file.write(piece)
    total = temporary.stat().st_size
    shutil.rmtree(data, ignore_errors=True)
    if not single:
        scripts = work / "scripts"
        scripts.mkdir()
        for name, text in _scripts(built, work):
            (scripts / f"{name}.js").write_bytes(text)
            total += len(text)
        os.replace(scripts, data)
    os.replace(temporary, path)
    return total


def _scripts(built: _Packed, work: Path) -> Iterator[tuple[str, bytes]]:
    for name in built.chunks.names:
        head = b'sightbench("%b","%b","' % (built.build.encode(), name.encode())
        yield name, head + (work / name).read_bytes() + b'");\n'
