"""The loop: resume by fingerprint, conversations in sequence, videos together, budgets kept."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.client.journal import Journal
from sightbench.client.order import by_video, mine, shard_of, units
from sightbench.client.progress import Progress, line, shown
from sightbench.client.run import ask
from sightbench.sample import Sample, Text, Turn, Video
from tests.client.samples import about, picture, run, text, texts, to
from tests.faults.server import Request, Response, completion, error, healthy, serving
from tests.paths import ROOT


async def test_a_run_is_continued_by_what_was_asked_never_by_position(tmp_path: Path) -> None:
    async with serving() as server:
        first, _ = await run(tmp_path, to(server.url), texts(50))
        shuffled = list(texts(80))
        random.Random(1).shuffle(shuffled)
        second, replies = await run(tmp_path, to(server.url), shuffled)
        assert (first.answered, second.kept, second.answered) == (50, 50, 30)
        third, _ = await run(tmp_path, to(server.url, temperature=0.7), texts(80))
        assert (third.kept, third.answered) == (0, 80)
    assert len(replies) == 80


async def test_errors_are_asked_again_by_the_next_run(tmp_path: Path) -> None:
    async with serving(lambda request, number: error(400)) as server:
        first, _ = await run(tmp_path, to(server.url), texts(5))
        server.script = healthy
        second, replies = await run(tmp_path, to(server.url), texts(5))
    assert (first.failed, second.answered, second.kept) == (5, 5, 0)
    assert all(reply.status == "ok" for reply in replies.values())


async def test_an_answer_to_an_earlier_question_is_none_once_the_present_one_has_failed(
    tmp_path: Path,
) -> None:
    async with serving() as server:
        _, first = await run(tmp_path, to(server.url), [text("a", "the frames as they were")])
        server.script = lambda request, number: error(400)
        outcome, second = await run(tmp_path, to(server.url), [text("a", "the frames as they are")])
        assert (first["a"].status, second["a"].status, outcome.failed) == ("ok", "error", 1)
        server.script = healthy
        outcome, third = await run(tmp_path, to(server.url), [text("a", "the frames as they are")])
    assert third["a"].status == "ok" and third["a"].fingerprint == second["a"].fingerprint


async def test_a_file_that_cannot_be_read_for_once_costs_no_answer(tmp_path: Path) -> None:
    """A disk that is away tells nothing of the request: the answer is there when it is back."""
    image = frame(tmp_path)
    sample = picture("a", image)
    async with serving() as server:
        await run(tmp_path / "run", to(server.url), [sample])
        away = image.rename(tmp_path / "away")
        _, without = await run(tmp_path / "run", to(server.url), [sample])
        away.rename(image)
        outcome, _ = await run(tmp_path / "run", to(server.url), [sample])
    assert without["a"].status == "ok" and (outcome.kept, outcome.asked) == (1, 0)


def conversation(length: int, name: str = "talk") -> list[Sample]:
    return [
        text(f"{name}/{i}", f"{name} turn {i}", follows=f"{name}/{i - 1}" if i else None, group=name)
        for i in range(length)
    ]


async def test_a_conversation_is_asked_in_sequence_with_its_history(tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        return Response(body=completion(f"answer to {request.json['messages'][-1]['content']}"))

    talks = [*conversation(4, "one"), *conversation(3, "two")]
    async with serving(script) as server:
        outcome, _ = await run(tmp_path, to(server.url), talks)
        sent = [request.json["messages"] for request in server.requests]
    assert outcome.answered == 7
    last = max((messages for messages in sent if "one" in messages[0]["content"]), key=len)
    assert [(message["role"], message["content"]) for message in last] == [
        ("user", "one turn 0"), ("assistant", "answer to one turn 0"),
        ("user", "one turn 1"), ("assistant", "answer to one turn 1"),
        ("user", "one turn 2"), ("assistant", "answer to one turn 2"),
        ("user", "one turn 3"),
    ]  # fmt: skip


async def test_a_conversation_breaks_at_a_failed_turn_and_is_continued_there(tmp_path: Path) -> None:
    def script(request: Request, number: int) -> Response:
        return (
            error(400) if request.json["messages"][-1]["content"].endswith("turn 1") else healthy(request, 0)
        )

    async with serving(script) as server:
        outcome, replies = await run(tmp_path, to(server.url), conversation(4))
        assert (outcome.answered, outcome.failed, server.count) == (1, 3, 2)
        kinds = [replies[f"talk/{i}"].error for i in range(4)]
        assert [None if error is None else error.kind for error in kinds] == [
            None, "bad_request", "conversation_broken", "conversation_broken",
        ]  # fmt: skip
        server.script = healthy
        again, _ = await run(tmp_path, to(server.url), conversation(4))
    assert (again.kept, again.answered, server.count) == (1, 3, 5)


async def test_another_answer_early_on_makes_the_rest_another_question(tmp_path: Path) -> None:
    async with serving(lambda request, number: Response(body=completion("A"))) as server:
        await run(tmp_path / "a", to(server.url), conversation(3))
        server.script = lambda request, number: Response(body=completion("B"))
        _, one = await run(tmp_path / "a", to(server.url), conversation(3))
        _, two = await run(tmp_path / "b", to(server.url), conversation(3))
    assert one["talk/0"].fingerprint == two["talk/0"].fingerprint
    assert one["talk/2"].fingerprint != two["talk/2"].fingerprint


async def test_a_turn_without_what_comes_before_is_an_error(tmp_path: Path) -> None:
    async with serving() as server:
        outcome, replies = await run(tmp_path, to(server.url), conversation(3)[1:])
    assert (outcome.failed, server.count) == (2, 0)
    assert replies["talk/1"].error is not None and "talk/0" in replies["talk/1"].error.message


def frame(tmp_path: Path) -> Path:
    path = tmp_path / "f.gif"
    path.write_bytes(b"GIF89a")
    return path


async def test_questions_about_one_video_are_asked_together(tmp_path: Path) -> None:
    media = (frame(tmp_path),)
    samples = [about(Video(f"v{v}", media), f"{v}/{q}", f"video {v}") for q in range(7) for v in range(12)]
    async with serving() as server:
        outcome, _ = await run(tmp_path / "run", to(server.url, concurrency=1), samples)
        order = [request.json["messages"][0]["content"][-1]["text"] for request in server.requests]
    assert outcome.answered == 84
    assert [name for name, _ in itertools.groupby(order)] == [f"video {v}" for v in range(12)]


samples_strategy = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3)), max_size=40)


@given(samples_strategy, st.integers(0, 20), st.integers(1, 4))
def test_ordering_and_sharding_lose_and_double_nothing(
    shape: list[tuple[int, int]], lookahead: int, shards: int
) -> None:
    samples: list[Sample] = []
    for number, (video, length) in enumerate(shape):
        for turn in range(length):
            before = f"{number}/{turn - 1}" if turn else None
            turns = (Turn("user", (Video(f"v{video}"), Text("q"))),)
            samples.append(Sample(f"{number}/{turn}", "b", "t", "c", turns, follows=before))
    ordered = list(by_video(units(samples), lookahead))
    assert sorted(s.id for unit in ordered for s in unit) == sorted(s.id for s in samples)
    for unit in ordered:
        assert [s.id for s in unit] == [f"{unit[0].id.split('/')[0]}/{i}" for i in range(len(unit))]
    if lookahead == 20 and len(samples) <= 20:
        assert len(list(itertools.groupby(ordered, key=lambda unit: unit[0].affinity))) == len(
            {s.affinity for s in samples}
        )
    parts = [list(mine(units(samples), (index, shards))) for index in range(shards)]
    assert sorted(s.id for part in parts for unit in part for s in unit) == sorted(s.id for s in samples)
    homes = [{unit[0].affinity for unit in part} for part in parts]
    assert sum(map(len, homes)) == len(set().union(*homes))


def test_reading_ahead_is_bounded() -> None:
    pulled = 0

    def endless() -> Iterator[Sample]:
        nonlocal pulled
        for index in itertools.count():
            pulled += 1
            yield text(str(index), group=f"g{index % 7}")

    ordered = by_video(units(endless()), 100)
    next(ordered)
    assert pulled <= 103


def test_shards_are_even() -> None:
    homes = [shard_of(f"video {index}", 8) for index in range(8000)]
    assert all(850 < homes.count(shard) < 1150 for shard in range(8))


async def test_shards_ask_every_sample_once(tmp_path: Path) -> None:
    async with serving() as server:
        outcomes = [
            (await run(tmp_path / str(i), to(server.url, shard=(i, 3)), texts(100)))[0].answered
            for i in range(3)
        ]
    assert sum(outcomes) == 100 == server.count and min(outcomes) > 10


async def test_a_deadline_ends_the_run_and_keeps_what_it_has(tmp_path: Path) -> None:
    async with serving(lambda request, number: Response(body=completion(), delay=0.05)) as server:
        outcome, replies = await run(tmp_path, to(server.url, deadline=1.5), texts(100_000))
    assert outcome.stopped is not None and "deadline of 1.5 s" in outcome.stopped
    assert 0 < outcome.answered == len(replies) < 10_000


async def test_a_token_budget_ends_the_run(tmp_path: Path) -> None:
    async with serving() as server:
        outcome, _ = await run(tmp_path, to(server.url, max_tokens_total=1200, concurrency=4), texts(5000))
    assert outcome.stopped is not None and "1200 tokens" in outcome.stopped
    assert 100 <= outcome.answered <= 104


async def test_requests_per_minute_are_kept_with_many_workers(tmp_path: Path) -> None:
    async with serving() as server:
        outcome, _ = await run(tmp_path, to(server.url, rpm=3000, concurrency=64), texts(60))
    assert outcome.answered == 60
    assert outcome.seconds >= 0.9


async def test_progress_is_told_a_few_times_a_second_whatever_the_speed(tmp_path: Path) -> None:
    seen: list[Progress] = []
    async with serving() as server:
        outcome, _ = await run(tmp_path, to(server.url), texts(2000), seen)
    assert len(seen) <= 2 + outcome.seconds / 0.2
    assert (seen[-1].answered, seen[-1].in_flight) == (2000, 0)


async def test_a_run_whose_output_nobody_reads_ends(tmp_path: Path) -> None:
    def closed(counts: Progress) -> None:
        raise BrokenPipeError

    async with serving(lambda request, number: Response(body=completion(), delay=0.02)) as server:
        with Journal.open(tmp_path) as journal:
            outcome = await ask(texts(100_000), to(server.url), journal, progress=closed)
            assert outcome.answered == len(journal.index())
    assert outcome.stopped == "nobody reads the progress any more" and outcome.seconds < 15


def test_the_progress_line_says_what_matters() -> None:
    counts = Progress(started=100.0, kept=10, answered=35, failed=5, retries=2, in_flight=8, tokens=4000)
    assert line(counts, 100, now=120.0) == (
        "50/100 · 2.0/s · 200 tokens/s · 8 in flight · 5 failed · 10 kept · 2 retries · 0:25 left"
    )


def test_a_log_file_gets_plain_lines_now_and_then(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file, shown(4, file) as show:
        for done in range(1000):
            show(Progress(answered=done))
    assert (tmp_path / "log").read_text().count("\n") == 1


@pytest.mark.parametrize(
    "modules",
    ["sightbench.sample", "sightbench.errors", "sightbench.client.settings", "sightbench.client.run"],
)
def test_nothing_heavy_is_imported_before_it_is_needed(modules: str) -> None:
    heavy = {"openai", "PIL", "numpy", "rich", "av", "yaml", "httpx", "pydantic"}
    if modules != "sightbench.client.run":
        heavy |= {"aiohttp", "orjson", "asyncio"}
    code = f"import sys, {modules}; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.strip() == ""


async def test_masks_travel_as_they_came(tmp_path: Path) -> None:
    masks = [{"object_id": 0, "size": [2, 2], "rles": [{"size": [2, 2], "counts": "04"}, None]}]
    async with serving(lambda request, number: Response(body=completion("[SEG]", masks=masks))) as server:
        sample = about(Video("v", (frame(tmp_path),)), "a", wants="masks")
        _, replies = await run(tmp_path / "run", to(server.url), [sample])
        assert json.loads(server.requests[0].body)["mask_options"] == {"return_masks": True}
    assert replies["a"].masks is not None and replies["a"].masks.objects() == masks
