"""Tables come whole or not at all, over a real HTTP server that breaks off and answers ranges."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sightbench.errors import SightbenchError
from sightbench.evaluation.download import fetch, table_of
from sightbench.tasks.web_files import TABLES, WebFile

CONTENT = bytes(range(256)) * 2000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Site(BaseHTTPRequestHandler):
    ranges: list[str | None] = []  # noqa: RUF012

    def do_GET(self) -> None:
        if self.path != "/T.tsv":
            self.send_error(404)
            return
        wanted = self.headers.get("Range")
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.end_headers()
        self.wfile.write(CONTENT[start:])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    Site.ranges.clear()
    server = HTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
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


def test_names_mean_their_tables() -> None:
    assert table_of("mmstar") == TABLES["MMStar"]
    assert table_of("CMMMU_VAL") == TABLES["CMMMU_VAL"]
    assert table_of("Qwen/Qwen2.5-VL-7B-Instruct") is None and table_of("dynbench") is None
    assert all(len(str(entry.md5)) == 32 for entry in TABLES.values())
