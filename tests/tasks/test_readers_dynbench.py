from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sightbench.errors import DatasetError, UsageError
from sightbench.sample import MaskTruth, Sample, Text, Video
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Problems
from sightbench.tasks.readers import dynbench
from tests import paths

DAVIS = paths.SHARED / "data" / "davis_mini"


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for scene in ("a", "a-b"):
        for frame in range(3):
            write(tmp_path / f"frames/set/{scene}/frame_{frame:04d}.jpg", "jpeg")
        write(tmp_path / f"masks/set/{scene}/frame_0000_obj1.png", "png")
        write(
            tmp_path / f"multi_json/set/{scene}_qa.json",
            [{"question": "Which is nearer?", "options": ["A. red cube", "B. ball"], "answer": "A"}],
        )
        write(
            tmp_path / f"multi_json/set/{scene}_objmask.json",
            {"object_1": {"question": "Segment the cube."}, "object_12": {"question": "Segment it."}},
        )
    return tmp_path


def read(root: Path) -> tuple[list[Sample], Problems]:
    problems = Problems()
    return list(dynbench.read(root, "official", problems)), problems


def test_questions_of_a_video_come_in_a_row_and_keep_the_reference_order(root: Path) -> None:
    samples, _ = read(root)
    assert [sample.id for sample in samples] == [
        f"set/{scene}/{tail}"
        for scene in ("a", "a-b")
        for tail in ("objmask/object_1", "objmask/object_12", "qa/0")
    ]
    by_reference = [sample.id for sample in sorted(samples, key=lambda sample: sample.order)]
    assert by_reference[0] == "set/a-b/objmask/object_1"  # the file a-b_objmask sorts before a_objmask


def test_a_question_is_asked_as_the_reference_asks_it(root: Path) -> None:
    sample = next(sample for sample in read(root)[0] if sample.id == "set/a/qa/0")
    video, text = sample.turns[0].parts
    assert isinstance(video, Video) and isinstance(text, Text)
    assert video.id == sample.affinity == "set/a"
    assert [str(frame) for frame in video.frames] == [
        str(root / f"frames/set/a/frame_{frame:04d}.jpg") for frame in range(3)
    ]
    assert text.text == (
        "Which is nearer?\nA. red cube\nB. ball\n"
        "Answer with the option's letter from the given choices directly."
    )
    assert (sample.category, sample.gold, sample.wants) == ("Inter-Object", "A", "text")
    assert sample.meta["choices"] == {"A": "red cube", "B": "ball"}


def test_a_mask_question_is_verbatim_and_says_where_its_masks_are(root: Path) -> None:
    sample = next(sample for sample in read(root)[0] if sample.id == "set/a/objmask/object_12")
    assert sample.turns[0].parts[1] == Text("Segment it.")
    assert sample.wants == "masks"
    assert sample.gold == MaskTruth(str(root / "masks/set/a"), "object_12", 3)


def test_samples_of_a_video_share_one_tuple_of_frames(root: Path) -> None:
    videos = [sample.turns[0].parts[0] for sample in read(root)[0]]
    assert len({id(video) for video in videos}) == 2


def test_png_frames_and_frames_of_any_name_are_found(root: Path) -> None:
    for frame in (root / "frames/set/a").iterdir():
        frame.rename(frame.with_name("shot" + frame.name[-8:-4] + ".png"))
    video = read(root)[0][0].turns[0].parts[0]
    assert isinstance(video, Video)
    assert [Path(str(frame)).name for frame in video.frames] == [
        "shot0000.png",
        "shot0001.png",
        "shot0002.png",
    ]


def test_what_is_left_out_is_named_and_counted(root: Path) -> None:
    folder = root / "multi_json/set"
    write(folder / "a_frame_sampling_qa.json", [])
    write(folder / "a_depthqa.json", [])
    write(folder / "b_depthqa.json", [])
    write(folder / "README.txt", "")
    write(root / "multi_json/index.json", [])
    samples, problems = read(root)
    assert len(samples) == 6 and not problems.broken
    notes = "\n".join(problems.notes())
    assert "2 left out, unknown task suffix" in notes and "b_depthqa.json" in notes
    assert "1 left out, a frame_sampling file" in notes
    assert "README.txt" in notes and "index.json" in notes


def test_broken_files_are_all_listed_and_lose_nothing_else(root: Path) -> None:
    write(root / "multi_json/set/a_sceneqa.json", '[{"question": "x",\n "answer" "A"}]')
    write(root / "multi_json/set/a-b_cameraqa.json", [{"question": "Where?", "options": ["A. x"]}])
    write(root / "multi_json/set/gone_qa.json", [{"question": "?", "options": ["A. x"], "answer": "A"}])
    samples, problems = read(root)
    assert len(samples) == 6
    with pytest.raises(DatasetError) as caught:
        problems.check()
    message = str(caught.value)
    assert message.startswith("3 problems")
    assert "a_sceneqa.json:2: not valid JSON" in message
    assert "a-b_cameraqa.json: question 0 has no answer" in message
    assert "frames/set/gone: the scene has questions and no frames" in message


def test_an_object_named_twice_and_a_scene_without_mask_folder_are_broken(root: Path) -> None:
    item = '{"question": "Segment."}'
    write(root / "multi_json/set/a_scenemask.json", f'{{"object_1": {item}, "object_1": {item}}}')
    shutil.rmtree(root / "masks/set/a-b")
    messages = [str(error) for error in read(root)[1].broken]
    assert any("'object_1' appears twice" in message for message in messages)
    assert any("a-b_objmask.json" in message and "no folder" in message for message in messages)


@pytest.mark.parametrize("missing", ["frames", "multi_json"])
def test_a_folder_of_another_layout_is_a_usage_error(root: Path, missing: str) -> None:
    shutil.rmtree(root / missing)
    with pytest.raises(UsageError, match=f"no folder {missing}/"):
        read(root)


def test_options_are_lettered_by_their_labels_or_else_by_position() -> None:
    assert dynbench.lettered(["(A) left", "B: right"]) == {"A": "left", "B": "right"}
    assert dynbench.lettered(["left", "B. right"]) == {"A": "left", "B": "B. right"}
    assert dynbench.lettered(["A. x", "A. y"]) == {"A": "A. x", "B": "A. y"}


@pytest.mark.skipif(not DAVIS.is_dir(), reason=f"needs the shared data folder beside the checkout: {DAVIS}")
def test_davis_mini_reads_whole() -> None:
    problems = Problems()
    (selection,) = catalog.resolve(["all"])
    samples = list(catalog.read(selection, DAVIS, problems=problems))
    assert not problems.broken and not problems.skipped
    assert sum(sample.wants == "text" for sample in samples) == 38
    assert sum(sample.wants == "masks" for sample in samples) == 8
    assert len({sample.id for sample in samples}) == len(samples)
