"""Ground truth is what Dyn-Bench reads, is read once, and is read again when anything changed."""

from __future__ import annotations

import io
import os
import threading
import zlib
from pathlib import Path

import numpy as np
import orjson
import PIL
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sightbench import rle
from sightbench.sample import MaskTruth
from sightbench.scorers.masks import truth
from sightbench.scorers.masks.scorer import JF
from sightbench.scorers.masks.truth import FILE_NAME, open_cache, read_truth
from sightbench.scorers.score import Grade
from sightbench.scorers.scorer import Context, Profile
from tests.hostile import generator, mutated

FRAMES = 4


def save(folder: Path, frame: int, mask: np.ndarray, name: str = "frame_{:04d}_obj1.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name.format(frame)
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return path


def mask_of(frame: int, h: int = 30, w: int = 40) -> np.ndarray:
    mask = np.zeros((h, w), bool)
    mask[5 : 10 + frame, 8:20] = True
    return mask


@pytest.fixture
def dataset(tmp_path):
    root = tmp_path / "data"
    for frame in range(FRAMES):
        save(root / "masks/davis/camel", frame, mask_of(frame))
    return root


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Counts the image files that are opened."""
    count = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda path, *rest: count.append(path) or real(path, *rest))
    return count


def expected(frames=range(FRAMES)):
    return tuple(rle.from_array(mask_of(frame)) for frame in frames)


def test_masks_are_read_once(dataset, tmp_path, opened):
    folder = dataset / "masks/davis/camel"
    cache = open_cache(dataset, tmp_path / "user")
    assert cache.object_rles(folder, "object_1", FRAMES).rles == expected()
    assert cache.path == dataset / FILE_NAME
    assert len(opened) == FRAMES
    assert cache.object_rles(folder, "object_1", FRAMES).rles == expected()
    assert open_cache(dataset, tmp_path / "user").object_rles(folder, "object_1", FRAMES).rles == expected()
    assert len(opened) == FRAMES


def test_a_changed_file_is_read_again(dataset, tmp_path, opened):
    folder = dataset / "masks/davis/camel"
    open_cache(dataset, tmp_path / "user").object_rles(folder, "object_1", FRAMES)
    before = (folder / "frame_0002_obj1.png").stat()
    path = save(folder, 2, mask_of(9))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    truth = open_cache(dataset, tmp_path / "user").object_rles(folder, "object_1", FRAMES)
    assert truth.rles == expected((0, 1, 9, 3))
    path.unlink()
    truth = open_cache(dataset, tmp_path / "user").object_rles(folder, "object_1", FRAMES)
    assert truth.rles[2] == rle.empty(30, 40)


def test_another_pillow_reads_again(dataset, tmp_path, opened, monkeypatch):
    folder = dataset / "masks/davis/camel"
    open_cache(dataset, tmp_path / "user").object_rles(folder, "object_1", FRAMES)
    monkeypatch.setattr(PIL, "__version__", "99.0")
    assert open_cache(dataset, tmp_path / "user").object_rles(folder, "object_1", FRAMES).rles == expected()
    assert len(opened) == 2 * FRAMES


def test_a_moved_dataset_keeps_its_cache(dataset, tmp_path, opened):
    open_cache(dataset, tmp_path / "user").object_rles(dataset / "masks/davis/camel", "object_1", FRAMES)
    moved = dataset.rename(tmp_path / "elsewhere")
    open_cache(moved, tmp_path / "user").object_rles(moved / "masks/davis/camel", "object_1", FRAMES)
    assert len(opened) == FRAMES


def test_a_read_only_dataset_is_left_alone(dataset, tmp_path, opened):
    dataset.chmod(0o555)
    try:
        for _ in range(2):
            cache = open_cache(dataset, tmp_path / "user")
            assert cache.object_rles(dataset / "masks/davis/camel", "object_1", FRAMES).rles == expected()
        assert cache.path is not None
        assert cache.path.parent == tmp_path / "user"
        assert not (dataset / FILE_NAME).exists()
        assert len(opened) == FRAMES
    finally:
        dataset.chmod(0o755)


def test_without_any_place_to_write_masks_are_still_read(dataset, tmp_path):
    (tmp_path / "user").write_text("not a folder")
    dataset.chmod(0o555)
    try:
        cache = open_cache(dataset, tmp_path / "user")
        assert cache.path is None
        assert cache.object_rles(dataset / "masks/davis/camel", "object_1", FRAMES).rles == expected()
    finally:
        dataset.chmod(0o755)


def test_a_torn_or_altered_line_is_built_again(dataset, tmp_path, opened):
    folder = dataset / "masks/davis/camel"
    open_cache(dataset, tmp_path / "user").object_rles(folder, "object_1", FRAMES)
    whole = (dataset / FILE_NAME).read_bytes()
    for broken in (whole[: len(whole) // 2], whole.replace(b"davis", b"divas"), b"\x00\xff\n" + whole[5:]):
        (dataset / FILE_NAME).write_bytes(broken)
        opened.clear()
        for _ in range(2):
            cache = open_cache(dataset, tmp_path / "user")
            assert cache.object_rles(folder, "object_1", FRAMES).rles == expected()
        assert len(opened) == FRAMES


def test_build_reads_in_parallel_what_is_missing(dataset, tmp_path, opened):
    for k in range(2, 8):
        for frame in range(FRAMES):
            save(dataset / "masks/davis/goat", frame, mask_of(frame + k), f"frame_{{:04d}}_obj{k}.png")
    objects = [(str(dataset / "masks/davis/goat"), f"object_{k}", FRAMES) for k in range(2, 8)]
    cache = open_cache(dataset, tmp_path / "user")
    assert cache.build(objects, jobs=3) == 6
    assert cache.build(objects + objects) == 0
    assert cache.object_rles(*objects[3]).rles == expected(range(5, 9))
    assert len(opened) == 6 * FRAMES


def test_two_builders_at_once_leave_a_sound_cache(dataset, tmp_path):
    for k in range(2, 20):
        for frame in range(FRAMES):
            save(dataset / "masks/davis/goat", frame, mask_of(frame + k), f"frame_{{:04d}}_obj{k}.png")
    objects = [(str(dataset / "masks/davis/goat"), f"object_{k}", FRAMES) for k in range(2, 20)]
    builders = [
        threading.Thread(target=lambda: open_cache(dataset, tmp_path / "user").build(objects))
        for _ in range(3)
    ]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert open_cache(dataset, tmp_path / "user").build(objects) == 0
    lines = (dataset / FILE_NAME).read_bytes().splitlines()
    assert all(truth._parse(line) for line in lines if line)


# --- the reference's quirks -----------------------------------------------------------------------


def test_missing_masks_are_empty_in_the_size_before_them_or_480x640(tmp_path):
    save(tmp_path, 1, mask_of(1))
    truth = read_truth(tmp_path, "object_1", 3)
    assert truth.rles == (rle.empty(480, 640), rle.from_array(mask_of(1)), rle.empty(30, 40))
    assert truth.notes == (
        "ground truth missing for frames [0, 2]: scored as empty masks",
        "ground truth differs in size between frames: 480x640, 30x40",
    )


def test_unreadable_masks_are_empty_and_named(tmp_path):
    save(tmp_path, 0, mask_of(0))
    (tmp_path / "frame_0001_obj1.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    truth = read_truth(tmp_path, "object_1", 2)
    assert truth.rles[1] == rle.empty(30, 40)
    assert truth.notes == ("ground truth unreadable for frames [1]: scored as empty masks",)


def test_jpeg_masks_are_read_where_there_is_no_png(tmp_path):
    path = save(tmp_path, 0, mask_of(3), "frame_{:04d}_obj1.jpg")
    jpeg = np.array(Image.open(path).convert("L")) > 0
    assert jpeg.sum() > mask_of(3).sum()  # its ringing is foreground, as in the reference
    assert read_truth(tmp_path, "object_1", 1).rles == (rle.from_array(jpeg),)
    save(tmp_path, 0, mask_of(3))
    assert read_truth(tmp_path, "object_1", 1).rles == (rle.from_array(mask_of(3)),)


def test_foreground_is_luminance_above_zero(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 3, 1, 1, 1])  # luminance 0 and 1
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "frame_0000_obj1.png")
    assert rle.decode(read_truth(tmp_path, "object_1", 1).rles[0]).tolist() == [[False, True]]


def test_the_object_number_is_what_follows_the_last_underscore(tmp_path):
    save(tmp_path, 0, mask_of(2), "frame_{:04d}_obj12.png")
    assert read_truth(tmp_path, "some_object_12", 1).rles == expected([2])


def cache_line(text: bytes) -> bytes:
    return b"%08x\t%b\n" % (zlib.crc32(text), text)


def entry(mask: rle.Rle, size: int) -> bytes:
    """What a cache holds of one frame, written at 5 ns after the epoch."""
    files = [["frame_0000_obj1.png", size, 5]]
    known = {"dir": "masks/davis/camel", "object": "object_1", "pillow": PIL.__version__}
    return orjson.dumps({**known, "files": files, "rles": [tuple(mask)], "notes": []})


def picture(mask: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(out, "PNG")
    return out.getvalue()


PICTURE = picture(mask_of(0))
ENTRY = entry(rle.from_array(mask_of(0)), len(PICTURE))


@pytest.fixture
def camel(tmp_path: Path) -> Path:
    folder = tmp_path / "data/masks/davis/camel"
    folder.mkdir(parents=True)
    (folder / "frame_0000_obj1.png").write_bytes(PICTURE)
    os.utime(folder / "frame_0000_obj1.png", ns=(5, 5))
    return folder


def graded(camel: Path) -> Grade:
    """The true mask as a reply, judged by what the cache says is true."""
    root = camel.parents[2]
    context = Context(Profile.DYNBENCH, truth=open_cache(root, root / "user").truth)
    sent = [{"rles": [rle.to_wire(rle.from_array(mask_of(0)))]}]
    return JF.grade(sent, MaskTruth(str(camel), "object_1", 1), {"num_frames": 1}, context)


@given(st.lists(mutated(ENTRY).map(cache_line) | mutated(ENTRY) | st.binary(max_size=40), max_size=3))
@generator()
def test_whatever_stands_in_a_cache_it_is_no_traceback(camel: Path, lines: list[bytes]) -> None:
    (camel.parents[2] / FILE_NAME).write_bytes(b"\n".join(lines))
    grade = graded(camel)
    assert grade.status == "scored" and 0 <= grade.value <= 1
    assert grade.value == 1.0 or any(b"rles" in line for line in lines)


@pytest.mark.parametrize("counts", ["", "0", "garbage", "T2 ", "o" * 50])
def test_a_cache_that_cannot_be_counted_gives_way_to_the_files(camel: Path, counts: str) -> None:
    (camel.parents[2] / FILE_NAME).write_bytes(cache_line(entry(rle.Rle(30, 40, counts), len(PICTURE))))
    assert graded(camel).value == 1.0
