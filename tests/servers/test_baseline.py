"""What the pixel baseline sees and says: against rendered scenes whose truth is known."""

from __future__ import annotations

import ast
import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from sightbench.servers.baseline import tokens
from sightbench.servers.baseline.answer import answer
from sightbench.servers.baseline.frames import LookedAt, decode, look_size
from sightbench.servers.baseline.question import MASK_FORMS, TEXT_FORMS, parse_question
from sightbench.servers.baseline.sight.components import components
from sightbench.servers.baseline.sight.perceive import Scene, perceive
from sightbench.tasks.synthetic.generate import generate
from tests.paths import ROOT

DIRECTLY = "Answer with the option's letter from the given choices directly."
NAMES = {"a": "the red box", "b": "the blue sphere", "c": "the white box", "frame": "last", "shapes": "boxes"}


@dataclass(frozen=True)
class Seen:
    frames: list[bytes]
    scene: Scene
    questions: list[dict[str, object]]
    masks: list[tuple[str, NDArray[np.bool_]]]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Seen]:
    root = tmp_path_factory.mktemp("baseline") / "set"
    generate(root, 10, 2000)
    found = []
    for folder in sorted((root / "frames" / "synthetic").iterdir()):
        frames = [path.read_bytes() for path in sorted(folder.iterdir())]
        tables = root / "multi_json" / "synthetic"
        questions: list[Any] = []
        masks: list[Any] = []
        for suffix in ("cameraqa", "qa", "sceneqa"):
            path = tables / f"{folder.name}_{suffix}.json"
            questions += json.loads(path.read_text()) if path.exists() else []
        for suffix in ("cameramask", "objmask", "scenemask"):
            path = tables / f"{folder.name}_{suffix}.json"
            for key, record in (json.loads(path.read_text()) if path.exists() else {}).items():
                number = key.split("_")[1]
                files = sorted((root / "masks" / "synthetic" / folder.name).glob(f"*_obj{number}.png"))
                truth = np.stack([np.asarray(Image.open(file)) > 0 for file in files])
                masks.append((record["question"], truth))
        found.append(Seen(frames, perceive(decode(frames)), questions, masks))
    return found


def _asked(record: dict[str, object]) -> str:
    return "\n".join([str(record["question"]), *record["options"], DIRECTLY])  # type: ignore[misc]


def _right(scene: Scene, records: list[dict[str, object]]) -> list[bool]:
    return [answer(_asked(record), scene).text == record["answer"] for record in records]


def test_answers_are_far_above_chance_and_not_perfect(videos: list[Seen]) -> None:
    right = [ok for seen in videos for ok in _right(seen.scene, seen.questions)]
    assert len(right) > 80
    assert 0.7 < np.mean(right) < 1.0


def test_masks_cover_the_objects_they_are_asked_for(videos: list[Seen]) -> None:
    overlaps = []
    for seen in videos:
        for question, truth in seen.masks:
            said = answer(question, seen.scene)
            mask = np.isin(seen.scene.labels, said.objects) & (seen.scene.labels > 0)
            union = (mask | truth).sum((1, 2))
            overlaps.append(
                float(np.mean(np.where(union, (mask & truth).sum((1, 2)) / np.maximum(union, 1), 1)))
            )
    assert len(overlaps) > 40
    assert np.mean(overlaps) > 0.6


def test_questions_without_a_picture_are_not_answered(videos: list[Seen]) -> None:
    grey = perceive(LookedAt(np.full((8, 240, 320, 3), 127, np.uint8), (240, 320)))
    about_objects = [
        record
        for seen in videos
        for record in seen.questions
        if record["family"] in ("nearest", "leftmost", "relation", "facing", "closest_to")
    ]
    assert about_objects
    for record in about_objects:
        assert answer(_asked(record), grey).text.startswith("I can't tell")


def test_played_backwards_the_camera_moves_the_other_way(videos: list[Seen]) -> None:
    opposite = {"left": "right", "right": "left", "forward": "backward", "backward": "forward"}
    opposite |= {"up": "down", "down": "up"}
    moving = 0
    for seen in videos:
        if answer("Does the camera move during the video?", seen.scene).text == "no":
            continue
        moving += 1
        said = answer("How does the camera move during the video?", seen.scene).text
        reverse = perceive(decode(seen.frames[::-1]))
        *start, word = answer("How does the camera move during the video?", reverse).text.split()
        assert " ".join([*start, opposite[word]]) == said
    assert moving


def test_one_frame_repeated_shows_no_motion(videos: list[Seen]) -> None:
    scene = perceive(decode([videos[0].frames[0]] * 4))
    assert answer("Does the camera move during the video?", scene).text == "no"
    assert answer("How many objects move over the ground during the video?", scene).text == "0"


def test_every_form_of_question_is_read() -> None:
    for family, form in TEXT_FORMS:
        question = parse_question(form.format(**NAMES) + "?\nA. the red box\nB. 2\n" + DIRECTLY)
        assert question is not None and question.family == family
        assert question.options == (("A", "the red box"), ("B", "2")) and not question.wants_mask
    for family, form in MASK_FORMS:
        question = parse_question(f"Please segment {form.format(**NAMES)}.")
        assert question is not None and question.family == family and question.wants_mask


def test_what_it_cannot_read_it_says(videos: list[Seen]) -> None:
    scene = videos[0].scene
    for text in ("", "What is the capital of France?\nA. Paris\nB. Rome", "Please segment the running dog."):
        said = answer(text, scene)
        assert said.text.startswith("I can't tell") and said.objects == ()


def test_it_imports_nothing_of_the_other_rooms() -> None:
    for path in (ROOT / "servers" / "baseline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {
                "tasks",
                "client",
                "scorers",
                "reports",
                "bench",
            }


@settings(max_examples=25, deadline=None)
@given(
    arrays.arrays(
        np.uint8,
        st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.just(3)),
        elements=st.sampled_from([0, 36, 127, 200, 228, 255]),
    )
)
def test_any_pixels_give_a_scene_and_every_question_an_answer(pixels: NDArray[np.uint8]) -> None:
    scene = perceive(LookedAt(pixels, pixels.shape[1:3]))
    assert scene.labels.shape == pixels.shape[:3] and scene.labels.max() <= len(scene.things)
    for _, form in TEXT_FORMS:
        assert answer(form.format(**NAMES) + "?", scene).text
    for _, form in MASK_FORMS:
        said = answer(f"Please segment {form.format(**NAMES)}.", scene)
        assert said.text or said.objects


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 2)))
def test_components_are_the_connected_regions(classes: NDArray[np.uint8]) -> None:
    labels, kinds = components(classes)
    assert np.array_equal(kinds[labels], classes)
    height, width = classes.shape
    number, seen = 0, np.zeros_like(labels)
    for row, column in np.ndindex(height, width):
        if not classes[row, column] or seen[row, column]:
            continue
        number += 1
        stack = [(row, column)]
        while stack:
            y, x = stack.pop()
            if (
                0 <= y < height
                and 0 <= x < width
                and not seen[y, x]
                and classes[y, x] == classes[row, column]
            ):
                seen[y, x] = number
                stack += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    assert np.array_equal(labels, seen)


@given(st.text(max_size=60), st.integers(1, 20))
def test_a_cut_text_has_no_more_tokens_than_allowed(text: str, limit: int) -> None:
    cut = tokens.cut(text, limit)
    assert text.startswith(cut)
    assert tokens.count_text(cut) == min(limit, tokens.count_text(text))


def test_large_frames_are_looked_at_small() -> None:
    data = io.BytesIO()
    Image.new("RGB", (1920, 1080)).save(data, "JPEG")
    frames = decode([data.getvalue()])
    assert frames.size == (1080, 1920) and frames.pixels.shape == (1, *look_size(1080, 1920), 3)
    assert max(frames.pixels.shape[1:3]) == 480
