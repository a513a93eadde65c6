"""Where an endpoint is, and how it is called in front of people."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from client.errors import UsageError


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
            raise UsageError(f"{url}: a unix endpoint is written unix:///path/to/socket")
        return Address(f"http://localhost{path.rstrip('/') or '/v1'}", f"unix://{where}", socket=where)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"an endpoint's URL is wrong: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{label(url)}: an endpoint's URL starts with http://, https:// or unix://")
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port is None else f"{host}:{port}"
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    base = urlunsplit((parts.scheme, netloc, path, parts.query, ""))
    return Address(base, f"{parts.scheme}://{netloc}{path}", authorization=authorization)


def label(url: str) -> str:
    """The URL without what stands before an @ and after a ?."""
    head, separator, rest = url.partition("://")
    return f"{head}{separator}{rest.partition('?')[0].rpartition('@')[2]}"
