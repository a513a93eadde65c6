"""Control conditions: what each takes away, what it leaves alone, and which samples it leaves out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sightbench.client.media import read
from sightbench.errors import UsageError
from sightbench.sample import Image, Sample, Text, Turn, Video
from sightbench.tasks import catalog
from sightbench.tasks.controls import CONTROLS, control
from tests.tasks import formats
from tests.tasks.formats import picture

QUESTION = "What is it?\nA. cat\nB. dog\nC. cow\nAnswer with the letter."


def question(id: str, video: str, text: str = QUESTION, frames: int = 5, **more: object) -> Sample:
    shown = Video(video, tuple(picture(at + 10 * len(video)) for at in range(frames)))
    choices = {"A": "cat", "B": "dog", "C": "cow"}
    given: dict[str, object] = {"gold": "B", "meta": {"choices": choices}, **more}
    return Sample(id, "b", "qa", "c", (Turn("user", (shown, Text(text))),), **given)  # type: ignore[arg-type]


def under(name: str, *samples: Sample) -> list[Sample]:
    return list(control(name).of(lambda: iter(samples), 0))


def frames(sample: Sample) -> tuple[object, ...]:
    return next(part.frames for part in sample.turns[0].parts if isinstance(part, Video))


def text(sample: Sample) -> str:
    return "".join(part.text for part in sample.turns[0].parts if isinstance(part, Text))


@pytest.mark.parametrize("name", [one.name for one in CONTROLS])
def test_each_is_repeatable_keeps_the_video_as_the_cluster_and_leaves_masks_out(name: str) -> None:
    samples = [
        question("1", "a"),
        question("2", "a"),
        question("3", "bb"),
        question("4", "bb", wants="masks"),
    ]
    one, two = under(name, *samples), under(name, *samples)
    assert one == two and one
    assert {sample.affinity for sample in one} == {"a", "bb"}
    assert not [sample for sample in one if sample.wants == "masks"]


def test_what_is_taken_away() -> None:
    sample = question("1", "a")
    before = frames(sample)
    assert [type(part) for part in under("blind", sample)[0].turns[0].parts] == [Text]
    assert frames(under("first-frame", sample)[0]) == before[:1]
    assert frames(under("middle-frame", sample)[0]) == before[2:3]
    assert frames(under("reversed", sample)[0]) == before[::-1]
    shuffled = frames(under("shuffled", sample)[0])
    assert shuffled not in (before, before[::-1]) and set(shuffled) == set(before)
    assert text(under("no-question", sample)[0]) == "A. cat\nB. dog\nC. cow\nAnswer with the letter."
    other = under("other-video", sample, question("2", "bb"))
    assert frames(other[0]) == frames(question("2", "bb")) and frames(other[1]) == before


def test_pictures_are_painted_over_in_their_own_size() -> None:
    lossless = io.BytesIO()
    PIL.Image.open(io.BytesIO(picture(3))).save(lossless, "PNG")
    image = Image(lossless.getvalue())
    sample = Sample("1", "b", "qa", "c", (Turn("user", (image, Text("What is it?"))),), gold="x")
    part = under("black", sample)[0].turns[0].parts[0]
    mirrored = under("mirrored", sample)[0].turns[0].parts[0]
    assert isinstance(part, Image) and isinstance(mirrored, Image)
    black, original = opened(part), opened(image)
    assert black.size == original.size and black.getextrema() == ((0, 0),) * 3
    turned_back = opened(mirrored).transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)
    assert turned_back.tobytes() == original.tobytes()


def test_a_mirrored_jpeg_stays_as_small_and_nearly_as_it_was() -> None:
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (30, 54, 3), dtype=np.uint8)
    before = PIL.Image.fromarray(noise).resize((427, 240))
    before.save(out, "JPEG", quality=90)
    sample = Sample("1", "b", "qa", "c", (Turn("user", (Image(out.getvalue()), Text("What?"))),), gold="x")
    part = under("mirrored", sample)[0].turns[0].parts[0]
    assert isinstance(part, Image)
    data = read(part.media)
    assert data.startswith(b"\xff\xd8") and len(data) < 1.2 * len(out.getvalue())
    expected = np.asarray(opened(Image(out.getvalue())).transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT))
    assert np.abs(np.asarray(opened(part)).astype(int) - expected).mean() < 4


def opened(part: object) -> PIL.Image.Image:
    assert isinstance(part, Image)
    return PIL.Image.open(io.BytesIO(read(part.media))).convert("RGB")


def test_a_turned_video_is_not_shown_with_a_question_it_would_change() -> None:
    sides = question("1", "a", "Is it on the left?\nA. cat\nB. dog\nC. cow")
    first = question("2", "a", "What happens first?")
    for name, sample in (("mirrored", sides), ("reversed", first)):
        with pytest.raises(UsageError, match="synth --twins"):
            under(name, sample)
        assert [kept.id for kept in under(name, sample, question("3", "b"))] == ["3"]
    assert under("mirrored", question("3", "a"))


def test_each_option_stands_under_each_letter_once_and_the_gold_goes_along() -> None:
    rotated = under("options-rotated", question("1", "a"))
    assert [sample.id for sample in rotated] == ["1/r0", "1/r1", "1/r2"]
    assert rotated[0].turns == question("1", "a").turns
    assert text(rotated[1]) == "What is it?\nA. dog\nB. cow\nC. cat\nAnswer with the letter."
    for sample in rotated:
        assert isinstance(sample.gold, str) and sample.choices[sample.gold] == "dog"
    assert {str(sample.gold) for sample in rotated} == set("ABC")
    assert {sample.group for sample in rotated} == {"1"}


@pytest.mark.parametrize(
    "choices", [{"A": "cat", "B": "both of them", "C": "cow"}, {"A": "cat", "B": "cat", "C": "cow"}, {}]
)
def test_options_that_cannot_be_moved_are_left_out(choices: dict[str, str]) -> None:
    listed = "".join(f"\n{letter}. {option}" for letter, option in choices.items())
    sample = question("1", "a", f"What is it?{listed}", meta={"choices": choices})
    assert not under("options-rotated", sample)


def test_what_cannot_be_done_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="known: blind"):
        control("deaf")
    with pytest.raises(UsageError, match="only one video"):
        under("other-video", question("1", "a"))


def test_nothing_is_read_before_it_is_asked_for() -> None:
    def samples() -> Iterator[Sample]:
        yield question("1", "a")
        raise AssertionError("the second sample was read with the first")

    assert next(control("blind").of(samples, 0)).id == "1"


def test_a_twin_takes_the_place_of_its_video_with_its_own_answer() -> None:
    sides = "Is it on the left?\nA. yes\nB. no"
    original = question("s/1", "s", sides, group="s/qa/0", order=4, gold="A")
    twins = [
        question(f"s-{how}/1", f"s-{how}", sides, group="s/qa/0", order=9, gold=gold)
        for how, gold in (("reversed", "A"), ("mirrored", "B"))
    ]
    (mirrored,) = under("mirrored", original, *twins)
    assert (mirrored.id, mirrored.order, mirrored.gold) == ("s/1", 4, "B"), "paired with it by its id"
    assert mirrored.affinity == "s" and frames(mirrored) == frames(twins[1])
    (reversed_,) = under("reversed", original, *twins)
    assert reversed_.gold == "A" and frames(reversed_) == frames(twins[0])


@pytest.mark.parametrize("how", ["mirrored", "reversed"])
@pytest.mark.parametrize(
    "name", ["mme", "mmvp", "MMBench_DEV_EN", "CRPE_EXIST", "dynbench", "mmsi_bench_circular"]
)
def test_sets_of_questions_about_one_picture_are_no_twins(how: str, name: str, tmp_path: Path) -> None:
    data = formats.make(name, tmp_path)
    (selection,) = catalog.resolve([name])
    own = {sample.id: (sample.gold, text(sample)) for sample in catalog.read(selection, data)}
    try:
        turned = list(control(how).of(lambda: catalog.read(selection, data), 0))
    except UsageError:
        return
    assert [(own[sample.id], sample.id) for sample in turned] == [
        ((sample.gold, text(sample)), sample.id) for sample in turned
    ]
    assert len({sample.id for sample in turned}) == len(turned)


def test_two_frames_are_shuffled_by_showing_them_backwards() -> None:
    for video in ("a", "bb", "ccc", "dddd"):
        sample = question("1", video, frames=2)
        assert frames(under("shuffled", sample)[0]) == frames(sample)[::-1]
