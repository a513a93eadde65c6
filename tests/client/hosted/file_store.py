"""Gemini's file store as documented: https://ai.google.dev/api/files, a `route` for tests/faults/server."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults.server import Request, Response


@dataclass
class FileStore:
    """`slow` is how often a file is looked at before it is ready; one with b"broken" in it never is."""

    base: Callable[[], str]
    slow: int = 0
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=dict)
    _sizes: dict[str, tuple[int, str]] = field(default_factory=dict)
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    def route(self, request: Request) -> Response | None:
        path, _, query = request.path.partition("?")
        match request.method, path.strip("/").split("/"):
            case "POST", ["upload", "v1", "files"]:
                headers = request.headers
                assert headers["x-goog-upload-protocol"] == "resumable"
                assert headers["x-goog-upload-command"] == "start"
                session = f"session-{next(self._ids)}"
                self._sizes[session] = (
                    int(headers["x-goog-upload-header-content-length"]),
                    headers["x-goog-upload-header-content-type"],
                )
                return Response(body=b"{}", headers={"X-Goog-Upload-URL": f"{self.base()}/put/{session}"})
            case "POST", ["put", session]:
                size, mime = self._sizes[session]
                assert len(request.body) == size
                assert request.headers["x-goog-upload-command"] == "upload, finalize"
                return self._taken(request.body, mime)
            case "GET", ["v1", "files"]:
                assert "pageSize=100" in query
                return self._said({"files": list(self.files.values())})
            case "GET", ["v1", "files", name]:
                return self._looked(f"files/{name}")
        return None

    def _taken(self, content: bytes, mime: str) -> Response:
        digest = hashlib.sha256(content).hexdigest()
        self.uploads.append(digest)
        name = f"files/f{len(self.uploads)}"
        now = datetime.now(UTC)
        self.files[name] = {
            "name": name,
            "mimeType": mime,
            "sizeBytes": str(len(content)),
            "createTime": now.isoformat().replace("+00:00", "Z"),
            "expirationTime": (now + timedelta(hours=48)).isoformat().replace("+00:00", "123Z"),
            "sha256Hash": base64.b64encode(digest.encode()).decode(),
            "uri": f"https://generativelanguage.googleapis.com/v1beta/{name}",
            "state": "PROCESSING",
            "_broken": b"broken" in content,
        }
        return self._said({"file": self.files[name]})

    def _looked(self, name: str) -> Response:
        entry = self.files.get(name)
        if entry is None:
            words = "You do not have permission to access the File or it may not exist."
            body = {"error": {"code": 403, "message": words, "status": "PERMISSION_DENIED"}}
            return Response(403, json.dumps(body).encode())
        self.looks[name] = self.looks.get(name, 0) + 1
        if self.looks[name] > self.slow:
            entry["state"] = "FAILED" if entry["_broken"] else "ACTIVE"
        if entry["state"] == "FAILED":
            entry["error"] = {"code": 3, "message": "The video cannot be decoded."}
        return self._said(entry)

    def _said(self, content: Any) -> Response:
        return Response(body=json.dumps(content).encode())
