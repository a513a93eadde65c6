"""Batch APIs as the providers document them, each a `route` for tests/faults/server.

All keep the same books: `paid` counts how often each request was run, which is what a provider bills.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.faults.server import Request, Response, answer_text, error

Run = Callable[[str, dict[str, Any]], tuple[int, dict[str, Any]] | None]
"""(custom id, body) -> HTTP status and body of the answer, None for a request that expires."""


def answered(text: str, model: str = "m") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 100, "completion_tokens": 2, "total_tokens": 102}
    choices = [{"index": 0, "finish_reason": "stop", "message": message}]
    return {"id": "chatcmpl-1", "model": model, "choices": choices, "usage": usage}


def chat(name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """A model whose answer depends on the question alone."""
    question = json.dumps(body.get("messages") or body.get("contents")).encode()
    return 200, answered(answer_text(question))


@dataclass
class Job:
    id: str
    token: str
    items: list[tuple[str, dict[str, Any]]]
    created: float
    state: str = "running"


@dataclass
class Books:
    """What every fake has: files, jobs, and what was run. A job takes `seconds` by its clock `now`."""

    run: Run = chat
    seconds: float = 0.0
    now: Callable[[], float] = time.time
    files: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    paid: Counter[str] = field(default_factory=Counter)
    results: dict[str, dict[str, tuple[int, dict[str, Any]] | None]] = field(default_factory=dict)
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    def new(self, prefix: str) -> str:
        return f"{prefix}{next(self._ids)}"

    def start(self, prefix: str, token: str, items: list[tuple[str, dict[str, Any]]]) -> Job:
        names = [name for name, _ in items]
        assert len(names) == len(set(names)), "custom ids must be unique in a batch"
        job = Job(self.new(prefix), token, items, self.now())
        self.jobs[job.id] = job
        return job

    def look(self, job: Job) -> Job:
        """Runs the job once its time has come."""
        if job.state == "running" and self.now() - job.created >= self.seconds:
            self.finish(job)
        return job

    def finish(self, job: Job, share: float = 1.0, state: str = "ended") -> None:
        done: dict[str, tuple[int, dict[str, Any]] | None] = {}
        for name, body in job.items[: round(len(job.items) * share)]:
            made = self.run(name, body)
            done[name] = made
            if made is not None and made[0] == 200:
                self.paid[name] += 1
        self.results[job.id] = done
        job.state = state


def ok(content: Any) -> Response:
    return Response(body=json.dumps(content).encode())


def lines(rows: list[dict[str, Any]]) -> Response:
    body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    return Response(body=body, content_type="application/jsonl")


def form(request: Request) -> tuple[dict[str, str], bytes]:
    """The fields and the file of a multipart form."""
    edge = re.search(r"boundary=\"?([^\";]+)", request.headers["content-type"])
    assert edge is not None
    fields: dict[str, str] = {}
    content = b""
    for part in request.body.split(b"--" + edge[1].encode())[1:-1]:
        head, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)
        assert name is not None
        if b"filename=" in head:
            content = value
        else:
            fields[name[1].decode()] = value.decode()
    return fields, content


def openai(books: Books, limit: int = 200_000_000) -> Callable[[Request], Response | None]:
    """https://developers.openai.com/api/docs/guides/batch"""

    def shown(job: Job) -> dict[str, Any]:
        books.look(job)
        done = books.results.get(job.id, {})
        states = {"running": "in_progress", "ended": "completed", "expired": "expired"}
        content: dict[str, Any] = {
            "id": job.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "input_file_id": "file-1",
            "completion_window": "24h",
            "status": states.get(job.state, job.state),
            "created_at": int(job.created),
            "metadata": {"sightbench": job.token},
            "request_counts": {"total": len(job.items), "completed": len(done), "failed": 0},
        }
        if job.state == "failed":
            words = "Enqueued token limit reached for gpt-5.1 in organization org-1."
            data = [{"code": "token_limit_exceeded", "message": words, "param": None, "line": None}]
            content["errors"] = {"object": "list", "data": data}
        if done:
            content |= {"output_file_id": f"out-{job.id}", "error_file_id": f"err-{job.id}"}
        return content

    def output(job: Job, wanted: str) -> Response:
        rows = []
        for name, made in books.results[job.id].items():
            fine = made is not None and made[0] == 200
            if fine != (wanted == "out"):
                continue
            if made is None:
                words = "This request could not be executed before the completion window expired."
                rows.append(
                    {
                        "custom_id": name,
                        "response": None,
                        "error": {"code": "batch_expired", "message": words},
                    }
                )
            else:
                response = {"status_code": made[0], "request_id": "req_1", "body": made[1]}
                rows.append({"id": "batch_req_1", "custom_id": name, "response": response, "error": None})
        return lines(rows)

    def route(request: Request) -> Response | None:
        path = request.path.removeprefix("/v1").partition("?")[0]
        match request.method, path.strip("/").split("/"):
            case "POST", ["files"]:
                fields, content = form(request)
                assert fields["purpose"] == "batch"
                if len(content) > limit:
                    return error(400, "File is too large")
                name = books.new("file-")
                books.files[name] = content
                file = {"id": name, "object": "file", "bytes": len(content), "created_at": 1}
                return ok(file | {"filename": "x.jsonl", "purpose": "batch", "status": "processed"})
            case "POST", ["batches"]:
                given = request.json
                items = [json.loads(row) for row in books.files[given["input_file_id"]].splitlines()]
                assert all(item["url"] == given["endpoint"] and item["method"] == "POST" for item in items)
                token = given["metadata"]["sightbench"]
                job = books.start("batch_", token, [(item["custom_id"], item["body"]) for item in items])
                return ok(shown(job))
            case "GET", ["batches"]:
                jobs = sorted(books.jobs.values(), key=lambda job: -job.created)
                data = [shown(job) for job in jobs]
                return ok({"object": "list", "data": data, "has_more": False})
            case "GET", ["batches", name]:
                return ok(shown(books.jobs[name]))
            case "POST", ["batches", name, "cancel"]:
                books.finish(books.jobs[name], 0.5, "cancelled")
                return ok(shown(books.jobs[name]))
            case "GET", ["files", name, "content"]:
                kind, _, job_id = name.partition("-")
                return output(books.jobs[job_id], kind)
        return None

    return route


def anthropic(books: Books) -> Callable[[Request], Response | None]:
    """https://platform.claude.com/docs/en/build-with-claude/batch-processing"""

    def shown(job: Job) -> dict[str, Any]:
        books.look(job)
        ended = job.state != "running"
        count = len(job.items)
        counts = {"processing": 0 if ended else count, "succeeded": count if ended else 0}
        created = datetime.fromtimestamp(job.created, UTC).isoformat().replace("+00:00", "Z")
        return {
            "id": job.id,
            "type": "message_batch",
            "processing_status": "ended" if ended else "in_progress",
            "request_counts": {**counts, "errored": 0, "canceled": 0, "expired": 0},
            "created_at": created,
            "results_url": f"https://api.anthropic.com/v1/messages/batches/{job.id}/results",
        }

    def result(made: tuple[int, dict[str, Any]] | None) -> dict[str, Any]:
        if made is None:
            return {"type": "expired"}
        status, body = made
        if status != 200:
            inner = {"type": "invalid_request_error", "message": body["error"]["message"]}
            return {"type": "errored", "error": {"type": "error", "error": inner, "request_id": "req_1"}}
        text = body["choices"][0]["message"]["content"]
        usage = {"input_tokens": 100, "output_tokens": 2}
        content = [{"type": "text", "text": text}]
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content}
        return {"type": "succeeded", "message": message | {"stop_reason": "end_turn", "usage": usage}}

    def route(request: Request) -> Response | None:
        path = request.path.removeprefix("/v1").partition("?")[0]
        match request.method, path.strip("/").split("/"):
            case "POST", ["messages", "batches"]:
                assert request.headers["anthropic-version"] == "2023-06-01"
                items = [(item["custom_id"], item["params"]) for item in request.json["requests"]]
                assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name, _ in items)
                return ok(shown(books.start("msgbatch_", "", items)))
            case "GET", ["messages", "batches"]:
                jobs = sorted(books.jobs.values(), key=lambda job: -job.created)
                data = [shown(job) for job in jobs]
                return ok({"data": data, "has_more": False, "first_id": None, "last_id": None})
            case "GET", ["messages", "batches", name]:
                return ok(shown(books.jobs[name]))
            case "GET", ["messages", "batches", name, "results"]:
                rows = books.results[name].items()
                return lines([{"custom_id": key, "result": result(made)} for key, made in rows])
            case "POST", ["messages", "batches", name, "cancel"]:
                books.finish(books.jobs[name], 0.5, "cancelled")
                return ok(shown(books.jobs[name]))
        return None

    return route


def gemini(books: Books, base: Callable[[], str], model: str = "m") -> Callable[[Request], Response | None]:
    """https://ai.google.dev/gemini-api/docs/batch-api; `base` is this server's own address."""

    def shown(job: Job) -> dict[str, Any]:
        books.look(job)
        states = {"running": "RUNNING", "ended": "SUCCEEDED", "cancelled": "CANCELLED", "failed": "FAILED"}
        metadata: dict[str, Any] = {
            "name": job.id,
            "displayName": job.token,
            "state": f"BATCH_STATE_{states[job.state]}",
            "batchStats": {
                "requestCount": str(len(job.items)),
                "successfulRequestCount": str(len(books.results.get(job.id, {}))),
            },
        }
        if job.id in books.results:
            metadata["output"] = {"responsesFile": f"files/out-{job.id.removeprefix('batches/')}"}
        return {"name": job.id, "metadata": metadata, "done": job.state != "running"}

    def row(key: str, made: tuple[int, dict[str, Any]] | None) -> dict[str, Any]:
        if made is None or made[0] != 200:
            return {"key": key, "error": {"code": 400, "message": "INVALID_ARGUMENT: broken"}}
        text = made[1]["choices"][0]["message"]["content"]
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}
        usage = {"promptTokenCount": 100, "candidatesTokenCount": 2, "totalTokenCount": 102}
        return {
            "key": key,
            "response": {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m"},
        }

    def route(request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        match request.method, path.strip("/").split("/"):
            case "POST", ["upload", "v1", "files"] if request.headers["x-goog-upload-command"] == "start":
                name = books.new("file-")
                return Response(body=b"{}", headers={"X-Goog-Upload-URL": f"{base()}/put/{name}"})
            case "POST", ["put", name]:
                assert request.headers["x-goog-upload-command"] == "upload, finalize"
                books.files[f"files/{name}"] = request.body
                return ok({"file": {"name": f"files/{name}"}})
            case "POST", ["v1", "models", name] if name == f"{model}:batchGenerateContent":
                batch = request.json["batch"]
                content = books.files[batch["inputConfig"]["fileName"]]
                items = [json.loads(line) for line in content.splitlines()]
                pairs = [(item["key"], item["request"]) for item in items]
                return ok(shown(books.start("batches/", batch["displayName"], pairs)))
            case "GET", ["v1", "batches"]:
                return ok({"operations": [shown(job) for job in books.jobs.values()]})
            case "GET", ["v1", "batches", name]:
                return ok(shown(books.jobs[f"batches/{name}"]))
            case "POST", ["v1", "batches", name] if name.endswith(":cancel"):
                books.finish(books.jobs[f"batches/{name.removesuffix(':cancel')}"], 0.5, "cancelled")
                return ok({})
            case "GET", ["download", "v1", "files", name] if name.endswith(":download"):
                job = name.removeprefix("out-").removesuffix(":download")
                return lines([row(key, made) for key, made in books.results[f"batches/{job}"].items()])
        return None

    return route
