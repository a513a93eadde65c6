"""Text from outside shows what it holds and steers nothing."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from sightbench.terminal import markup, plain
from tests.paths import ROOT


@given(
    st.text() | st.text(st.characters(categories=("Cc", "Cf", "Cs", "Zl", "Zp", "Zs"))), st.integers(1, 80)
)
def test_any_text_becomes_one_short_printable_line(text: str, limit: int) -> None:
    shown = plain(text, limit)
    assert len(shown) <= limit and shown.isprintable()
    shown.encode()


@given(st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=80))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def test_what_cannot_be_turned_into_text_is_named_by_its_type() -> None:
    for value in (10**5000, nested(100_000), {"a": nested(100_000)}):
        assert "cannot be shown" in plain(value)


@pytest.mark.parametrize("text", ["[/red]", "[bold]x", "\\[red]x[/]", "a[link=file:///x]b"])
def test_markup_is_shown_and_not_obeyed(text: str) -> None:
    out = io.StringIO()
    Console(file=out, width=200).print(markup(text))
    assert out.getvalue() == text + "\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_lacks_a_letter_gets_its_number(encoding: str) -> None:
    code = "from sightbench.terminal import use_any_encoding as use; use(); print('1 ± 2 \\u4e2d')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        cwd=ROOT,
        env={"PYTHONIOENCODING": encoding, "PATH": ""},
    )
    assert done.returncode == 0
    assert done.stdout == "1 ± 2 中\n".encode(encoding, "backslashreplace")
