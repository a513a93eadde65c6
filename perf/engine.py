"""The client against a real vLLM with a tiny model: its throughput beside `vllm bench serve`, and what the
order of questions is worth.

    python perf/engine.py throughput --vllm /path/to/bin/vllm
    python perf/engine.py order      --vllm /path/to/bin/vllm

Throughput: the same requests (12 videos x 7 questions, frames as images, media first) in the same order, as
many in flight, to one server whose caches are emptied before each run; rounds interleaved, medians. Order: a
server whose KV cache holds about half of the videos; by video (as the client asks) and round-robin (all
first questions, then all second ones).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from sightbench.client.journal import Journal  # noqa: E402
from sightbench.client.order import by_video, units  # noqa: E402
from sightbench.client.pool import gauge_sums  # noqa: E402
from sightbench.client.probe import probe  # noqa: E402
from sightbench.client.run import Outcome, ask, settle  # noqa: E402
from sightbench.client.settings import Settings, Target  # noqa: E402
from sightbench.sample import Sample, Text, Turn, Video  # noqa: E402
from tests.engines.server import Server, tiny_model, vllm  # noqa: E402

VIDEOS, QUESTIONS, MAX_TOKENS, IN_FLIGHT = 12, 7, 16, 8
TOKENS_PER_FRAME = 393
"""Of Qwen2.5-VL, for 640 x 480."""


def write_frames(folder: Path, count: int) -> None:
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    gradient = np.add.outer(np.arange(480), np.arange(640))[..., None] * [0.2, 0.15, 0.1]
    for video in range(VIDEOS):
        for frame in range(count):
            pixels = gradient + random.normal(0, 12, (480, 640, 1))
            image = Image.fromarray(np.clip(pixels, 0, 255).astype("uint8"))
            image.save(folder / f"{video:02}_{frame:02}.jpg", quality=85)


def samples(folder: Path) -> Iterator[Sample]:
    """Round-robin: question by question over all videos, as benchmarks' files often have them."""
    for question in range(QUESTIONS):
        for video in range(VIDEOS):
            frames = tuple(sorted(folder.glob(f"{video:02}_*.jpg")))
            parts = (Video(f"v{video}", frames), Text(f"Question {question}: what is seen?"))
            yield Sample(f"{video}/{question}", "b", "t", "c", (Turn("user", parts),), max_tokens=MAX_TOKENS)


def ours(server: Server, folder: Path, *, lookahead: int, in_flight: int) -> Outcome:
    async def main() -> Outcome:
        given = Settings(
            endpoints=(Target(server.url),), model="tiny", concurrency=in_flight, lookahead=lookahead
        )
        settings = settle(given, await probe(server.url), mode="images")
        with tempfile.TemporaryDirectory() as run, Journal.open(Path(run)) as journal:
            return await ask(samples(folder), settings, journal)

    outcome = asyncio.run(main())
    assert outcome.failed == 0 and outcome.stopped is None, outcome
    return outcome


def bench_serve(server: Server, requests: Path, in_flight: int) -> float:
    """Requests per second that `vllm bench serve` reaches."""
    command = [
        server.command[0], "bench", "serve", "--backend", "openai-chat", "--endpoint", "/v1/chat/completions",
        "--base-url", server.url.removesuffix("/v1"), "--model", "tiny", "--tokenizer", server.command[2],
        "--dataset-name", "custom_image", "--dataset-path", str(requests), "--disable-shuffle",
        "--custom-output-len", str(MAX_TOKENS), "--num-prompts", str(VIDEOS * QUESTIONS),
        "--max-concurrency", str(in_flight), "--temperature", "0", "--num-warmups", "0",
        "--ready-check-timeout-sec", "0",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    found = re.search(r"Request throughput \(req/s\):\s+([\d.]+)", done.stdout)
    failed = re.search(r"Failed requests:\s+(\d+)", done.stdout)
    if found is None or (failed is not None and int(failed[1])):
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])
    return float(found[1])


def write_requests(folder: Path, path: Path) -> None:
    """The same requests, in the client's order, for `vllm bench serve`."""
    with path.open("w") as file:
        for unit in by_video(units(samples(folder)), VIDEOS * QUESTIONS):
            content: list[dict[str, object]] = []
            for part in unit[0].turns[0].parts:
                if isinstance(part, Text):
                    content.append({"type": "text", "text": part.text})
                elif isinstance(part, Video):
                    for frame in part.frames:
                        assert isinstance(frame, Path)
                        data = base64.b64encode(frame.read_bytes()).decode()
                        url = f"data:image/jpeg;base64,{data}"
                        content.append({"type": "image_url", "image_url": {"url": url}})
            file.write(json.dumps({"content": content}) + "\n")


def empty_caches(server: Server) -> None:
    for name in ("reset_prefix_cache", "reset_mm_cache"):
        url = f"{server.url.removesuffix('/v1')}/{name}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=30) as reply:
            assert reply.status == 200


def prefix_hits(server: Server) -> tuple[float, float]:
    with urllib.request.urlopen(f"{server.url.removesuffix('/v1')}/metrics", timeout=30) as reply:
        sums = gauge_sums(reply.read().decode())
    return sums["vllm:prefix_cache_hits_total"], sums["vllm:prefix_cache_queries_total"]


def throughput(options: argparse.Namespace, folder: Path) -> None:
    write_frames(folder, 4)
    requests = folder / "requests.jsonl"
    write_requests(folder, requests)
    model = tiny_model(options.vllm, folder / "model")
    server = vllm(options.vllm, model, folder / "log")
    server.start()
    try:
        server.wait()
        ours(server, folder, lookahead=1024, in_flight=IN_FLIGHT)
        rates: dict[str, list[float]] = {"ours": [], "bench": []}
        for _ in range(options.rounds):
            empty_caches(server)
            outcome = ours(server, folder, lookahead=1024, in_flight=options.in_flight)
            rates["ours"].append(outcome.answered / outcome.seconds)
            empty_caches(server)
            rates["bench"].append(bench_serve(server, requests, options.in_flight))
    finally:
        server.kill()
    one, two = statistics.median(rates["ours"]), statistics.median(rates["bench"])
    print(f"{VIDEOS * QUESTIONS} requests, 4 frames each, {options.in_flight} in flight, requests/s:")
    print(f"| ours, journal and all | {one:.2f} | {', '.join(f'{rate:.2f}' for rate in rates['ours'])} |")
    print(f"| vllm bench serve | {two:.2f} | {', '.join(f'{rate:.2f}' for rate in rates['bench'])} |")
    print(f"ours / bench serve: {one / two:.3f}")


def order(options: argparse.Namespace, folder: Path) -> None:
    frames = 16
    write_frames(folder, frames)
    # CPU blocks hold 128 tokens; room for half of the videos and their questions.
    blocks = VIDEOS // 2 * (frames * TOKENS_PER_FRAME + 200) // 128
    model = tiny_model(options.vllm, folder / "model")
    server = vllm(options.vllm, model, folder / "log", "--num-gpu-blocks-override", str(blocks))
    server.start()
    try:
        server.wait()
        for name, lookahead in (("by video", VIDEOS * QUESTIONS), ("round-robin", 0)):
            empty_caches(server)
            hits, queries = prefix_hits(server)
            outcome = ours(server, folder, lookahead=lookahead, in_flight=IN_FLIGHT)
            more_hits, more_queries = prefix_hits(server)
            share = (more_hits - hits) / (more_queries - queries)
            rate = outcome.answered / outcome.seconds
            print(f"| {name} | {rate:.2f} requests/s | prefix hit {share:.2f} |", flush=True)
    finally:
        server.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["throughput", "order"])
    parser.add_argument("--vllm", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        {"throughput": throughput, "order": order}[options.what](options, Path(folder))


if __name__ == "__main__":
    main()
