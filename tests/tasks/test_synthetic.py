"""A synthetic set on disk: the layout, the grammar of the page that describes it, and its knobs."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sightbench.errors import DatasetError, SightbenchError, UsageError
from sightbench.tasks.benchmark import Problems
from sightbench.tasks.readers import dynbench
from sightbench.tasks.synthetic.balance import arrange, select
from sightbench.tasks.synthetic.generate import MASKS, QA, Manifest, generate, read_manifest
from sightbench.tasks.synthetic.knobs import Knobs
from sightbench.tasks.synthetic.questions import Question
from sightbench.tasks.synthetic.scene import COLOURS, SHAPES, make_scene
from tests.paths import ROOT

DOC = (ROOT / "docs" / "synthetic.md").read_text(encoding="utf-8")
SMALL = Knobs(size=(160, 120))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plain") / "set"
    generate(out, 60, 3, SMALL)
    return out


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("twins") / "set"
    generate(out, 12, 4, Knobs(twins=True, depth=True))
    return out


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def records(root: Path, task: str) -> list[tuple[str, Any]]:
    """(scene, record) of a QA task, (scene, (object, record)) of a mask task."""
    found = []
    for path in sorted((root / "multi_json" / "synthetic").glob("*.json")):
        scene, _, suffix = path.stem.rpartition("_")
        if suffix == task:
            content = json.loads(path.read_text())
            items = content if isinstance(content, list) else content.items()
            found += [(scene, item) for item in items]
    return found


def image(root: Path, kind: str, scene: str, name: str) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(root / kind / "synthetic" / scene / name))


def test_the_same_seed_gives_the_same_bytes_in_any_number_of_processes(tmp_path: Path) -> None:
    knobs = Knobs(size=(160, 120), twins=True, depth=True)
    one = generate(tmp_path / "one", 5, 9, knobs)
    two = generate(tmp_path / "two", 5, 9, knobs, workers=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert one == two == read_manifest(tmp_path / "one")
    generate(tmp_path / "other", 5, 10, knobs)
    assert digests(tmp_path / "other") != digests(tmp_path / "one")


def test_the_pictures_of_a_scene_do_not_depend_on_how_many_scenes_there_are(
    plain: Path, tmp_path: Path
) -> None:
    generate(tmp_path / "few", 2, 3, SMALL)
    few, many = digests(tmp_path / "few"), digests(plain)
    pictures = [name for name in few if name.endswith((".jpg", ".png"))]
    assert pictures and all(few[name] == many[name] for name in pictures)


def test_the_reader_of_dyn_bench_reads_all_of_it(plain: Path) -> None:
    problems = Problems()
    samples = list(dynbench.read(plain, "official", problems))
    problems.check()
    assert not problems.notes()
    manifest = read_manifest(plain)
    assert Counter(sample.task for sample in samples) == manifest.tasks
    assert sum(manifest.families.values()) == len(samples)
    assert all(sample.gold in sample.choices for sample in samples if sample.task in QA)


def test_almost_every_scene_has_all_six_tasks(plain: Path) -> None:
    for task in (*QA, *MASKS):
        assert len({scene for scene, _ in records(plain, task)}) >= 0.8 * 60, task


def test_options_are_lettered_distinct_and_hold_the_answer(plain: Path) -> None:
    for task in QA:
        for _, record in records(plain, task):
            letters = [option.partition(". ")[0] for option in record["options"]]
            texts = [option.partition(". ")[2] for option in record["options"]]
            assert letters == list("ABCDEF")[: len(letters)] and len(letters) >= 2
            assert len(set(texts)) == len(texts)
            assert record["answer"] in letters


def test_masks_are_binary_disjoint_and_as_large_as_the_frames(plain: Path) -> None:
    for scene in ("s3-00000", "s3-00007"):
        for t in range(8):
            size = image(plain, "frames", scene, f"frame_{t:04d}.jpg").shape[:2]
            paths = sorted((plain / "masks" / "synthetic" / scene).glob(f"frame_{t:04d}_obj*.png"))
            stack = np.stack([np.asarray(Image.open(path)) for path in paths])
            assert stack.shape[1:] == size == (120, 160)
            assert set(np.unique(stack)) <= {0, 255}
            assert ((stack > 0).sum(axis=0) <= 1).all()


def test_a_segmented_object_has_the_colour_that_its_name_says(plain: Path) -> None:
    """By hue, from the pixels: the names, the masks and the frames belong together."""
    palette = {name: np.array(rgb) / np.linalg.norm(rgb) for name, rgb in COLOURS.items()}
    checked = 0
    for scene, (key, record) in records(plain, "scenemask"):
        if record["family"] != "named":
            continue
        mask = image(plain, "masks", scene, f"frame_0004_obj{key.removeprefix('object_')}.png") > 0
        if mask.sum() < 150:
            continue
        pixels = image(plain, "frames", scene, "frame_0004.jpg")[mask].astype(float)
        mean = pixels.mean(axis=0)
        seen = max(palette, key=lambda name: float(palette[name] @ mean))
        assert record["crop_caption"].split()[1] == seen
        assert record["crop_category"] == record["crop_caption"].split()[2]
        checked += 1
    assert checked > 20


def grammar() -> dict[tuple[str, str], re.Pattern[str]]:
    """(task, family) -> the question, as docs/synthetic.md spells it."""
    blanks = {
        r"\{frame\}": "(first|last)",
        r"\{shapes\}": "(spheres|boxes|cylinders)",
        **{rf"\{{{x}\}}": rf"({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})" for x in "abc"},
    }
    found: dict[tuple[str, str], str] = {}
    task = mask_task = ""
    for line in DOC.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("### "):
            task = line[4:].split()[0]
        elif line.startswith("|") and task in QA and "---" not in line and cells[0] != "family":
            found[task, cells[0]] = cells[1]
        elif line.startswith("|") and task == "Masks" and "---" not in line and cells[1] != "family":
            mask_task = cells[0] or mask_task
            found[mask_task, cells[1]] = f"Please segment {cells[2]}."
    patterns = {}
    for key, text in found.items():
        pattern = re.escape(text)
        for blank, choices in blanks.items():
            pattern = pattern.replace(re.escape(blank.replace("\\", "")), choices)
        patterns[key] = re.compile(pattern)
    return patterns


def test_the_page_and_the_generator_speak_the_same_grammar(plain: Path, twins: Path) -> None:
    patterns = grammar()
    used = set()
    for root in (plain, twins):
        for task in (*QA, *MASKS):
            for _, item in records(root, task):
                record = item[1] if task in MASKS else item
                pattern = patterns[task, record["family"]]
                assert pattern.fullmatch(record["question"]), (pattern.pattern, record["question"])
                used.add((task, record["family"]))
                for option in record["options"] if task in QA else ():
                    text = option.partition(". ")[2]
                    assert f"`{text}`" in DOC or re.fullmatch(
                        rf"the ({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})", text
                    )
    assert used == set(patterns), "documented and never asked"


def test_the_page_has_the_palette() -> None:
    for name, (red, green, blue) in COLOURS.items():
        assert f"| {name} | {red}, {green}, {blue} |" in DOC


def test_right_answers_and_letters_are_level_in_every_family(plain: Path) -> None:
    answers: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    letters: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for task in QA:
        for _, record in records(plain, task):
            texts = {option[0]: option[3:] for option in record["options"]}
            letters[record["family"], len(texts)][record["answer"]] += 1
            if not texts["A"].startswith("the "):
                answers[task, record["family"]][texts[record["answer"]]] += 1
    assert len(answers) >= 9
    for kind, tally in answers.items():
        assert max(tally.values()) == min(tally.values()), (kind, tally)
    for (family, options), counts in letters.items():
        level = [counts.get(letter, 0) for letter in "ABCD"[:options]]
        assert max(level) - min(level) <= 1, (family, level)


@given(st.lists(st.lists(st.sampled_from("xyz"), max_size=4), max_size=12), st.integers(0, 99))
def test_selection_keeps_every_answer_equally_often(scenes: list[list[str]], seed: int) -> None:
    asked = [
        [Question("qa", "f", "?", (kind,), tuple("xyz"), kind, tuple("xyz")) for kind in s] for s in scenes
    ]
    counts = Counter(kind for scene in scenes for kind in scene)
    kept = Counter(q.kind for scene in select(asked, np.random.default_rng(seed)) for q in scene)
    if len(counts) < 2:
        assert not kept
    else:
        level = max(1, min(counts[kind] for kind in "xyz"))
        assert kept == {kind: level for kind in counts}


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("xyz")), min_size=1, max_size=30))
def test_letters_stay_level_for_twins_too(answers: list[tuple[str, str]]) -> None:
    asked = [Question("qa", "f", "?", pair, tuple("xyz")) for pair in answers]
    orders = arrange(asked, np.random.default_rng(0))
    used = Counter(order.index(a) for order, pair in zip(orders, answers, strict=True) for a in pair)
    level = [used[i] for i in range(3)]
    assert max(level) - min(level) <= 3
    assert all(sorted(order) == list("xyz") for order in orders)


def test_a_reversed_twin_is_the_same_bytes_backwards(twins: Path) -> None:
    for kind in ("frames", "masks", "depth"):
        source, target = (twins / kind / "synthetic" / name for name in ("s4-00002", "s4-00002-reversed"))
        names = sorted(path.name for path in source.iterdir())
        assert names == sorted(path.name for path in target.iterdir())
        for name in names:
            backwards = f"frame_{7 - int(name[6:10]):04d}{name[10:]}"
            assert (source / name).read_bytes() == (target / backwards).read_bytes()


def test_a_mirrored_twin_is_the_mirror_image(twins: Path) -> None:
    for path in sorted((twins / "masks" / "synthetic" / "s4-00003").iterdir()):
        other = image(twins, "masks", "s4-00003-mirrored", path.name)
        assert np.array_equal(np.asarray(Image.open(path))[:, ::-1], other)
    for t in range(8):
        one = image(twins, "frames", "s4-00003", f"frame_{t:04d}.jpg").astype(int)[:, ::-1]
        other = image(twins, "frames", "s4-00003-mirrored", f"frame_{t:04d}.jpg").astype(int)
        assert np.abs(one - other).max() <= 6, "equal before JPEG, so equal but for its rounding"


def test_twins_are_asked_the_same_questions_and_pairs_are_complete(twins: Path) -> None:
    changed = 0
    for task in QA:
        pairs: dict[str, dict[str, Any]] = defaultdict(dict)
        for _, record in records(twins, task):
            pairs[record["pair"]][record["twin"]] = record
        for versions in pairs.values():
            assert set(versions) == {"original", "reversed", "mirrored"}
            assert len({(v["question"], *v["options"]) for v in versions.values()}) == 1
            changed += len({v["answer"] for v in versions.values()}) > 1
    assert changed > 30


def test_depth_is_millimetres_and_farther_behind_the_mask_of_an_object(twins: Path) -> None:
    depth = image(twins, "depth", "s4-00000", "frame_0000.png")
    assert depth.dtype == np.uint16
    assert (depth[0] == 0).all(), "the sky has none"
    ground = depth[-1].astype(float) / 1000
    assert ground.min() > 2 and ground.max() < 6


@pytest.mark.parametrize(
    ("knobs", "absent"),
    [
        (Knobs(movers=(0, 0), size=(96, 72)), {"direction", "which_moves", "when", "count_moving", "travel"}),
        (Knobs(camera_speed=0, size=(96, 72)), {"camera_motion", "camera_still"}),
        (Knobs(objects=(5, 5), size=(96, 72)), {"count"}),
    ],
)
def test_questions_whose_answer_the_knobs_give_away_are_not_asked(
    knobs: Knobs, absent: set[str], tmp_path: Path
) -> None:
    manifest = generate(tmp_path / "set", 12, 5, knobs)
    families = {family.partition("/")[2] for family in manifest.families}
    assert not absent & families and {"relation", "nearest"} <= families


def test_the_knobs_do_what_they_say(tmp_path: Path) -> None:
    def scenes(**knobs: Any) -> list[Any]:
        return [make_scene(8, i, Knobs(**knobs)) for i in range(24)]

    assert {len(s.things) for s in scenes(objects=(8, 9))} == {8, 9}
    assert {sum(t.moves for t in s.things) for s in scenes(objects=(4, 4), movers=(2, 3))} == {2, 3}
    assert all(len({t.colour for t in s.things}) == len(s.things) for s in scenes(look_alikes=0))
    assert all(len({t.colour for t in s.things}) < len(s.things) for s in scenes(look_alikes=1))
    assert all(np.ptp(s.camera, axis=0).max() == 0 and not s.heading.any() for s in scenes(camera_speed=0))
    near, far = (
        np.mean([np.hypot(*t.travel) for s in scenes(motion=m) for t in s.things if t.moves])
        for m in (0.5, 1)
    )
    assert far > 1.6 * near
    hidden = []
    for occlusion in (0.0, 1.0):
        generate(tmp_path / str(occlusion), 16, 6, Knobs(occlusion=occlusion, size=(96, 72)))
        shares = []
        for path in (tmp_path / str(occlusion) / "scenes" / "synthetic").iterdir():
            objects = json.loads(path.read_text())["objects"]
            outline = sum(sum(o["outline_pixels"]) for o in objects)
            shares.append(1 - sum(sum(o["visible_pixels"]) for o in objects) / outline)
        hidden.append(np.mean(shares))
    assert hidden[1] > 3 * hidden[0] + 0.02


@pytest.mark.parametrize(
    "wrong",
    [
        {"frames": 1},
        {"objects": (5, 4)},
        {"objects": (3, 40)},
        {"movers": (0, 9)},
        {"occlusion": 1.5},
        {"motion": 0},
        {"camera_speed": -1},
        {"size": (10, 10)},
    ],
)
def test_knobs_out_of_range_are_refused_in_one_line(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        Knobs(**wrong)
    assert "\n" not in str(refused.value)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not an empty folder"):
        generate(tmp_path, 1, 0, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    for scenes, seed, workers in ((0, 0, 1), (1, -1, 1), (1, 0, 0)):
        with pytest.raises(UsageError):
            generate(tmp_path / "new", scenes, seed, SMALL, workers=workers)


def test_a_disk_that_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SightbenchError, match="cannot write the synthetic benchmark") as refused:
        generate(tmp_path / "file" / "set", 1, 0, SMALL)
    assert refused.value.exit_code == 1 and "\n" not in str(refused.value)


def test_a_set_without_a_manifest_is_not_finished(plain: Path, tmp_path: Path) -> None:
    manifest = read_manifest(plain)
    assert isinstance(manifest, Manifest) and manifest.seed == 3 and manifest.videos == 60
    assert manifest.knobs["size"] == [160, 120]
    with pytest.raises(DatasetError, match="no manifest"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"version": 0}')
    with pytest.raises(DatasetError, match="not a manifest"):
        read_manifest(tmp_path)
