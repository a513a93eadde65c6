"""Secrets are taken out of text before it is kept or shown, whatever a server has made of them.

A server that echoes what it got gives a key back in other clothes: escaped, encoded, without the word before
it. All the forms of a secret are worked out once; looking for them costs a few microseconds a text.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

HIDDEN = "***"
_SHORTEST = 8
"""Shorter ones would be found in ordinary answers; a key that short protects nothing."""

_SECRET_NAME = re.compile(
    r"(?i)^(.*[-_.])?((api|access|secret|private|auth|subscription)[-_]?key|(api|access|auth|bearer|hf|refresh"
    r"|session)[-_]?token|secret|password|passwd|authorization|credentials?|bearer|cookie)$"
)

_QUERY_KEYS = frozenset({"key", "code", "sig", "signature"})
"""What Google, Azure's functions and signed addresses call theirs."""


class Redaction:
    """What must not get out. Immutable and without the secrets in its repr; empty, it changes nothing."""

    __slots__ = ("_forms",)

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        found = {form for secret in secrets if secret for form in _forms(secret)}
        # Longer ones first: what is left of a long form must not keep half of a key.
        self._forms = tuple(sorted((form for form in found if len(form) >= _SHORTEST), key=len, reverse=True))

    def __bool__(self) -> bool:
        """Whether there is any secret to look for."""
        return bool(self._forms)

    def __repr__(self) -> str:
        return f"Redaction({len(self._forms)} forms)"

    def text(self, text: str) -> str:
        """`text` with `***` in place of every form of a secret."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text

    def excerpt(self, text: str) -> str:
        """`text` redacted that may have been cut off: the start of a secret at its end is `***` too."""
        text = self.text(text)
        # What a cut leaves behind: the mark of `plain`, half of a letter.
        shown = text.rstrip("…\ufffd ")
        for form in self._forms:
            at = shown.find(form[:_SHORTEST], max(0, len(shown) - len(form)))
            while at >= 0:
                if form.startswith(shown[at:]):
                    return shown[:at] + HIDDEN + text[len(shown) :]
                at = shown.find(form[:_SHORTEST], at + 1)
        return text

    def json(self, value: Any) -> Any:
        """A JSON value with every text and key in it redacted; what holds no secret is returned as it is."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(entry) for entry in value]
        if isinstance(value, Mapping):
            return {self.json(name): self.json(entry) for name, entry in value.items()}
        return value

    def touches(self, raw: bytes) -> bool:
        """Whether `raw` (UTF-8) may hold a form of a secret, itself or behind JSON's escapes."""
        if b"\\u" in raw or b"\\/" in raw:
            return bool(self._forms)
        return any(form.encode("utf-8", "replace") in raw for form in self._forms)


def url_secrets(url: str) -> tuple[str, ...]:
    """The user:password of a URL, the password alone, and the keys in its query."""
    try:
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        query = parse_qsl(parts.query)
    except ValueError:
        return ()
    keys = tuple(value for name, value in query if is_secret_name(name) or name.lower() in _QUERY_KEYS)
    return (f"{user}:{password}", password, *keys) if user or password else keys


def without_secrets(value: Any) -> Any:
    """A JSON value where whatever stands under the name of a secret (`api_key`, `token`, ...) is `***`."""
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if is_secret_name(str(name)) and entry else without_secrets(entry)
            for name, entry in value.items()
        }
    return [without_secrets(entry) for entry in value] if isinstance(value, list) else value


def secret_names(value: Any) -> list[str]:
    """The names in a JSON value under which secrets stand, at any depth."""
    if isinstance(value, Mapping):
        inner = [name for entry in value.values() for name in secret_names(entry)]
        return [str(name) for name in value if is_secret_name(str(name))] + inner
    return [name for entry in value for name in secret_names(entry)] if isinstance(value, list) else []


def is_secret_name(name: str) -> bool:
    """Whether a field of that name holds a secret; `eos_token` and `prompt_cache_key` do not."""
    return name.lower() == "token" or _SECRET_NAME.match(name) is not None


def _forms(secret: str) -> Iterator[str]:
    for whole in {secret, _without_scheme(secret), *_basic(secret)}:
        yield from _encoded(whole)


def _encoded(secret: str) -> Iterator[str]:
    raw = secret.encode("utf-8", "surrogateescape")
    # UTF-8 read as Latin-1 is what a server that knows no better makes of a key that is not ASCII.
    for text in {secret, raw.decode("latin-1")}:
        yield text
        for ascii_only in (True, False):
            escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
            again = json.dumps(escaped, ensure_ascii=False)[1:-1]
            yield from (escaped, escaped.replace("/", "\\/"), again)
    for data in {raw, secret.encode("latin-1", "replace")}:
        yield from (data.hex(), data.hex().upper())
        for percent in {quote(data, safe=""), quote(data, safe="/"), quote_plus(data)}:
            yield percent
            yield re.sub("%..", lambda found: found[0].lower(), percent)
        yield from _base64(data)


def _base64(data: bytes) -> Iterator[str]:
    """The part of base64 text that `data` alone decides, at each of its three places in a longer text."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        first = (0, 2, 3)[before]
        last = len(encoded) - (1 if (before + len(data)) % 3 else 0)
        yield encoded[first:last]
        yield encoded[first:last].replace("+", "-").replace("/", "_")


def _without_scheme(value: str) -> str:
    """`Bearer KEY`, `Basic KEY`, `token KEY` -> KEY."""
    scheme, space, rest = value.partition(" ")
    return rest.strip() if space and scheme.isalnum() else value


def _basic(value: str) -> tuple[str, ...]:
    """What stands in `Basic dXNlcjpwYXNzd29yZA==`: user:password, and the password."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "basic":
        return ()
    try:
        pair = base64.b64decode(rest, validate=True).decode()
    except ValueError:
        return ()
    return (pair, pair.partition(":")[2])
