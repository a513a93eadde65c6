"""Text from outside shows what it holds and steers nothing."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from sightbench.console import Console
from sightbench.terminal import plain
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


@pytest.mark.parametrize("text", ["[/red]", "[bold]x", "\\[red]x[/]", "a[link=file:///x]b", ":smile:"])
def test_markup_is_shown_and_not_obeyed(text: str) -> None:
    out = io.StringIO()
    Console(out, width=200).print(text)
    assert out.getvalue() == text + "\n"


def test_no_letter_of_a_table_steers_a_terminal() -> None:
    out = io.StringIO()
    table = Table(title="a\x1b[2Jb")
    table.add_column("[/red]\x07")
    table.add_row(Text("x\x1b]0;owned\u202ey"), style="bold")
    Console(out, width=40, force_terminal=True).print(table)
    assert "\x1b[1m" in out.getvalue() and "[/red]" in out.getvalue()
    assert not any(each in out.getvalue() for each in ("\x1b[2J", "\x1b]0", "\x07", "\u202e"))


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
