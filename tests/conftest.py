"""Fixtures shared by tests that use the command or the embedded server."""

import io
import sys
from collections.abc import Callable, Iterator

import pytest

from sightbench.commands.command import main

pytest_plugins = ["tests.soak"]

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path) -> Command:
    """Runs `bench.py` in an empty folder; gives (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def command(*args: object, stdin: str | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bench.py", *map(str, args)])
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as ended:
            main()
        out = capsys.readouterr()
        return int(ended.value.code or 0), out.out, out.err

    return command


@pytest.fixture(scope="session")
def baseline() -> Iterator[str]:
    """The base URL of the embedded server, started once."""
    from sightbench.servers.baseline.child import running

    with running() as url:
        yield url
