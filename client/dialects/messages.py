"""What a dialect writes requests from: messages, and the stretches of bytes a body is spliced from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fragment:
    """A stretch of the body, and what stands for it in the fingerprint (None: itself)."""

    data: bytes
    identity: bytes | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its text where it holds nothing else, or its content parts as they stand on the wire."""

    role: str
    text: str | None = None
    parts: tuple[Fragment, ...] = ()


def system_and_rest(messages: Sequence[Message]) -> tuple[str | None, list[Message]]:
    """The text of the system messages (None: there is none), and the others: for wires that part them."""
    system = [message.text or "" for message in messages if message.role == "system"]
    return "\n\n".join(system) if system else None, [m for m in messages if m.role != "system"]
