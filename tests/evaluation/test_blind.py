"""What a classifier finds in the texts of a benchmark, and what it must not find."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sightbench.sample import Sample, Text, Turn, Video
from sightbench.tasks.blind import guesses
from tests.evaluation.test_compare import data
from tests.paths import ROOT

COLOURS = ("red", "blue", "green", "black")


def question(number: int, video: str, text: str, options: list[str], right: int) -> Sample:
    choices = dict(zip("ABCD", options, strict=False))
    turn = Turn("user", (Video(video), Text(text)))
    gold = "ABCD"[right]
    return Sample(f"q{number}", "b", "t", "c", (turn,), gold, order=number, meta={"choices": choices})


def share(samples: list[Sample]) -> float:
    found = guesses(samples)
    assert len(found) == len(samples)
    return float(np.mean([one.right for one in found]))


def test_an_answer_that_hangs_on_the_words_is_found() -> None:
    draw = np.random.default_rng(0)
    things = {"sky": "blue", "grass": "green", "coal": "black", "rose": "red"}
    samples = []
    for at in range(240):
        thing = list(things)[int(draw.integers(4))]
        options = [str(colour) for colour in draw.permutation(COLOURS)]
        samples.append(question(at, f"v{at % 60}", f"Which colour has the {thing}?", options,
                                options.index(things[thing])))  # fmt: skip
    assert share(samples) > 0.9


def test_a_letter_that_is_right_more_often_is_found() -> None:
    draw = np.random.default_rng(1)
    samples = [
        question(at, f"v{at}", f"Question {draw.integers(99)}?", [f"o{n}" for n in draw.integers(0, 999, 4)],
                 1 if draw.random() < 0.7 else int(draw.integers(4)))
        for at in range(200)
    ]  # fmt: skip
    assert share(samples) > 0.65


def test_what_questions_about_one_video_share_is_not_learned() -> None:
    """The answer is the same throughout a video and random between videos: others tell nothing."""
    draw = np.random.default_rng(2)
    samples = []
    for video in range(80):
        right = int(draw.integers(4))
        samples += [
            question(4 * video + n, f"v{video}", f"What does video {video} show?", list(COLOURS), right)
            for n in range(4)
        ]
    assert abs(share(samples) - 0.25) < 0.12


def test_open_questions_choose_among_common_answers() -> None:
    samples = [
        Sample(f"q{at}", "b", "t", "c", (Turn("user", (Video(f"v{at}"), Text(text))),), gold, order=at)
        for at in range(60)
        for text, gold in [("Is there a cat?", "yes") if at % 2 else ("How many legs?", "4")]
    ]
    assert share(samples) > 0.9


def test_the_command_says_how_much_can_be_solved_without_looking(tmp_path: Path) -> None:
    data(tmp_path / "data")
    command = [sys.executable, str(ROOT / "bench.py"), "tasks", "MMStar"]
    done = subprocess.run(
        [*command, "--data", str(tmp_path / "data"), "--blind-check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    # B is right throughout that set.
    assert "60 questions answered without looking" in done.stdout
    assert "100.0 ±0.0" in done.stdout and "by guessing" in done.stdout
    done = subprocess.run([*command, "--blind-check"], capture_output=True, text=True)
    assert done.returncode == 2 and "--data" in done.stderr


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_videos_give_no_guess(count: int) -> None:
    samples = [question(at, "v", "What?", list(COLOURS), 0) for at in range(count)]
    assert guesses(samples) == ()
