"""What goes over the wire: the files' own bytes, every parameter explicit, one fingerprint per question."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI
from PIL import Image as Pillow

from sightbench.client.body import Body, Template, build, elided
from sightbench.client.frames import sampled
from sightbench.client.media import MediaCache, MediaError, Plan, encode
from sightbench.client.probe import ServerInfo
from sightbench.client.providers import PROVIDERS, provider
from sightbench.client.run import preview, settle
from sightbench.client.settings import Settings
from sightbench.errors import UsageError
from sightbench.families import Family, named
from sightbench.sample import Image, Media, Sample, Slice, Text, Turn, Video
from tests.client.samples import about, picture, run, text, to
from tests.faults.server import serving


def jpeg(path: Path, color: int = 0, size: tuple[int, int] = (32, 24), kind: str = "JPEG") -> Path:
    Pillow.new("RGB", size, (color, 90, 10)).save(path, kind)
    return path


@pytest.fixture
def video(tmp_path: Path) -> Video:
    return Video("v", tuple(jpeg(tmp_path / f"{i}.jpg", i * 20) for i in range(6)), fps=12.0)


async def made(sample: Sample, settings: Settings | None = None, family: Family | None = None) -> Body:
    settings = settings or to("http://x")
    template = Template(settings, provider(settings.provider), family or Family())
    cache = MediaCache(template.plan)
    try:
        return await build(template, cache, sample)
    finally:
        cache.close()


def as_json(body: Body) -> Any:
    data = b"".join(body.fragments)
    assert len(data) == body.size
    return json.loads(data)


def stored(media: Media) -> bytes:
    assert isinstance(media, Path)
    return media.read_bytes()


def replaced(media: Media, data: bytes) -> None:
    assert isinstance(media, Path)
    media.write_bytes(data)


def data_of(part: Any) -> bytes:
    return base64.b64decode(part["image_url"]["url"].partition("base64,")[2])


async def test_frames_go_as_images_with_the_files_own_bytes_before_the_question(video: Video) -> None:
    body = await made(about(video, "a", "Where?"))
    (message,) = as_json(body)["messages"]
    assert [part["type"] for part in message["content"]] == ["image_url"] * 6 + ["text"]
    frames = [stored(frame) for frame in video.frames]
    assert [data_of(part) for part in message["content"][:6]] == frames
    assert message["content"][0]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    (media,) = body.sent.media
    digests = "".join(hashlib.sha256(frame).hexdigest() for frame in frames)
    assert (media.count, media.sha256) == (6, hashlib.sha256(digests.encode()).hexdigest())


async def test_frames_go_as_one_video_and_none_is_dropped(video: Video) -> None:
    body = as_json(await made(about(video, "a"), to("http://x", mode="video", provider="vllm", frames=3)))
    part = body["messages"][0]["content"][0]
    kind, _, data = part["video_url"]["url"].partition(";base64,")
    assert kind == "data:video/jpeg"
    sent = [base64.b64decode(frame) for frame in data.split(",")]
    assert sent == [stored(video.frames[i]) for i in (0, 3, 5)]
    assert body["media_io_kwargs"]["video"] == {
        "num_frames": -1, "frames_indices": [0, 3, 5], "total_num_frames": 6, "fps": 12.0, "duration": 0.5,
    }  # fmt: skip
    assert len(part["uuid"]) == 32


async def test_local_files_go_by_name_when_asked(video: Video, tmp_path: Path) -> None:
    body = as_json(await made(about(video, "a"), to("http://x", mode="file")))
    assert body["messages"][0]["content"][0]["image_url"]["url"] == (tmp_path / "0.jpg").as_uri()


async def test_masks_are_asked_for_with_every_frame_untouched_whatever_else_is_set(video: Video) -> None:
    settings = to("http://x", mode="video", frames=2, max_pixels=100, provider="vllm")
    body = as_json(await made(about(video, "a", wants="masks"), settings))
    assert body["mask_options"] == {"return_masks": True}
    parts = body["messages"][0]["content"]
    assert [data_of(part) for part in parts[:-1]] == [stored(frame) for frame in video.frames]


async def test_an_endpoint_that_segments_may_be_told_not_to_for_text(video: Video) -> None:
    sample = about(video, "a")
    plain, told = await made(sample), await made(sample, to("http://x", text_mask_options=True))
    assert "mask_options" not in as_json(plain)
    assert as_json(told)["mask_options"] == {"return_masks": False}
    assert plain.fingerprint != told.fingerprint
    masks = await made(replace(sample, wants="masks"), to("http://x", text_mask_options=True))
    assert as_json(masks)["mask_options"] == {"return_masks": True}


async def test_every_sampling_parameter_is_sent_and_extra_ones_pass_through(tmp_path: Path) -> None:
    settings = to("http://x", provider="vllm", seed=3, top_k=5, extra_body={"top_p": 0.5, "chat": {"a": 1}})
    body = as_json(await made(text("a", max_tokens=9), settings))
    assert {key: value for key, value in body.items() if key != "messages"} == {
        "model": "tiny", "max_tokens": 9, "temperature": 0.0, "top_p": 0.5, "top_k": 5, "min_p": 0.0,
        "repetition_penalty": 1.0, "seed": 3, "chat": {"a": 1},
    }  # fmt: skip
    assert as_json(await made(text("a", max_tokens=9), replace(settings, max_tokens=4)))["max_tokens"] == 4


async def test_a_family_says_what_a_sample_leaves_open(video: Video) -> None:
    family = Family(system="You see.", suffix=" Think.", max_frames=2, max_tokens=77)
    body = as_json(await made(about(video, "a", "Where?"), family=family))
    system, user = body["messages"]
    assert system == {"role": "system", "content": "You see."}
    assert [part["type"] for part in user["content"]] == ["image_url", "image_url", "text", "text"]
    assert body["max_tokens"] == 77


async def test_the_fingerprint_is_of_the_question_not_of_the_way_it_is_sent(video: Video) -> None:
    base = await made(about(video, "a"), to("http://one"))
    again = await made(about(video, "b"), to("http://two", concurrency=3, timeout=9.0, api_key="k"))
    assert base.fingerprint == again.fingerprint
    replaced(video.frames[2], stored(video.frames[3]))
    different = [
        await made(about(video, "a"), to("http://one")),
        await made(about(video, "a", "Other?"), to("http://one")),
        await made(about(video, "a"), to("http://one", model="other")),
        await made(about(video, "a"), to("http://one", temperature=0.5)),
        await made(about(video, "a"), to("http://one", frames=4)),
        await made(about(video, "a"), to("http://one", mode="video")),
        await made(about(replace(video, fps=6.0), "a"), to("http://one", mode="video")),
        await made(about(video, "a", wants="masks"), to("http://one")),
    ]
    assert len({base.fingerprint, *(body.fingerprint for body in different)}) == 1 + len(different)


async def test_media_inside_other_files_are_read_when_sent(tmp_path: Path) -> None:
    image = jpeg(tmp_path / "a.jpg").read_bytes()
    table = tmp_path / "t.tsv"
    table.write_bytes(b"id\t" + base64.b64encode(image) + b"\n" + image)
    cell = Slice(table, 3, len(base64.b64encode(image)), "base64")
    raw = Slice(table, table.stat().st_size - len(image), len(image))
    for media in (cell, raw, image):
        body = as_json(await made(Sample("a", "b", "t", "c", (Turn("user", (Image(media),)),))))
        assert data_of(body["messages"][0]["content"][0]) == image


async def test_images_are_made_smaller_only_beyond_max_pixels_and_it_is_recorded(tmp_path: Path) -> None:
    small, large = jpeg(tmp_path / "s.jpg"), jpeg(tmp_path / "l.png", size=(200, 100), kind="PNG")
    settings = to("http://x", max_pixels=5000)
    body = await made(picture("a", small), settings)
    assert data_of(as_json(body)["messages"][0]["content"][0]) == small.read_bytes()
    assert not body.sent.media[0].resized
    body = await made(picture("a", large), settings)
    with Pillow.open(io.BytesIO(data_of(as_json(body)["messages"][0]["content"][0]))) as sent:
        assert sent.size == (100, 50) and sent.format == "PNG"
    assert body.sent.media[0].resized == ((100, 50),)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot read .*missing.jpg: No such file"), (b"<html>", "missing.jpg is not a JPEG")],
)
async def test_a_file_that_is_missing_or_no_image_is_an_error_before_anything_is_sent(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "missing.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=words):
        await made(picture("a", path))
    async with serving() as server:
        outcome, replies = await run(tmp_path / "run", to(server.url), [picture("a", path), text("b")])
        assert (outcome.answered, outcome.failed, server.count) == (1, 1, 1)
    assert replies["a"].error is not None and replies["a"].error.kind == "media"


async def test_media_are_encoded_once_for_all_questions(
    video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (reads.append(path), read(path))[1])
    cache = MediaCache(Template(to("http://x"), provider("generic"), Family()).plan)
    template = Template(to("http://x"), provider("generic"), Family())
    bodies = await asyncio.gather(*(build(template, cache, about(video, str(i), str(i))) for i in range(20)))
    cache.close()
    assert len(reads) == 6
    assert len({id(body.fragments[2]) for body in bodies}) == 1


async def test_the_cache_forgets_what_was_used_longest_ago(video: Video) -> None:
    template = Template(to("http://x"), provider("generic"), Family())
    cache = MediaCache(template.plan, max_bytes=1000)
    one, two = Image(video.frames[0]), Image(video.frames[1])
    first = await cache.get(one)
    assert await cache.get(one) is first
    await cache.get(two)
    assert await cache.get(one) is not first
    cache.close()


async def test_preview_shows_the_request_without_its_pixels(video: Video) -> None:
    shown, size = await preview(about(video, "a", "Where?"), to("http://x"))
    assert "characters>" in shown["messages"][0]["content"][0]["image_url"]["url"]
    assert shown["messages"][0]["content"][-1]["text"] == "Where?"
    assert size > 6 * 600 > len(json.dumps(shown))
    assert elided(await made(text("t", "Hi")))["messages"] == [{"role": "user", "content": "Hi"}]


async def test_the_request_is_the_one_the_openai_sdk_would_send(video: Video, tmp_path: Path) -> None:
    sample = about(video, "a", "Where?")
    async with serving() as server:
        await run(tmp_path / "run", to(server.url, api_key="sk-1234567890", seed=1), [sample])
        ours = server.requests[0]
        body = ours.json
        async with AsyncOpenAI(base_url=server.url, api_key="sk-1234567890") as sdk:
            await sdk.chat.completions.create(**body)
        theirs = server.requests[1]
    assert (ours.method, ours.path, body) == (theirs.method, theirs.path, theirs.json)
    for header in ("authorization", "content-type"):
        assert ours.headers[header] == theirs.headers[header]


@given(st.integers(1, 300), st.integers(1, 64))
def test_sampled_frames_are_spread_and_in_order(total: int, frames: int) -> None:
    indices = list(sampled(total, None, frames, None))
    assert len(indices) == min(total, frames)
    assert indices == sorted(set(indices)) and indices[0] >= 0 and indices[-1] < total
    if frames > 1:
        assert (indices[0], indices[-1]) == (0, total - 1)
        gaps = {b - a for a, b in pairwise(indices)}
        assert not gaps or max(gaps) - min(gaps) <= 1


def test_frames_are_taken_at_the_rate_asked_for() -> None:
    assert list(sampled(24, 12.0, None, 4.0)) == [0, 3, 6, 9, 12, 15, 18, 21]
    assert list(sampled(24, None, None, 4.0)) == list(range(24))
    assert list(sampled(24, 2.0, None, 4.0)) == list(range(24))


def write_mp4(path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed (the [video] extra)")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 48
        for index in range(20):
            frame = av.VideoFrame.from_image(Pillow.new("RGB", (64, 48), (index * 12, 0, 0)))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


async def test_frames_are_taken_out_of_an_mp4_and_said_so(tmp_path: Path) -> None:
    write_mp4(tmp_path / "v.mp4")
    sample = about(Video("v", file=tmp_path / "v.mp4", span=(0.5, 1.5)), "a")
    body = await made(sample, to("http://x", frames=4))
    parts = as_json(body)["messages"][0]["content"]
    assert len(parts) == 5
    reds = []
    for part in parts[:4]:
        with Pillow.open(io.BytesIO(data_of(part))) as frame:
            pixel = frame.getpixel((30, 20))
            assert isinstance(pixel, tuple)
            reds.append(pixel[0])
    assert reds == sorted(reds) and abs(reds[0] - 60) < 20 and abs(reds[-1] - 168) < 20
    media = body.sent.media[0]
    assert (media.indices, media.of, media.decoded) == ((0, 3, 6, 9), 10, True)


INFO = ServerInfo("x", engine="vllm", model="m", root="/models/Qwen2.5-VL-7B-Instruct", frame_lists=True)


def test_settings_follow_the_server_and_the_family() -> None:
    settled = settle(to("http://x"), INFO)
    assert (settled.provider, settled.mode, settled.family) == ("vllm", "video", "qwen2.5-vl")
    assert settle(to("http://x"), replace(INFO, frame_lists=False)).mode == "images"
    assert settle(to("http://x"), replace(INFO, engine="sglang")).mode == "images"
    assert settle(to("http://x"), INFO, mode="images").mode == "images"
    assert settle(to("http://x"), replace(INFO, root=None)).family == "default"
    assert settle(to("http://x", model=""), INFO).model == "m"
    adapter = replace(INFO, root="/out/lora_a_step5", base="/models/Qwen2.5-VL-7B-Instruct")
    assert settle(to("http://x"), adapter).family == "qwen2.5-vl", "asked as the model under it is asked"


def test_every_provider_has_its_own_name() -> None:
    assert len({entry.name for entry in PROVIDERS}) == len(PROVIDERS)


async def test_text_beside_text_is_one_string_and_odd_characters_survive() -> None:
    odd = 'a "quoted" \\ line\nß 😀 \u2028'
    sample = Sample("a", "b", "t", "c", (Turn("system", (Text("S"),)), Turn("user", (Text(odd), Text("!")))))
    assert as_json(await made(sample))["messages"] == [
        {"role": "system", "content": "S"},
        {"role": "user", "content": odd + "!"},
    ]


async def test_frames_are_labelled_and_timed_as_a_family_wants(video: Video) -> None:
    family = Family(frame_label="Frame{}: ", fps=24.0)
    content = as_json(await made(about(video, "a", "Where?"), family=family))["messages"][0]["content"]
    assert [part["text"] for part in content if part["type"] == "text"] == [
        *(f"Frame{number}: " for number in range(1, 7)),
        "Where?",
    ]
    assert [part["type"] for part in content[:4]] == ["text", "image_url"] * 2
    plain = await made(about(video, "a", "Where?"))
    assert (await made(about(video, "a", "Where?"), family=family)).fingerprint != plain.fingerprint
    masks = as_json(await made(replace(about(video, "a", "Where?"), wants="masks"), family=family))
    assert sum(part["type"] == "text" for part in masks["messages"][0]["content"]) == 1
    timed = as_json(await made(about(video, "a"), to("http://x", mode="video"), family))
    assert timed["media_io_kwargs"]["video"]["fps"] == 12.0
    untimed = as_json(await made(about(replace(video, fps=None), "a"), to("http://x", mode="video"), family))
    assert untimed["media_io_kwargs"]["video"] == {
        "num_frames": -1, "frames_indices": [*range(6)], "total_num_frames": 6, "fps": 24.0, "duration": 0.25,
    }  # fmt: skip


async def test_a_family_that_reasons_gets_room_for_it() -> None:
    thinks = Family(answer="after_think", max_tokens=512)
    assert as_json(await made(text("a", max_tokens=9), family=thinks))["max_tokens"] == 512
    assert as_json(await made(text("a", max_tokens=900), family=thinks))["max_tokens"] == 900
    given = to("http://x", max_tokens=7)
    assert as_json(await made(text("a", max_tokens=9), given, thinks))["max_tokens"] == 7


@pytest.mark.parametrize(("span", "indices"), [((0.5, 1.5), [1, 3, 6, 9]), (None, [2, 7, 12, 16])])
def test_a_benchmarks_own_number_of_frames_is_taken_from_a_file(
    span: tuple[float, float] | None, indices: list[int], tmp_path: Path
) -> None:
    """One from the middle of each of four parts; what the run asks for goes before it."""
    write_mp4(tmp_path / "v.mp4")
    part = Video("v", file=tmp_path / "v.mp4", span=span, segments=4)
    assert encode(part, Plan()).sent.indices == tuple(indices)
    assert encode(part, Plan(frames=2)).sent.count == 2


SPEAKING = Family(system="Think.", suffix=" Answer in brackets.")


@pytest.mark.parametrize(
    ("said", "system", "question"),
    [
        ({}, "Think.", "Which? Answer in brackets."),
        ({"system": "Be brief."}, "Be brief.", "Which? Answer in brackets."),
        ({"system": ""}, None, "Which? Answer in brackets."),
        ({"suffix": "One word."}, "Think.", "Which?\nOne word."),
        ({"suffix": ""}, "Think.", "Which?"),
    ],
)
async def test_what_the_run_says_goes_before_what_the_family_says(said, system, question) -> None:
    body = await made(text("a"), to("http://x", **said), SPEAKING)
    wanted = [] if system is None else [{"role": "system", "content": system}]
    assert as_json(body)["messages"] == [*wanted, {"role": "user", "content": question}]
    plain = await made(text("a"), None, SPEAKING)
    assert (body.fingerprint == plain.fingerprint) == (not said)


async def test_a_runs_system_prompt_takes_the_place_of_a_benchmarks_own() -> None:
    own = replace(text("a"), turns=(Turn("system", (Text("You are in a room."),)), *text("a").turns))
    (system, _) = as_json(await made(own, to("http://x", system="Be brief.")))["messages"]
    assert system == {"role": "system", "content": "Be brief."}


async def test_what_wants_masks_goes_out_as_it_is(video: Video) -> None:
    wanted = about(video, "a", "Please segment it.", wants="masks")
    told = to("http://x", system="Be brief.", suffix="One word.", detail="low", min_pixels=10**6)
    assert (await made(wanted, told)).fingerprint == (await made(wanted)).fingerprint


async def test_detail_stands_in_every_image_and_makes_another_request(tmp_path: Path) -> None:
    sample = picture("a", jpeg(tmp_path / "a.jpg"))
    low = await made(sample, to("http://x", detail="low"))
    assert as_json(low)["messages"][0]["content"][0]["image_url"]["detail"] == "low"
    assert len({low.fingerprint, (await made(sample)).fingerprint}) == 2
    responses = await made(sample, to("http://x", detail="high", provider="openai-responses"))
    assert as_json(responses)["input"][0]["content"][0]["detail"] == "high"
    with pytest.raises(UsageError, match="anthropic's API has no such thing"):
        settle(to("https://api.anthropic.com", detail="low"), ServerInfo("x", model="m"))
    with pytest.raises(UsageError, match="openai's API has low, high, auto"):
        settle(to("https://api.openai.com/v1", detail="medium"), ServerInfo("x", model="m"))
    gemini = await made(sample, to("http://x", detail="medium", provider="gemini"))
    assert as_json(gemini)["generationConfig"]["mediaResolution"] == "MEDIA_RESOLUTION_MEDIUM"


async def test_small_images_are_enlarged_to_the_least_pixels(tmp_path: Path) -> None:
    small, large = jpeg(tmp_path / "a.jpg"), jpeg(tmp_path / "b.jpg", size=(200, 100))
    told = to("http://x", min_pixels=3072, max_pixels=10_000)
    sizes = []
    for path in (small, large):
        body = await made(picture("a", path), told)
        with Pillow.open(io.BytesIO(data_of(as_json(body)["messages"][0]["content"][0]))) as image:
            sizes.append(image.size)
    assert sizes == [(64, 48), (141, 70)]


async def test_internvl_35_thinks_only_when_it_is_told_to() -> None:
    thinking, plain = named("internvl-thinking"), named("internvl")
    body = as_json(await made(text("a", max_tokens=10), None, thinking))
    assert body["max_tokens"] == 32768
    assert "within <think> and </think> tags.\n\n2. After" in body["messages"][0]["content"]
    assert as_json(await made(text("a", max_tokens=10), None, plain))["max_tokens"] == 10
    assert settle(to("http://x", family="internvl-thinking"), ServerInfo("x")).family == "internvl-thinking"
