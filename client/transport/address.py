"""Where an endpoint is, and how it is called in front of people."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from yarl import URL

from sightbench.errors import UsageError


@dataclass(frozen=True, slots=True)
class Address:
    """Where an endpoint is. `label` names it to people and in files: no credentials, no query."""

    base: str
    label: str
    socket: str | None = None
    authorization: str | None = field(default=None, repr=False)


def address(url: str) -> Address:
    """Takes a URL apart: `http(s)://[user:password@]host[:port][/v1]` or `unix:///path/to/socket[:/v1]`.

    A URL without a path gets `/v1`. Raises UsageError for anything else.
    """
    if url.startswith("unix:"):
        where, _, path = url.removeprefix("unix:").removeprefix("//").partition(":")
        if not where.startswith("/"):
            raise UsageError(f"{label(url)}: a unix endpoint is written unix:///path/to/socket")
        return Address(f"http://localhost{path.rstrip('/') or '/v1'}", f"unix://{where}", socket=where)
    try:
        parts = urlsplit(url)
        port = parts.port
        tail = parts.path + parts.query + parts.fragment
        well_formed = "@" not in tail and not re.search(r"[\x00-\x20\x7f]", url)
    except ValueError:
        well_formed = False
    if not well_formed:
        raise UsageError(
            f"endpoint {label(url)!r}: write http(s)://host:port/v1, the port a number up to 65535; "
            "inside a password / ? # @ are %2F %3F %23 %40"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f"endpoint {label(url)!r}: an endpoint's URL starts with http://, https:// or unix://"
        )
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port is None else f"{host}:{port}"
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    base = urlunsplit((parts.scheme, netloc, path, parts.query, ""))
    try:
        URL(base)
    except ValueError:
        raise UsageError(
            f"endpoint {label(url)!r}: {parts.hostname!r} cannot be the name of a host"
        ) from None
    return Address(base, f"{parts.scheme}://{netloc}{path}", authorization=authorization)


def label(url: str) -> str:
    """The URL without what stands before its last @ and after a ?; works for what is no URL, too."""
    found = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", url)
    scheme = found[0] if found else ""
    before, _, where = url[len(scheme) :].rpartition("@")
    if re.search(r"[?#]", before):
        # A query with an @ in it, or a password with a ? or #: neither side of the @ is safe to show.
        return f"{scheme}***"
    return scheme + re.split(r"[?#]", where)[0]
