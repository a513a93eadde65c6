"""A header that a command prints, for tokens that expire: cloud logins, short-lived keys."""

from __future__ import annotations

import asyncio
import binascii
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import pybase64

from sightbench.errors import EndpointError
from sightbench.redaction import Redaction
from sightbench.terminal import plain

COMMAND_SECONDS = 60.0
_EARLY = 60.0
"""A token is renewed this many seconds before it ends."""

_KEPT = 4
_HEADER = re.compile(r"([A-Za-z0-9-]+):\s+(\S.*)")


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """Headers as a command printed them, and when they end, in seconds since the epoch (None: unknown)."""

    headers: Mapping[str, str]
    ends: float | None = None


class Credential:
    """What `command` prints goes out with every request. It is run when the first one is sent, before its
    token ends, and when a service says 401. Everything it prints is a secret: `secrets` are the latest."""

    def __init__(self, command: str) -> None:
        self.secrets: tuple[str, ...] = ()
        self._command = command
        self._token: Token | None = None
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return "Credential(...)"

    async def token(self) -> Token:
        """The token that counts now. Raises EndpointError, in one line, when the command fails."""
        async with self._lock:
            if self._token is None or (self._token.ends or time.time() + 1e9) <= time.time() + _EARLY:
                await self._run()
            assert self._token is not None
            return self._token

    async def renewed(self, refused: Token) -> Token | None:
        """Another token after a service has refused this one, None if there is no other."""
        async with self._lock:
            if self._token is refused:
                await self._run()
            return None if self._token is None or self._token.headers == refused.headers else self._token

    async def _run(self) -> None:
        process = await asyncio.create_subprocess_shell(
            self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, errors = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise EndpointError(f"--header-command: it takes longer than {COMMAND_SECONDS:g} s") from None
        printed = out.decode("utf-8", "replace").strip()
        if process.returncode:
            said = errors.decode("utf-8", "replace").strip().splitlines()
            # What it managed to print may be half of a secret.
            words = Redaction(printed.split()).excerpt(plain(said[-1], 200)) if said else "it says nothing"
            raise EndpointError(f"--header-command failed (exit code {process.returncode}): {words}")
        self._token = read(printed, time.time())
        values = tuple(self._token.headers.values())
        self.secrets = (*values, *(old for old in self.secrets if old not in values))[:_KEPT]


def read(printed: str, now: float) -> Token:
    """The headers in a command's output: a bare token (`gcloud auth print-access-token`), lines of
    `NAME: VALUE`, or a JSON object with a token and its end (`az account get-access-token`, OAuth's).

    Where nothing else says when a token ends, a JWT does. Raises EndpointError for anything else.
    """
    ends: float | None = None
    if printed.startswith("{"):
        printed, ends = _of_json(printed, now)
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    found = [_HEADER.fullmatch(line) for line in lines]
    headers = {match[1]: match[2] for match in found if match}
    if len(lines) == 1 and not headers and (len(lines[0].split()) == 1 or lines[0].startswith("Bearer ")):
        headers = {"Authorization": f"Bearer {lines[0].removeprefix('Bearer ')}"}
    if not lines or len(headers) != len(lines) or not all(value.isascii() for value in headers.values()):
        raise EndpointError(
            "--header-command: it should print a token, lines of NAME: VALUE, or JSON with an accessToken"
        )
    if ends is None:
        ends = min(filter(None, map(_jwt_end, headers.values())), default=None)
    return Token(headers, ends)


def _of_json(printed: str, now: float) -> tuple[str, float | None]:
    try:
        content = orjson.loads(printed)
    except orjson.JSONDecodeError:
        return "", None
    token = next((content[name] for name in ("accessToken", "access_token", "token") if name in content), "")
    at, lasts = content.get("expires_on"), content.get("expires_in")
    try:
        ends = float(at) if at is not None else now + float(lasts) if lasts is not None else None
    except (TypeError, ValueError):
        ends = None
    return str(token), ends


def _jwt_end(value: str) -> float | None:
    """https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4"""
    parts = value.split()[-1].split(".")
    if len(parts) != 3:
        return None
    try:
        payload = orjson.loads(pybase64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    end = payload.get("exp") if isinstance(payload, dict) else None
    return float(end) if isinstance(end, int | float) else None
