"""What tells whether a benchmark's questions and gold answers are still the same."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import orjson

from sightbench.files import replace_file, sha256_of
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.catalog import located

LARGE = 64 * 2**20
BLOCK = 2**20
REMEMBERED = 1000


def digest(benchmark: Benchmark, data: Path, *, sampled: bool = False) -> str:
    """16 hex digits that change when a question or a gold answer changes; images are not read.

    Names, sizes and bytes of the annotation files. A file above 64 MiB is hashed once: its hash is
    remembered in the user's cache folder by path, size, time of change and inode. `sampled`: as version 0.1
    did it, which read 64 blocks of such a file.
    """
    total = hashlib.sha256(benchmark.name.encode())
    for path in sorted(
        {path for needed in benchmark.files if not needed.media for path in located(needed, data)}
    ):
        size = path.stat().st_size
        total.update(f"\0{path.relative_to(data)}\0{size}\0".encode(errors="surrogateescape"))
        if size <= LARGE:
            total.update(path.read_bytes())
        elif sampled:
            with path.open("rb") as file:
                for block in range(64):
                    file.seek((size - BLOCK) * block // 63)
                    total.update(file.read(BLOCK))
        else:
            total.update(_of_large(path).encode())
    return total.hexdigest()[:16]


def same(benchmark: Benchmark, data: Path, known: str) -> bool:
    """Whether `known` is the digest of these files, by this version or by 0.1."""
    return known == digest(benchmark, data) or known == digest(benchmark, data, sampled=True)


def _of_large(path: Path) -> str:
    state = path.stat()
    key = f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}|{state.st_ino}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightbench/digests.json"
    known = _read(cache)
    if key not in known:
        known[key] = sha256_of(path)
        with contextlib.suppress(OSError):
            cache.parent.mkdir(parents=True, exist_ok=True)
            replace_file(cache, orjson.dumps(dict(list(known.items())[-REMEMBERED:])))
    return known[key]


def _read(cache: Path) -> dict[str, str]:
    """What is remembered; nothing where the file is not there or was damaged."""
    try:
        content = orjson.loads(cache.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if isinstance(value, str)}
