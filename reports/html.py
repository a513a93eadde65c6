"""report.html: the files of page/ put together, with a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files

SCRIPTS = (
    "elements",
    "text",
    "data",
    "state",
    "charts",
    "figures",
    "overview",
    "comparison",
    "query",
    "list",
    "media",
    "rle",
    "masks",
    "sample",
    "main",
)
BALLOT = "ballot"
"""The script of a page for people to compare answers on; other pages do without."""
STYLES = ("base", "overview", "samples", "masks", "print")

_PAGE = files("sightbench.reports") / "page"


def page(
    title: str, overview: bytes, blocks: Iterable[tuple[str, bytes]], *, single: bool, ballot: bool = False
) -> Iterable[bytes]:
    """The document in pieces. `overview` is JSON; `blocks` are (name, base64) data kept inside it.

    Without `single`, chunks are scripts beside the page, which the policy then allows.
    """
    script, style = code(ballot), css()
    allowed = _hash(script) if single else f"{_hash(script)} 'self' file:"
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; "
        "img-src 'self' file: data:; media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )
    before, after = _read("page.html").split("<!-- data -->")
    yield (
        before.replace("<!-- policy -->", policy)
        .replace("<!-- title -->", _escaped(title))
        .replace("/* style */", style)
        .encode()
    )
    # No "<" in a block: neither "</script" nor "<!--" can end it or change how it is read.
    kept = (("overview", overview.replace(b"<", b"\\u003c")), *blocks)
    for name, text in kept:
        yield b'<script type="text/plain" id="data-%b">%b</script>\n' % (name.encode(), text)
    yield after.replace("/* script */", script).encode()


def code(ballot: bool = False) -> str:
    """All scripts of the page, in the order they are read."""
    names = (*SCRIPTS[:-1], BALLOT, SCRIPTS[-1]) if ballot else SCRIPTS
    return "\n".join(_read(f"{name}.js") for name in names)


def css() -> str:
    return "\n".join(_read(f"{name}.css") for name in STYLES)


def _read(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
