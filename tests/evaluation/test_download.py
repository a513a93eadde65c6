"""Files come whole or not at all, over a real HTTP server that breaks off and answers ranges, and from a hub
that is a folder."""

from __future__ import annotations

import fnmatch
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sightbench.errors import SightbenchError
from sightbench.evaluation.download import bring, complete, fetch
from sightbench.servers import download as hub_downloads
from sightbench.tasks import catalog
from sightbench.tasks.origins import HubSet, origin
from sightbench.tasks.web_files import TABLES, WebFile
from tests.conftest import Command
from tests.paths import ROOT
from tests.tasks import formats

CONTENT = bytes(range(256)) * 2000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Site(BaseHTTPRequestHandler):
    ranges: list[str | None] = []  # noqa: RUF012
    files: dict[str, bytes] = {}  # noqa: RUF012

    def do_GET(self) -> None:
        content = self.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        wanted = self.headers.get("Range")
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.end_headers()
        self.wfile.write(content[start:])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    Site.ranges.clear()
    Site.files = {"/T.tsv": CONTENT}
    server = HTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_table_comes_whole_and_only_once(site: str, tmp_path: Path) -> None:
    file = WebFile(f"{site}/T.tsv", "T.tsv", MD5)
    assert fetch(file, tmp_path / "data").read_bytes() == CONTENT
    fetch(file, tmp_path / "data")
    assert Site.ranges == [None]


@pytest.mark.parametrize("have", [1000, len(CONTENT)])
def test_a_broken_download_continues(have: int, site: str, tmp_path: Path) -> None:
    (tmp_path / "T.tsv.part").write_bytes(CONTENT[:have])
    assert fetch(WebFile(f"{site}/T.tsv", "T.tsv", MD5), tmp_path).read_bytes() == CONTENT
    assert Site.ranges == [f"bytes={have}-"]


def test_another_file_than_the_reference_knows_is_refused(site: str, tmp_path: Path) -> None:
    with pytest.raises(SightbenchError, match="is not the file VLMEvalKit knows"):
        fetch(WebFile(f"{site}/T.tsv", "T.tsv", "0" * 32), tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SightbenchError, match=r"Not Found; the same command continues"):
        fetch(WebFile(f"{site}/other.tsv", "other.tsv"), tmp_path)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub that is a folder: <id>/<file>; it is asked for what lies below `hub` and fails for the rest."""
    root = tmp_path / "hub"
    root.mkdir()

    def snapshot(repo_id: str, **asked: Any) -> str:
        source = root / repo_id
        if not source.is_dir():
            raise ConnectionError("no network")
        for path in sorted(source.rglob("*")):
            name = path.relative_to(source).as_posix()
            patterns = asked.get("allow_patterns") or ["*"]
            if path.is_file() and any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
                place = Path(asked["local_dir"]) / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
        return str(asked["local_dir"])

    monkeypatch.setattr(hub_downloads, "_snapshot_download", lambda: snapshot)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return root


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_an_archive_is_unpacked_and_gone(site: str, tmp_path: Path) -> None:
    Site.files["/A.zip"] = zipped(**{"A/one.jpg": b"1", "A/two.jpg": b"2"})
    file = WebFile(f"{site}/A.zip", "set/A.zip", makes="set/A")
    for _ in range(2):
        assert fetch(file, tmp_path) == tmp_path / "set/A"
    assert sorted(path.name for path in (tmp_path / "set").rglob("*")) == ["A", "one.jpg", "two.jpg"]
    assert Site.ranges == [None]
    Site.files["/B.zip"] = b"no archive"
    with pytest.raises(SightbenchError, match=r"B.zip cannot be unpacked"):
        fetch(WebFile(f"{site}/B.zip", "B.zip", makes="B"), tmp_path)
    assert not (tmp_path / "B").exists()


def test_with_a_cache_a_table_lies_there_once(site: str, tmp_path: Path) -> None:
    file = WebFile(f"{site}/T.tsv", "T.tsv", MD5)
    for folder in ("one", "two"):
        path = fetch(file, tmp_path / folder, tmp_path / "cache")
        assert path.is_symlink() and path.read_bytes() == CONTENT
    assert Site.ranges == [None]


def test_parts_of_an_archive_are_put_together(hub: Path, tmp_path: Path) -> None:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tape:
        name = tarfile.TarInfo("processed_frames/question4_video0/0000001.jpg")
        picture = formats.picture()
        name.size = len(picture)
        tape.addfile(name, io.BytesIO(picture))
    half = len(whole.getvalue()) // 2
    formats.put(hub / "onlyfaces/EgoExoBench/processed_frames.tar.gz.partaa", whole.getvalue()[:half])
    formats.put(hub / "onlyfaces/EgoExoBench/processed_frames.tar.gz.partab", whole.getvalue()[half:])
    formats.put(hub / "Heleun/EgoExoBench_MCQ/EgoExoBench_MCQ.tsv", "index\n")
    said: list[str] = []
    assert bring("egoexo_bench", tmp_path / "out", None, None, said.append) == tmp_path / "out"
    assert (tmp_path / "out/videos/processed_frames/question4_video0/0000001.jpg").read_bytes() == picture
    assert not list((tmp_path / "out/videos").glob("*.part*"))
    assert any("Ego-Exo4D's videos need a licence" in line for line in said)


def test_the_hubs_sets_go_where_their_readers_look(hub: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MMMU/MMMU", "yu2hi13/Dyn-Bench", "someone/set"):
        formats.put(hub / name / "file.parquet", b"x")
    assert bring("mmmu", tmp_path / "all", None, None, str) == tmp_path / "all"
    assert (tmp_path / "all/data/MMMU/MMMU/file.parquet").exists()
    assert bring("Dyn-Bench", None, None, None, str) == Path("data/dynbench")
    assert bring("someone/set", None, "dataset", None, str) == Path("data/someone--set")


def test_what_is_there_needs_no_network(hub: Path, tmp_path: Path) -> None:
    said: list[str] = []
    for name in ("dynbench", "mmsi_bench", "vqa-ai2d-test"):
        root = formats.make(name, tmp_path / name)
        complete(catalog.known(name), root, said.append)
    assert said == []


def test_what_broke_off_is_fetched_again(hub: Path, tmp_path: Path) -> None:
    broken = formats.make("dynbench", hub / "yu2hi13/Dyn-Bench")
    shutil.move(broken, hub / "away")
    benchmarks = catalog.known("dynbench")
    with pytest.raises(SightbenchError, match=r"yu2hi13/Dyn-Bench: the hub cannot be reached"):
        complete(benchmarks, tmp_path / "data", str)
    shutil.copytree(hub / "away/multi_json", tmp_path / "data/multi_json")
    shutil.copytree(hub / "away/frames", tmp_path / "data/frames")
    shutil.copytree(hub / "away/masks", tmp_path / "data/masks")
    next((tmp_path / "data/frames").rglob("*.jpg")).unlink()
    (hub / "yu2hi13").mkdir(exist_ok=True)
    shutil.move(hub / "away", hub / "yu2hi13/Dyn-Bench")
    complete(benchmarks, tmp_path / "data", str)
    wanted = sorted(path.name for path in (hub / "yu2hi13/Dyn-Bench").rglob("*.jpg"))
    assert sorted(path.name for path in (tmp_path / "data").rglob("*.jpg")) == wanted


def test_a_hub_that_is_away_never_makes_a_folder_look_whole(tmp_path: Path) -> None:
    """With the hub's own client, which takes what is there for the whole when it reaches nobody."""
    formats.put(tmp_path / "data/data/MMVP/Questions.csv", b"x")
    command = [sys.executable, "bench.py", "download", "mmvp", "--out", str(tmp_path / "data")]
    away = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(command, cwd=ROOT, env=away, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "MMVP/MMVP: the hub cannot be reached" in done.stderr


def test_a_run_fetches_what_is_missing_and_then_asks(
    hub: Path, site: str, baseline: str, run: Command, monkeypatch
) -> None:
    """One table over HTTP from where HF_ENDPOINT says; the second time nothing is asked of anybody."""
    table = formats.make("mmsi_bench", Path("there").resolve()) / "MMSI_bench.tsv"
    content = next(Path("there").rglob("*.tsv")).read_bytes()
    Site.files[f"/datasets/RunsenXu/MMSI-Bench/resolve/main/{table.name}"] = content
    monkeypatch.setenv("HF_ENDPOINT", site)
    flags = ("--endpoint", baseline, "--task", "mmsi_bench", "--data", "new", "--out", "RUN", "--limit", "1")
    code, _, err = run(*flags)
    assert code == 2 and "--data new" in err
    for fetched in (True, False):
        code, out, err = run(*flags, "--download")
        assert code == 0, err
        assert "MMSI-Bench" in out and len(Site.ranges) == 1
        assert ("note: mmsi_bench: new/MMSI_bench.tsv" in err) == fetched


def test_what_no_address_gives_is_said(site: str, baseline: str, run: Command, hub: Path) -> None:
    code, _, err = run(
        "--endpoint", baseline, "--task", "blind_10", "--data", "new", "--out", "RUN", "--download"
    )
    assert code == 2
    assert "blind_10: blind_10.jsonl is not published with LEAP's code" in err


def test_names_mean_their_tables() -> None:
    def pieces(name: str) -> Any:
        return origin(catalog.known(name)[0]).pieces

    assert pieces("mmstar") == (TABLES["MMStar"],) and pieces("CMMMU_VAL") == (TABLES["CMMMU_VAL"],)
    assert all(len(str(entry.md5)) == 32 for entry in TABLES.values())


@pytest.mark.parametrize("benchmark", catalog.BENCHMARKS, ids=lambda benchmark: benchmark.name)
def test_every_benchmark_says_where_its_files_are_and_its_reader_looks_there(benchmark) -> None:
    source = origin(benchmark)
    assert source.pieces or source.by_hand
    looked = [path for needed in benchmark.files for path in (*needed.paths, *needed.inside)]
    for piece in source.pieces:
        if isinstance(piece, WebFile) and not piece.name.startswith("eval_vlm"):
            name = piece.makes or piece.name
            assert any(name == path or name.startswith(f"{path}/") for path in looked), name
        if isinstance(piece, HubSet) and piece.folder:
            assert any(
                path.startswith(piece.folder) or piece.folder.startswith(path.rstrip("*/")) for path in looked
            )
