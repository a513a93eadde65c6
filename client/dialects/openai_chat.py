"""OpenAI's chat completions, which engines and most services speak:
https://developers.openai.com/api/reference/resources/chat"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from sightbench.client.dialects.messages import Fragment, Message


def text(words: str) -> bytes:
    return b'{"type":"text","text":%b}' % orjson.dumps(words)


def image(mime: str, data: bytes, identity: str | None, detail: str | None = None) -> bytes:
    """A content part of `data`, which is base64; `identity` is what an engine may cache it by, `detail` how
    closely it is to be looked at (None: not said)."""
    return referred(b'"data:%b;base64,%b"' % (mime.encode(), data), identity, detail)


def referred(url: bytes, identity: str | None, detail: str | None = None) -> bytes:
    """A content part of an image at a URL (as a JSON string)."""
    uuid = b',"uuid":"%b"' % identity.encode() if identity else b""
    look = b',"detail":"%b"' % detail.encode() if detail else b""
    return b'{"type":"image_url","image_url":{"url":%b%b}%b}' % (url, look, uuid)


def request(messages: Sequence[Message], parameters: Mapping[str, Any]) -> tuple[Fragment, ...]:
    """The body. What stands between messages is no part of the fingerprint, and never was."""
    tail = orjson.dumps(parameters, option=orjson.OPT_SORT_KEYS)
    whole = [Fragment(b'{"messages":[', b"")]
    for index, message in enumerate(messages):
        if index:
            whole.append(Fragment(b",", b""))
        head = b'{"role":"%b","content":' % message.role.encode()
        if message.text is not None:
            whole.append(Fragment(b"%b%b}" % (head, orjson.dumps(message.text))))
        else:
            whole += (Fragment(head + b"["), *message.parts, Fragment(b"]}"))
    return (*whole, Fragment(b"],", b""), Fragment(tail[1:], tail))
