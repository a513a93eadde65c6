"""Batch APIs whose results are lines like OpenAI's, and whose jobs are not; as in services.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.client.hosted.services import Books, Job, form, lines, ok
from tests.faults.server import Request, Response, error


def together(books: Books) -> Callable[[Request], Response | None]:
    """https://docs.together.ai/docs/inference/batch/overview and https://github.com/togethercomputer/openapi"""
    called: dict[str, str] = {}
    made_of: dict[str, str] = {}

    def shown(job: Job) -> dict[str, Any]:
        books.look(job)
        states = {"running": "IN_PROGRESS", "ended": "COMPLETED", "expired": "EXPIRED"}
        content: dict[str, Any] = {
            "id": job.id,
            "user_id": "user_1",
            "input_file_id": made_of[job.id],
            "file_size_bytes": len(books.files[made_of[job.id]]),
            "status": states.get(job.state, job.state.upper()),
            "job_deadline": "2026-01-15T15:30:00Z",
            "created_at": "2026-01-14T15:30:00Z",
            "endpoint": "/v1/chat/completions",
            "progress": 100.0 if job.id in books.results else 0.0,
            "model_id": "m",
        }
        if job.state == "failed":
            content["error"] = "the model does not support batches"
        if job.id in books.results:
            content |= {"output_file_id": f"out-{job.id}", "error_file_id": f"err-{job.id}"}
        return content

    def output(job: str, wanted: str) -> Response:
        rows: list[dict[str, Any]] = []
        for key, pair in books.results[job].items():
            if (pair is not None and pair[0] == 200) != (wanted == "out"):
                continue
            if wanted == "out":
                assert pair is not None
                rows.append({"custom_id": key, "response": {"status_code": 200, "body": pair[1]}})
            else:
                words = (
                    {"message": "Request timeout", "code": "timeout"} if pair is None else pair[1]["error"]
                )
                rows.append({"custom_id": key, "error": words})
        return lines(rows)

    def refused(status: int, words: str) -> Response:
        return Response(status, json.dumps({"error": words}).encode())

    def route(request: Request) -> Response | None:
        path = request.path.removeprefix("/v1").partition("?")[0]
        match request.method, path.strip("/").split("/"):
            case "POST", ["files", "upload"]:
                fields, content = form(request)
                assert (fields["purpose"], fields["file_type"]) == ("batch-api", "jsonl")
                if len(content) > 100_000_000:
                    return error(400, "File is too large")
                name = books.new("file-")
                books.files[name] = content
                called[name] = fields["file_name"]
                return ok(uploaded(name))
            case "GET", ["files"]:
                return ok({"data": [uploaded(name) for name in called]})
            case "POST", ["batches"]:
                given = request.json
                if given["endpoint"] != "/v1/chat/completions":
                    return refused(400, "endpoint is not supported")
                items = [json.loads(row) for row in books.files[given["input_file_id"]].splitlines()]
                assert all(item.keys() == {"custom_id", "body"} and item["body"]["model"] for item in items)
                assert all(len(item["custom_id"]) <= 64 for item in items)
                if len(items) > 50_000:
                    return refused(400, "too many requests")
                job = books.start("", "", [(item["custom_id"], item["body"]) for item in items])
                made_of[job.id] = given["input_file_id"]
                return Response(201, json.dumps({"job": shown(job), "warning": ""}).encode())
            case "GET", ["batches"]:
                return ok([shown(job) for job in books.jobs.values()])
            case "GET", ["batches", name]:
                return ok(shown(books.jobs[name])) if name in books.jobs else refused(404, "not found")
            case "POST", ["batches", name, "cancel"]:
                books.finish(books.jobs[name], 0.5, "cancelled")
                return ok(shown(books.jobs[name]))
            case "GET", ["files", name, "content"]:
                kind, _, job_id = name.partition("-")
                return output(job_id, kind)
        return None

    def uploaded(name: str) -> dict[str, Any]:
        file = {"id": name, "object": "file", "created_at": 1, "filename": called[name], "bytes": 1}
        return file | {"purpose": "batch-api", "FileType": "jsonl", "Processed": True}

    return route


def mistral(books: Books, model: str = "m") -> Callable[[Request], Response | None]:
    """https://docs.mistral.ai/capabilities/batch/"""

    def shown(job: Job) -> dict[str, Any]:
        books.look(job)
        states = {"running": "RUNNING", "ended": "SUCCESS", "cancelled": "CANCELLED", "failed": "FAILED"}
        done = job.id in books.results
        return {
            "id": job.id,
            "object": "batch",
            "status": states[job.state],
            "metadata": {"sightbench": job.token},
            "endpoint": "/v1/chat/completions",
            "model": model,
            "total_requests": len(job.items),
            "completed_requests": len(job.items) if done else 0,
            "errors": [{"message": "no such model"}] if job.state == "failed" else [],
            "output_file": f"out-{job.id}" if done else None,
            "error_file": None,
        }

    def route(request: Request) -> Response | None:
        path = request.path.removeprefix("/v1").partition("?")[0]
        match request.method, path.strip("/").split("/"):
            case "POST", ["files"]:
                fields, content = form(request)
                assert fields == {"purpose": "batch"}
                name = books.new("file-")
                books.files[name] = content
                return ok({"id": name})
            case "POST", ["batch", "jobs"]:
                given = request.json
                assert given["model"] == model
                items = [json.loads(row) for row in books.files[given["input_files"][0]].splitlines()]
                assert all("model" not in item["body"] for item in items)
                pairs = [(item["custom_id"], item["body"]) for item in items]
                return ok(shown(books.start("job-", given["metadata"]["sightbench"], pairs)))
            case "GET", ["batch", "jobs"]:
                return ok({"data": [shown(job) for job in books.jobs.values()], "total": len(books.jobs)})
            case "GET", ["batch", "jobs", name]:
                return ok(shown(books.jobs[name]))
            case "POST", ["batch", "jobs", name, "cancel"]:
                books.finish(books.jobs[name], 0.5, "cancelled")
                return ok(shown(books.jobs[name]))
            case "GET", ["files", name, "content"]:
                made = books.results[name.removeprefix("out-")].items()
                rows = []
                for key, pair in made:
                    status, body = pair or (408, {"message": "expired"})
                    rows.append({"custom_id": key, "response": {"status_code": status, "body": body}})
                return lines(rows)
        return None

    return route
