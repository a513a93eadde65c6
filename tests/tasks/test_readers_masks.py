"""Sets that ask for masks: what is asked, which masks are true, and what is refused, with its place."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sightbench import rle
from sightbench.errors import DatasetError, UsageError
from sightbench.sample import LabelTruth, RleTruth, Sample, Text, Video
from sightbench.scorers.masks.truth import truth_of
from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Problems
from tests.tasks import formats
from tests.tasks.mask_formats import block, track


def read(name: str, root: Path, profile: str | None = None) -> tuple[list[Sample], list[str]]:
    (selection,) = catalog.resolve([name])
    problems = Problems()
    samples = list(catalog.read(selection, root, profile, problems))
    return samples, [str(error) for error in problems.broken]


def words(sample: Sample) -> str:
    return next(part.text for part in sample.turns[0].parts if isinstance(part, Text))


def frames(sample: Sample) -> list[str]:
    video = next(part for part in sample.turns[0].parts if isinstance(part, Video))
    return [frame.stem for frame in video.frames if isinstance(frame, Path)]


def test_an_expression_means_the_union_of_its_objects(tmp_path: Path) -> None:
    samples, broken = read("mevis-valid-u", formats.make("mevis-valid-u", tmp_path))
    assert not broken
    assert [sample.id for sample in samples] == ["cat/0", "cat/1", "zoo/dog/0"]
    gold = samples[1].gold
    assert isinstance(gold, RleTruth)
    truth = truth_of(gold)
    expected = [block(1) | block(9), block(2), block(3) | block(11)]
    assert [rle.decode(mask).tolist() for mask in truth.rles] == [pixels.tolist() for pixels in expected]
    assert words(samples[0]) == "\nPlease segment the cat that walks."
    assert (
        words(read("mevis-valid-u", tmp_path, "unipixel")[0][0])
        == "Please segment the cat that walks in this video."
    )


def test_annotations_of_ref_davis_are_counted_over_ids_sorted_as_text(tmp_path: Path) -> None:
    samples, broken = read("ref-davis17", formats.make("ref-davis17", tmp_path))
    assert not broken and len(samples) == 16
    found = {sample.id: sample.gold for sample in samples}
    # 4 expressions of "ant", then "2" is the fifth of 0, 1, 10, 11, 2, ...
    gold = found["bike/2"]
    assert isinstance(gold, RleTruth) and gold.annotations == ("8",)
    masks = truth_of(gold).rles
    assert (rle.decode(masks[0]) == block(1)).all(), "expression 2 is the third of the first object"
    third = found["bike/11"]
    assert isinstance(third, RleTruth)
    assert (rle.decode(truth_of(third).rles[0]) == block(9)).all()


def test_ref_youtube_vos_leaves_out_the_videos_of_its_test_split(tmp_path: Path) -> None:
    samples, _ = read("ref-youtube-vos", formats.make("ref-youtube-vos", tmp_path))
    assert {sample.meta["video"] for sample in samples} == {"cat", "zoo/dog"}
    assert all(sample.gold is None for sample in samples)


def test_revos_knows_its_kinds_and_makes_up_a_foreground_that_is_not_there(tmp_path: Path) -> None:
    samples, _ = read("revos", formats.make("revos", tmp_path))
    kinds = {sample.id: sample.category for sample in samples}
    assert kinds == {
        "cat/0": "reasoning",
        "cat/1": "referring",
        "cat/2": "no_target",
        "zoo/dog/0": "reasoning",
    }
    assert words(samples[-1]) == "\n Which one runs? Please respond with a segmentation mask."
    gold = samples[0].gold
    assert isinstance(gold, RleTruth)
    told = truth_of(gold).foreground
    assert rle.area(told[1]) == 32
    (tmp_path / "revos/mask_dict_foreground.json").unlink()
    gold = read("revos", tmp_path)[0][0].gold
    assert isinstance(gold, RleTruth)
    assert rle.area(truth_of(gold).foreground[1]) == 16, "object 1 is absent in that frame"


def test_groundmore_asks_twenty_frames_and_is_empty_outside_the_action(tmp_path: Path) -> None:
    samples, broken = read("groundmore", formats.make("groundmore", tmp_path))
    assert not broken and [sample.category for sample in samples] == ["Causal", "Descriptive"]
    sent = [int(name.removeprefix("frame_")) for name in frames(samples[0])]
    assert sent == [0, 1, 3, 5, 7, 9, 11, 12, 14, 16, 18, 20, 22, 23, 25, 27, 29, 31, 33, 35]
    golds = [sample.gold for sample in samples]
    one, both = (truth_of(gold) for gold in golds if isinstance(gold, LabelTruth))
    # The 14th frame has no map.
    acting = [at for at, mask in zip(sent, one.rles, strict=True) if rle.area(mask)]
    assert acting == [12, 16, 18, 20, 22, 23]
    assert (rle.decode(one.rles[7]) == block(2)).all()
    assert (rle.decode(both.rles[7]) == (block(2) | block(9))).all()
    assert words(samples[0]) == "Who kicks it? Please answer the question and provide the segmentation mask."


def test_reasonvos_asks_a_sentence_as_it_is(tmp_path: Path) -> None:
    samples, _ = read("reasonvos", formats.make("reasonvos", tmp_path))
    assert [sample.id for sample in samples] == ["MOSE_cat_3/0", "MOSE_cat_3/1"]
    asked = [words(sample).strip() for sample in samples]
    assert asked == [
        "What barks. Please output the segmentation masks.",
        "Please segment the the dog in this scene.",
    ]


def test_refcoco_is_one_sample_a_sentence_and_its_splits_go_by_their_letters(tmp_path: Path) -> None:
    formats.make("refcoco-seg-testA", tmp_path)
    samples, _ = read("refcoco-seg-testA", tmp_path)
    assert [sample.meta["ref_id"] for sample in samples] == [2, 3]
    assert len(read("refcoco-seg-val", tmp_path)[0]) == 3
    assert words(samples[0]) == "\n Please segment thing 2 in this image."
    samples, _ = read("grefcoco-val", formats.make("grefcoco-val", tmp_path))
    objects = [len(sample.gold["objects"]) for sample in samples if isinstance(sample.gold, dict)]
    assert objects == [1, 1, 2, 0]


def test_reasonseg_asks_the_first_text_and_unipixel_every_one(tmp_path: Path) -> None:
    formats.make("reasonseg-val", tmp_path)
    samples, _ = read("reasonseg-val", tmp_path)
    assert [(sample.id, sample.category) for sample in samples] == [("a_1", "long"), ("b_2", "short")]
    assert words(samples[0]) == "\n the place one cooks at Please output segmentation mask."
    assert len(read("reasonseg-val", tmp_path, "unipixel")[0]) == 4
    path = tmp_path / "ReasonSeg/val/a_1.json"
    path.write_bytes(
        json.dumps({**json.loads(path.read_bytes()), "text": ["café"]}, ensure_ascii=False).encode("cp1252")
    )
    assert "café" in words(read("reasonseg-val", tmp_path)[0][0])


def edit(path: str, change: Callable[[dict], object]) -> Callable[[Path], None]:
    def apply(root: Path) -> None:
        content = json.loads((root / path).read_text())
        change(content)
        (root / path).write_text(json.dumps(content))

    return apply


LIST = "mevis/valid_u/meta_expressions.json"
MASKS = "mevis/valid_u/mask_dict.json"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (edit(LIST, lambda it: it["videos"]["cat"]["frames"].reverse()), "lists its frames out of order"),
        (edit(LIST, lambda it: it["videos"]["cat"]["frames"].append("00009")), "1 of 4 frames are not in"),
        (
            edit(LIST, lambda it: it["videos"].update({"../x": it["videos"]["cat"]})),
            "cannot be a video's name",
        ),
        (edit(LIST, lambda it: it["videos"]["cat"]["expressions"]["0"].update(exp=" ")), "cat/0 is empty"),
        (
            edit(LIST, lambda it: it["videos"]["cat"]["expressions"]["0"].pop("anno_id")),
            "names no annotation",
        ),
        (edit(MASKS, lambda it: it.pop("2")), "means annotation 2, which mask_dict.json does not hold"),
        (edit(MASKS, lambda it: it["0"].pop()), "has 3 frames and its annotation 0 has 2 masks"),
        (edit(MASKS, lambda it: it["0"].__setitem__(1, {"size": [-1, 2], "counts": "0"})), "size [-1, 2]"),
        (edit(MASKS, lambda it: it.update({"0": 3})), "annotation '0'"),
    ],
)
def test_what_does_not_fit_is_named_before_anything_is_asked(
    damage: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    formats.make("mevis-valid-u", tmp_path)
    damage(tmp_path)
    samples, broken = read("mevis-valid-u", tmp_path)
    assert samples and any(said in line for line in broken), broken
    assert all("\n" not in line for line in broken)


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        (LIST, b"{}", "not a list of expressions"),
        (LIST, b'{"videos": {"cat": {"frames": 3}}}', "not a list of expressions"),
        (MASKS, b"", "it is empty"),
        (MASKS, b"[" * 100_000, "not a JSON object of annotations"),
    ],
)
def test_files_that_are_none_stop_with_one_line(path: str, content: bytes, said: str, tmp_path: Path) -> None:
    formats.make("mevis-valid-u", tmp_path)
    (tmp_path / path).write_bytes(content)
    with pytest.raises(DatasetError, match=said):
        list(catalog.read(catalog.resolve(["mevis-valid-u"])[0], tmp_path))


def test_a_million_masks_of_annotations_nobody_asks_for_cost_little(tmp_path: Path) -> None:
    formats.make("mevis-valid-u", tmp_path)
    many = b",".join(b'{"size":[4,4],"counts":"`0"}' for _ in range(10_000))
    held = {
        key: json.dumps(masks).encode() for key, masks in json.loads((tmp_path / MASKS).read_bytes()).items()
    }
    entries = [b'"%b":%b' % (key.encode(), masks) for key, masks in held.items()]
    entries += [b'"x%d":[%b]' % (number, many) for number in range(100)]
    (tmp_path / MASKS).write_bytes(b"{" + b",".join(entries) + b"}")
    samples, broken = read("mevis-valid-u", tmp_path)
    assert len(samples) == 3 and not broken


def test_a_pickle_of_masks_that_would_run_something_is_refused(tmp_path: Path) -> None:
    formats.make("ref-davis17", tmp_path)
    (tmp_path / "davis17/valid/mask_dict.pkl").write_bytes(pickle.dumps({"0": print}))
    with pytest.raises(
        DatasetError, match=r"mask_dict\.pkl: not a pickle of plain data: it names builtins\.print"
    ):
        list(catalog.read(catalog.resolve(["ref-davis17"])[0], tmp_path))


def test_true_masks_that_are_not_there_leave_a_benchmark_out_of_its_group(tmp_path: Path) -> None:
    formats.make("mevis-valid-u", tmp_path)
    (tmp_path / MASKS).unlink()
    with pytest.raises(UsageError, match="the true masks are not there"):
        list(catalog.read(catalog.resolve(["mevis-valid-u"])[0], tmp_path))


def test_a_label_map_in_colours_or_of_another_size_is_refused(tmp_path: Path) -> None:
    from PIL import Image

    formats.make("groundmore", tmp_path)
    map = tmp_path / "GroundMoRe/annotations/kick_0010_0016/masks/frame_000012.png"
    gold = read("groundmore", tmp_path)[0][0].gold
    assert isinstance(gold, LabelTruth)
    Image.new("RGB", (16, 12)).save(map)
    with pytest.raises(DatasetError, match="no label map: its mode is RGB"):
        truth_of(gold)
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(map)
    with pytest.raises(DatasetError, match="its size is"):
        truth_of(gold)


def test_groups_hold_the_tables_of_their_papers() -> None:
    names = {
        group: {each.benchmark.name for each in catalog.resolve([group])} for group in ("sa2va", "unipixel")
    }
    assert {"mevis-valid-u", "ref-davis17", "revos", "ref-sav", "refcoco-seg-val"} <= names["sa2va"]
    assert {"groundmore", "reasonseg-val", "refcocog-seg-test"} <= names["unipixel"]
    everything = {each.benchmark.name for each in catalog.resolve(["mask-all"])}
    assert names["sa2va"] | names["unipixel"] | {"reasonvos", "grefcoco-testB"} <= everything
    assert all("text" not in each.benchmark.scorers for each in catalog.resolve(["mask-all"]))


def test_masks_of_frames_that_are_null_are_empty(tmp_path: Path) -> None:
    formats.make("ref-sav", tmp_path)
    samples, _ = read("ref-sav", tmp_path)
    gold = samples[1].gold
    assert isinstance(gold, RleTruth) and track(9, absent=(1,))[1] is None
    assert rle.area(truth_of(gold).rles[1]) == 16
