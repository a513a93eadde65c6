"""The controls: chance, what the text alone gives away, and videos without motion or order."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from sightbench.errors import DatasetError, UsageError
from sightbench.tasks.benchmark import Problems
from sightbench.tasks.readers import dynbench
from sightbench.tasks.synthetic.controls import chance, degrade, text_only_prior
from sightbench.tasks.synthetic.generate import generate
from sightbench.tasks.synthetic.knobs import Knobs

TINY = Knobs(size=(96, 72))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("controls")
    for name, seed in (("train", 101), ("test", 202)):
        generate(folder / name, 150, seed, TINY)
    return folder / "train", folder / "test"


def write(root: Path, questions: list[tuple[str, list[str], str]]) -> Path:
    folder = root / "multi_json" / "synthetic"
    folder.mkdir(parents=True)
    content = [
        {
            "question": text,
            "options": [f"{letter}. {option}" for letter, option in zip("ABCD", options, strict=False)],
            "answer": "ABCD"[options.index(right)],
        }
        for text, options, right in questions
    ]
    (folder / "scene_qa.json").write_text(json.dumps(content))
    return root


def test_the_text_alone_is_worth_no_more_than_guessing(sets: tuple[Path, Path]) -> None:
    """A one-sided test at three standard errors, both ways round: some 1,900 questions each."""
    for train, test in (sets, sets[::-1]):
        prior = text_only_prior(train, test)
        assert prior.n > 1500
        assert prior.accuracy < prior.chance + 3 * prior.stderr, prior


def test_a_leak_in_the_words_is_found(tmp_path: Path) -> None:
    rng = random.Random(0)

    def leaky(count: int) -> list[tuple[str, list[str], str]]:
        colours = ["red", "blue", "green", "white"]
        found = []
        for _ in range(count):
            rng.shuffle(colours)
            options = [f"the {colour} box" for colour in colours]
            right = "the red box" if rng.random() < 0.6 else rng.choice(options)
            found.append(("Which object is nearest to the camera in the first frame?", options, right))
        return found

    prior = text_only_prior(write(tmp_path / "a", leaky(400)), write(tmp_path / "b", leaky(400)))
    assert prior.chance == 25 and prior.n == 400
    assert prior.accuracy > 55


def test_chance_is_the_mean_over_questions(tmp_path: Path, sets: tuple[Path, Path]) -> None:
    root = write(tmp_path, [("q?", ["a", "b"], "a"), ("q?", ["a", "b", "c", "d"], "c")])
    assert chance(root) == {"qa": 37.5, "all": 37.5}
    found = chance(sets[0])
    assert set(found) == {"cameraqa", "qa", "sceneqa", "all"}
    assert all(25 <= value <= 50 for value in found.values())


def test_a_folder_without_questions_is_an_error(tmp_path: Path) -> None:
    for ask in (chance, lambda root: text_only_prior(root, root)):
        with pytest.raises(DatasetError, match="no questions"):
            ask(tmp_path)
    broken = write(tmp_path, [("q?", ["a", "b"], "a")]) / "multi_json" / "synthetic" / "scene_qa.json"
    broken.write_text('[{"question": "q?", "options": ["a"], "answer": "D"}]')
    with pytest.raises(DatasetError, match="lettered options"):
        chance(tmp_path)


def test_broken_videos_keep_the_questions_and_lose_motion_or_order(tmp_path: Path) -> None:
    root = tmp_path / "set"
    generate(root, 3, 1, Knobs(size=(96, 72), movers=(1, 2)))
    videos = sorted((root / "frames" / "synthetic").iterdir())
    for condition in ("one-frame", "shuffled"):
        out = tmp_path / condition
        degrade(root, out, condition)  # type: ignore[arg-type]
        problems = Problems()
        before = [s.id for s in dynbench.read(root, "official", problems) if s.wants == "text"]
        assert [s.id for s in dynbench.read(out, "official", problems)] == before
        problems.check()
        for video in videos:
            true = [path.read_bytes() for path in sorted(video.iterdir())]
            seen = [path.read_bytes() for path in sorted((out / "frames/synthetic" / video.name).iterdir())]
            if condition == "one-frame":
                assert seen == [true[0]] * 8
            else:
                assert sorted(seen) == sorted(true) and seen not in (true, true[::-1])
        with pytest.raises(UsageError, match="exists"):
            degrade(root, out, condition)  # type: ignore[arg-type]
