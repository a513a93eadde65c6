"""A scripted server behind TLS, with a certificate that nobody trusts."""

from __future__ import annotations

import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.server import Scripted, serving


@contextlib.asynccontextmanager
async def encrypted(folder: Path) -> AsyncIterator[Scripted]:
    """The server; what it needs is written into `folder`. Skips the test without the openssl command."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))
    async with serving(tls=context) as server:
        yield server


def _certificate(folder: Path) -> Path:
    """A self-signed certificate and its key for 127.0.0.1, in one file."""
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command, *files], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())
    return both
