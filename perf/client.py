"""What a request costs the client, side by side: ours with everything on, bare transports, and the ways of
other evaluation clients.

    python -m perf.client               the table: small bodies and 8 frames, 64 / 256 / 1024 in flight
    python -m perf.client --quick          one round, fewer requests
    python -m perf.client --memory         resident memory over a long run
    python -m perf.client --startup        seconds until `bench.py --help` is printed

A mock server in a process of its own, pinned to one core, answers after 10 ms. Every client runs in a fresh
process; rounds are interleaved and cells are medians: client CPU milliseconds per request (user + system,
all threads) and requests per second seen. "x post" is the CPU against the SDK's bare `.post` with bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import io
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FRAMES = 8
FRAME_BYTES = 38_000
QUESTIONS = 8
"""Questions about each video, as a benchmark has them: what a client may encode once it encodes once."""

QUESTION = "Which object is closest to the camera?\nA. car\nB. dog\nC. tree\nD. man\nAnswer with the letter."


def frames(folder: Path) -> list[Path]:
    """Eight JPEG files of 640 x 360 and about 38 KB each (noise at low contrast over a gradient)."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    paths = []
    for index in range(FRAMES):
        path = folder / f"frame_{index:04}.jpg"
        pixels = np.add.outer(np.arange(360), np.arange(640))[..., None] * [0.2, 0.15, 0.1]
        noisy = pixels + random.normal(0, 17, (360, 640, 1)) + index
        image = Image.fromarray(np.clip(noisy, 0, 255).astype("uint8"))
        for quality in range(95, 20, -1):
            image.save(path, "JPEG", quality=quality)
            if path.stat().st_size <= FRAME_BYTES:
                break
        paths.append(path)
    return paths


def content(urls: list[str], number: int) -> list[dict[str, object]]:
    parts: list[dict[str, object]] = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [*parts, {"type": "text", "text": f"{QUESTION} ({number})"}]


def body(urls: list[str], number: int) -> dict[str, object]:
    messages = [{"role": "user", "content": content(urls, number)}]
    return {"model": "mock", "messages": messages, "max_tokens": 64, "temperature": 0.0}


def data_urls(paths: list[Path]) -> list[str]:
    return ["data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode() for path in paths]


async def closed_loop(count: int, concurrency: int, one: Callable[[int], Awaitable[None]]) -> None:
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(worker() for _ in range(concurrency)))


async def ours(url: str, paths: list[Path], count: int, concurrency: int) -> int:
    """The whole thing: samples, media from disk, fingerprints, limits, pool, journal, progress."""
    from sightbench.client.journal import Journal
    from sightbench.client.progress import shown
    from sightbench.client.run import ask
    from sightbench.client.settings import Settings, Target
    from sightbench.sample import Sample, Text, Turn, Video

    def samples() -> Iterator[Sample]:
        for number in range(count):
            video = Video(f"v{number // QUESTIONS}", tuple(paths))
            parts = (*((video,) if paths else ()), Text(f"{QUESTION} ({number})"))
            yield Sample(f"q/{number}", "b", "t", "c", (Turn("user", parts),), max_tokens=64, order=number)

    settings = Settings(endpoints=(Target(url),), model="mock", concurrency=concurrency)
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal.open(Path(folder)) as journal,
        open(os.devnull, "w") as null,  # noqa: ASYNC230
        shown(count, null) as progress,
    ):
        outcome = await ask(samples(), settings, journal, progress=progress)
    return count - outcome.answered


async def sdk_post(url: str, paths: list[Path], count: int, concurrency: int) -> int:
    import httpx2
    import orjson

    urls = data_urls(paths)
    failed = 0
    async with sdk(url, concurrency) as client:

        async def one(number: int) -> None:
            nonlocal failed
            try:
                reply = await client.post(
                    "/chat/completions",
                    cast_to=httpx2.Response,
                    content=orjson.dumps(body(urls, number)),
                    options={"headers": {"Content-Type": "application/json"}},
                )
                assert orjson.loads(reply.content)["choices"][0]["message"]["content"] == "A"
            except Exception:
                failed += 1

        await closed_loop(count, concurrency, one)
    return failed


@contextlib.asynccontextmanager
async def sdk(url: str, concurrency: int) -> AsyncIterator[object]:
    import httpx2
    from openai import AsyncOpenAI, DefaultAioHttpClient

    transport = DefaultAioHttpClient(
        timeout=httpx2.Timeout(600, connect=60), limits=httpx2.Limits(max_connections=concurrency)
    )
    async with AsyncOpenAI(base_url=url, api_key="EMPTY", max_retries=0, http_client=transport) as client:
        yield client


async def raw_aiohttp(url: str, paths: list[Path], count: int, concurrency: int) -> int:
    import aiohttp
    import orjson

    urls = data_urls(paths)
    failed = 0
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=60)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:

        async def one(number: int) -> None:
            nonlocal failed
            try:
                async with session.post(
                    url + "/chat/completions",
                    data=orjson.dumps(body(urls, number)),
                    headers={"Content-Type": "application/json"},
                ) as reply:
                    assert orjson.loads(await reply.read())["choices"][0]["message"]["content"] == "A"
            except Exception:
                failed += 1

        await closed_loop(count, concurrency, one)
    return failed


async def stock_sdk(url: str, paths: list[Path], count: int, concurrency: int) -> int:
    from openai import AsyncOpenAI

    urls = data_urls(paths)
    failed = 0
    async with AsyncOpenAI(base_url=url, api_key="EMPTY", max_retries=0) as client:

        async def one(number: int) -> None:
            nonlocal failed
            try:
                reply = await client.chat.completions.create(**body(urls, number))
                assert reply.choices[0].message.content == "A"
            except Exception:
                failed += 1

        await closed_loop(count, concurrency, one)
    return failed


def threads(url: str, count: int, concurrency: int, make: Callable[[int], dict[str, object]]) -> int:
    import requests

    def one(number: int) -> bool:
        try:
            reply = requests.post(url + "/chat/completions", json=make(number), timeout=600)
            return bool(reply.json()["choices"][0]["message"]["content"] == "A")
        except Exception:
            return False

    with ThreadPoolExecutor(concurrency) as pool:
        return count - sum(pool.map(one, range(count)))


async def requests_threads(url: str, paths: list[Path], count: int, concurrency: int) -> int:
    urls = data_urls(paths)
    return threads(url, count, concurrency, lambda number: body(urls, number))


async def vlmevalkit_way(url: str, paths: list[Path], count: int, concurrency: int) -> int:
    """Its API path: every image decoded and re-encoded as JPEG, `requests.post`, a thread per request."""
    from PIL import Image

    def urls() -> list[str]:
        encoded = []
        for path in paths:
            out = io.BytesIO()
            Image.open(path).convert("RGB").save(out, "JPEG")
            encoded.append("data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode())
        return encoded

    return threads(url, count, concurrency, lambda number: body(urls(), number))


async def lmms_eval_way(url: str, paths: list[Path], count: int, concurrency: int) -> int:
    """Its async_openai: images as PIL objects encoded as PNG on the event loop, then `.create`."""
    from openai import AsyncOpenAI
    from PIL import Image

    failed = 0
    async with AsyncOpenAI(base_url=url, api_key="EMPTY") as client:

        async def one(number: int) -> None:
            nonlocal failed
            encoded = []
            for path in paths:
                out = io.BytesIO()
                Image.open(path).convert("RGB").save(out, "PNG")
                encoded.append("data:image/png;base64," + base64.b64encode(out.getvalue()).decode())
            try:
                await client.chat.completions.create(**body(encoded, number))
            except Exception:
                failed += 1

        await closed_loop(count, concurrency, one)
    return failed


async def inspect_ai(url: str, paths: list[Path], count: int, concurrency: int) -> int:
    """inspect_ai itself: `get_model(...).generate` on the files' bytes, without its eval log around it."""
    from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig, get_model

    config = GenerateConfig(max_connections=concurrency, max_tokens=64, temperature=0.0)
    model = get_model("openai-api/mock/mock", base_url=url, api_key="EMPTY", config=config)
    failed = 0

    async def one(number: int) -> None:
        nonlocal failed
        parts = [ContentImage(image=url) for url in data_urls(paths)]
        message = ChatMessageUser(content=[*parts, ContentText(text=f"{QUESTION} ({number})")])
        try:
            await model.generate([message])
        except Exception:
            failed += 1

    await closed_loop(count, concurrency, one)
    return failed


Stack = Callable[[str, list[Path], int, int], Awaitable[int]]

STACKS: dict[str, tuple[Stack, str, int]] = {
    "ours": (ours, "ours, everything included", 1),
    "post": (sdk_post, "openai SDK .post, bytes, aiohttp", 1),
    "aiohttp": (raw_aiohttp, "aiohttp + orjson, nothing else", 1),
    "stock": (stock_sdk, "stock AsyncOpenAI .create", 4),
    "requests": (requests_threads, "requests.post in threads", 4),
    "vlmevalkit": (vlmevalkit_way, "VLMEvalKit's way", 10),
    "lmms_eval": (lmms_eval_way, "lmms-eval's way", 100),
    "inspect_ai": (inspect_ai, "inspect_ai generate()", 10),
}
"""name -> (what runs, how it is called in the table, by how much its request count is cut)."""


def measure(options: argparse.Namespace) -> None:
    """In the process of one client: runs one stack and prints CPU, time and failures as JSON."""
    stack, _, _ = STACKS[options.stack]
    paths = sorted(Path(options.frames).iterdir()) if options.frames else []
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    async def run() -> tuple[float, float, int]:
        # Imports and connections are not what a request costs.
        await stack(options.url, paths, min(options.concurrency, options.count), options.concurrency)
        before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        failed = await stack(options.url, paths, options.count, options.concurrency)
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return cpu, time.perf_counter() - started, failed

    cpu, seconds, failed = asyncio.run(run())
    print(json.dumps({"cpu": cpu, "seconds": seconds, "failed": failed}))


def child(options: list[str], python: str = sys.executable) -> dict[str, float] | None:
    # As a module: beside this file lies one that is called as a module of the standard library is.
    command = [python, "-m", "perf.client", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    if done.returncode == 0:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    if "ModuleNotFoundError" in done.stderr:
        return None
    raise RuntimeError(f"{options}: {done.stderr[-2000:]}")


@contextlib.contextmanager
def mock(latency: float = 0.01) -> Iterator[str]:
    command = [sys.executable, str(ROOT / "perf" / "mock_server.py"), "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def table(options: argparse.Namespace) -> None:
    peers = dict(entry.split("=", 1) for entry in options.peer)
    bodies = (("small", 4000), (f"{FRAMES} frames", 2000))
    cells: dict[tuple[str, str, int], list[dict[str, float]]] = {}
    missing: set[str] = set()
    with tempfile.TemporaryDirectory() as folder, mock() as url:
        paths = frames(Path(folder))
        size = len(json.dumps(body(data_urls(paths), 0))) // 1000
        rounds = 1 if options.quick else options.rounds
        for _ in range(rounds):
            for (kind, base), concurrency in itertools.product(bodies, options.concurrency):
                for name in options.stacks:
                    count = max(base // STACKS[name][2] // (4 if options.quick else 1), 20)
                    count = max(count, min(2 * concurrency, 2000) if STACKS[name][2] <= 4 else 0)
                    arguments = [
                        "--stack", name, "--url", url, "--count", str(count), "--in-flight", str(concurrency),
                        *(["--frames", folder] if "frames" in kind else []),
                    ]  # fmt: skip
                    result = None if name in missing else child(arguments, peers.get(name, sys.executable))
                    if result is None:
                        missing.add(name)
                        continue
                    cells.setdefault((name, kind, concurrency), []).append({**result, "count": count})
    print(f"{rounds} rounds; '{FRAMES} frames' is {size} KB of JSON; load {os.getloadavg()[0]:.1f}")
    print("| client | body | in flight | CPU ms/request | x post | requests/s | failed |")
    print("|---|---|---|---|---|---|---|")
    for (kind, _), concurrency in itertools.product(bodies, options.concurrency):
        reference = cost(cells.get(("post", kind, concurrency)))
        for name in options.stacks:
            if results := cells.get((name, kind, concurrency)):
                speed = statistics.median(result["count"] / result["seconds"] for result in results)
                ratio = f"{cost(results) / reference:.2f}" if reference else "-"
                failed = max(int(result["failed"]) for result in results)
                print(
                    f"| {STACKS[name][1]} | {kind} | {concurrency} | {cost(results):.3f} | {ratio} | "
                    f"{speed:.0f} | {failed} |"
                )
    for name in sorted(missing):
        print(f"not installed here, left out: {STACKS[name][1]}")


def cost(results: list[dict[str, float]] | None) -> float:
    """Median CPU milliseconds per request; 0 when there is nothing."""
    if not results:
        return 0.0
    return statistics.median(1000 * result["cpu"] / result["count"] for result in results)


def memory(options: argparse.Namespace) -> None:
    """Resident memory while `ours` asks: with frames at 1,024 in flight, every video another one; and over
    a million small samples."""
    with tempfile.TemporaryDirectory() as folder, mock(latency=0.5) as slow:
        paths = frames(Path(folder))
        series = asyncio.run(resident(slow, paths, 3000 if options.quick else 12_000, 1024))
        print(f"8 frames, 1,024 in flight, a new video every question, MB over time: {series}")
    with mock(latency=0.001) as url:
        count = 100_000 if options.quick else 1_000_000
        series = asyncio.run(resident(url, [], count, 256))
        print(f"{count:,} small samples, 256 in flight, MB over time: {series}")


async def resident(url: str, paths: list[Path], count: int, concurrency: int) -> list[int]:
    from sightbench.client.journal import Journal
    from sightbench.client.run import ask
    from sightbench.client.settings import Settings, Target
    from sightbench.sample import Sample, Text, Turn, Video

    def samples() -> Iterator[Sample]:
        for number in range(count):
            parts = (*((Video(f"v{number}", tuple(paths)),) if paths else ()), Text(f"{QUESTION} {number}"))
            yield Sample(f"q/{number}", "b", "t", "c", (Turn("user", parts),), order=number)

    settings = Settings(endpoints=(Target(url),), model="mock", concurrency=concurrency)
    series: list[int] = []

    async def look() -> None:
        page = resource.getpagesize()
        while True:
            pages = int(Path("/proc/self/statm").read_text().split()[1])  # noqa: ASYNC240
            series.append(pages * page // 2**20)
            await asyncio.sleep(0.25)

    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder)) as journal:
        task = asyncio.create_task(look())
        outcome = await ask(samples(), settings, journal)
        task.cancel()
    assert outcome.answered == count, outcome
    step = max(1, len(series) // 16)
    return [*series[::step], max(series)]


def startup() -> None:
    seconds = []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run([sys.executable, "bench.py", "--help"], cwd=ROOT, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    print(f"bench.py --help: {statistics.median(seconds):.3f} s (median of 7, fastest {min(seconds):.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--stacks", nargs="+", default=list(STACKS), choices=list(STACKS))
    parser.add_argument("--peer", nargs="*", default=[], metavar="STACK=PYTHON", help="another interpreter")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--startup", action="store_true")
    for hidden in ("--stack", "--url", "--frames"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--in-flight", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stack:
        options.concurrency = options.in_flight
        measure(options)
    elif options.memory:
        memory(options)
    elif options.startup:
        startup()
    else:
        table(options)


if __name__ == "__main__":
    main()
