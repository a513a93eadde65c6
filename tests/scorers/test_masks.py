"""J, F and J&F equal their references to the last bit, with every core of this machine."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sightbench import rle
from sightbench.errors import UsageError
from sightbench.rle import MaskError
from sightbench.scorers.masks import boundary
from sightbench.scorers.masks.definitions import DEFINITIONS
from sightbench.scorers.masks.jf import score_object, score_revos, statistics
from tests import paths
from tests.scorers import mask_references as ref

CORES = boundary.cores()

SHARED = paths.SHARED
DAVIS = SHARED / "data" / "davis_mini"
SAV = SHARED / "data" / "sav_000001"
needs_davis = pytest.mark.skipif(
    not DAVIS.exists(), reason="no davis_mini in the shared data folder beside the checkout"
)
OBJECTS, FRAMES = 500, 6  # 3,000 pairs per definition


def objects(seed: int, number: int = OBJECTS):
    rng = np.random.default_rng(seed)
    for _ in range(number):
        h, w = ref.random_size(rng)
        pairs = [ref.random_pair(rng, h, w) for _ in range(FRAMES)]
        yield [pred for pred, _ in pairs], [gt for _, gt in pairs], rng


def rles(masks):
    return [rle.from_array(mask) for mask in masks]


def mean(values):
    return float(np.mean(values))


def same(a: float | None, b: float | None) -> bool:
    return a == b or (a is not None and b is not None and math.isnan(a) and math.isnan(b))


@pytest.fixture(scope="module", params=CORES)
def core(request):
    return request.param


@pytest.mark.parametrize("threshold", [2, 1, 5])
def test_dynbench_equals_its_reference(threshold):
    for preds, gts, _ in objects(1 + threshold, OBJECTS if threshold == 2 else 100):
        js, fs = zip(
            *(ref.dynbench_frame(p, g, threshold) for p, g in zip(preds, gts, strict=True)), strict=True
        )
        p, g = rles(preds), rles(gts)
        for core in CORES:
            score = score_object(p, g, "dynbench", tolerance=threshold, core=core)
            assert (score.js, score.fs) == (js, fs)
            assert (score.j, score.f, score.jf) == (mean(js), mean(fs), (mean(js) + mean(fs)) / 2)


def test_davis_family_equals_its_reference():
    for preds, gts, _ in objects(10):
        frames = [ref.davis_frame(p, g) for p, g in zip(preds, gts, strict=True)]
        p, g = rles(preds), rles(gts)
        for definition in ("mevis", "revos", "davis-unsupervised", "davis"):
            kept = frames[1:-1] if definition == "davis" else frames
            for core in CORES:
                score = score_object(p, g, definition, core=core)
                assert list(zip(score.js, score.fs, strict=True)) == kept
                assert (score.j, score.f) == tuple(mean(column) for column in zip(*kept, strict=True))


def test_davis_void_pixels_count_in_neither_mask():
    for preds, gts, rng in objects(11):
        voids = [ref.random_mask(rng, *gt.shape) for gt in gts]
        frames = [ref.davis_frame(*masks) for masks in zip(preds, gts, voids, strict=True)]
        p, g, v = rles(preds), rles(gts), rles(voids)
        for core in CORES:
            score = score_object(p, g, "davis-unsupervised", voids=v, core=core)
            assert list(zip(score.js, score.fs, strict=True)) == frames


def test_vos_benchmark_and_sa_v_count_from_first_sight():
    for preds, gts, rng in objects(12):
        for late in range(rng.integers(0, 4)):
            preds[late], gts[late] = np.zeros_like(preds[0]), np.zeros_like(gts[0])
        js, fs = ref.vos_benchmark_entries(preds, gts)
        p, g = rles(preds), rles(gts)
        for definition in ("vos-benchmark", "sa-v"):
            for core in CORES:
                score = score_object(p, g, definition, core=core)
                assert (list(score.js), list(score.fs)) == (js, fs)
                assert same(score.j, mean(js) if js else math.nan)


def test_vos_benchmark_and_davis_differ_on_a_late_object():
    one, none = np.eye(40, dtype=bool), np.zeros((40, 40), bool)
    preds, gts = rles([none, none, one, none, none]), rles([none, none, one, one, none])
    assert score_object(preds, gts, "vos-benchmark").j == 0.5
    assert score_object(preds, gts, "davis").j == mean([1.0, 1.0, 0.0])


def test_mosev2_equals_its_reference():
    rng = np.random.default_rng(13)
    for _ in range(OBJECTS):
        h, w = ref.random_size(rng)
        preds, gts = zip(*(ref.random_pair(rng, h, w) for _ in range(FRAMES)), strict=True)
        frames = [ref.mosev2_frame(p, g) for p, g in zip(preds, gts, strict=True)][1:-1]
        j, f, plain = zip(*frames, strict=True)
        p, g = rles(preds), rles(gts)
        for core in CORES:
            score = score_object(p, g, "mosev2", core=core)
            assert (score.js, score.fs, score.detail["F_plain"]) == (j, f, mean(plain))


def test_mosev2_scores_disappearance_and_reappearance():
    thing, none = np.zeros((200, 200), bool), np.zeros((200, 200), bool)
    thing[50:90, 50:90] = True
    shown = [thing, thing, none, none, thing, none, thing, thing]
    drawn = [thing, thing, none, thing, thing, none, none, thing]
    score = score_object(rles(drawn), rles(shown), "mosev2")
    js = [ref.mosev2_frame(p, g)[0] for p, g in zip(drawn, shown, strict=True)][1:-1]
    assert score.detail["disappear_J"] == mean([mean(js[1:3]), mean(js[4:5])])
    assert score.detail["reappear_J"] == mean([mean(js[3:4]), mean(js[5:6])])
    assert score_object(rles([thing] * 4), rles([thing] * 4), "mosev2").detail["reappear_F"] is None


def test_revos_reproduces_the_wrap_of_overlapping_instances():
    rng = np.random.default_rng(14)
    for _ in range(OBJECTS // 2):
        h, w = ref.random_size(rng)
        preds = [ref.random_mask(rng, h, w) for _ in range(3)]
        instances = [[ref.random_mask(rng, h, w) for _ in range(rng.integers(0, 4))] for _ in preds]
        fore = [ref.random_mask(rng, h, w) for _ in preds]
        unions = [np.logical_or.reduce([np.zeros((h, w), bool), *masks]) for masks in instances]
        published = zip(*map(ref.revos_frame, preds, instances, fore), strict=True)
        corrected = zip(*map(ref.revos_frame, preds, [[union] for union in unions], fore), strict=True)
        expected = [mean(column) for column in (*published, *corrected)]
        for core in CORES:
            score = score_revos(rles(preds), [rles(masks) for masks in instances], rles(fore), core=core)
            assert [score.detail[name] for name in ("A", "R", "A_corrected", "R_corrected")] == expected
            assert list(score.js) == [ref.davis_frame(p, g)[0] for p, g in zip(preds, unions, strict=True)]


@pytest.mark.parametrize("radius", [0.0, 0.4, 0.55, 1.0, 2.0, 2.3, 7.837, 8.0, 18.0, 63.0, 64.0, 70.0])
@pytest.mark.parametrize("inner", [True, False])
def test_counts_are_right_for_any_disk(radius, inner):
    rng = np.random.default_rng(15)
    kernel = ref.disk(radius)
    for _ in range(40 if radius < 20 else 2):
        h, w = (int(side) for side in rng.integers(1, 200, 2))
        masks = ref.random_pair(rng, h, w)
        boundaries_ = [ref.inner_boundary(mask, kernel) if inner else ref.seg2bmap(mask) for mask in masks]
        hits = (0, 0)
        if all(boundary.any() for boundary in boundaries_):
            hits = tuple((boundaries_[i] & ref.dilate(boundaries_[1 - i], kernel)).sum() for i in (0, 1))
        areas = [mask.sum() for mask in (masks[0] & masks[1], *masks, *boundaries_)]
        for core in CORES:
            pred, gt = ([rle.from_array(mask)] for mask in masks)
            found = boundary.count(pred, gt, inner=inner, element=boundary.disk(radius), core_name=core)
            assert found == [(*areas, *hits)]


def test_other_sizes_are_resized_as_pillow_does(core):
    rng = np.random.default_rng(16)
    for _ in range(600):
        small, large = ref.random_size(rng), tuple(int(side) for side in rng.integers(1, 150, 2))
        (h, w), (gt_h, gt_w) = (small, large) if rng.integers(2) else (large, small)
        pred, gt = ref.random_mask(rng, h, w), ref.random_mask(rng, gt_h, gt_w)
        resized = np.array(
            Image.fromarray(pred.astype(np.uint8) * 255).resize((gt_w, gt_h), Image.Resampling.NEAREST)
        )
        score = score_object(rles([pred]), rles([gt]), core=core)
        assert (score.j, score.f) == ref.dynbench_frame(resized > 127, gt)


@given(st.integers(1, 4000), st.integers(1, 4000))
@settings(max_examples=300, deadline=None)
def test_resize_shows_the_source_pixels_pillow_shows(before, after):
    ramp = Image.fromarray(np.arange(before, dtype=np.int32)[None, :])
    shown = np.array(ramp.resize((after, 1), Image.Resampling.NEAREST))[0]
    starts = rle.nearest_starts(before, after)
    assert np.array_equal(np.repeat(np.arange(before), np.diff(starts)), shown)


@pytest.mark.parametrize(("h", "w", "start"), [(72, 15, 928), (17, 13, 206)])
@pytest.mark.parametrize("inner", [True, False])
def test_an_empty_mask_of_zero_runs_moves_nothing(h, w, start, inner):
    mask = rle.from_lengths(h, w, [start, h * w - start])
    empty = rle.from_lengths(h, w, [0, 0, h * w])
    element = (boundary.diamond if inner else boundary.disk)(1)
    for pair in ((mask, empty), (empty, mask)):
        found = {
            tuple(boundary.count(pair[:1], pair[1:], inner=inner, element=element, core_name=name)[0])
            for name in CORES
        }
        assert len(found) == 1


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_cores_agree(data):
    h, w = data.draw(st.integers(1, 140)), data.draw(st.integers(1, 140))
    runs = st.lists(st.integers(0, h * w), max_size=60).map(sorted)
    cuts = [data.draw(runs) for _ in range(3)]
    masks = [rle.from_lengths(h, w, [b - a for a, b in pairwise([0, *cut, h * w])]) for cut in cuts]
    radius = data.draw(st.integers(1, 70))
    inner = data.draw(st.booleans())
    element = (boundary.diamond if inner else boundary.disk)(radius)
    voids = [masks[2]] if data.draw(st.booleans()) else None
    found = {
        name: boundary.count(masks[:1], masks[1:2], inner=inner, element=element, voids=voids, core_name=name)
        for name in CORES
    }
    assert len(set(map(tuple, found.values()))) == 1, found


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_elements_counted_together_are_those_counted_alone(data):
    h, w = data.draw(st.integers(1, 140)), data.draw(st.integers(1, 140))
    runs = st.lists(st.integers(0, h * w), max_size=60).map(sorted)
    pred, gt = (
        rle.from_lengths(h, w, [b - a for a, b in pairwise([0, *data.draw(runs), h * w])]) for _ in range(2)
    )
    radii = sorted(data.draw(st.lists(st.integers(1, 70), min_size=1, max_size=8)))
    disks = [boundary.disk(float(radius)) for radius in radii]
    for name in CORES:
        (together,) = boundary.count_within([pred], [gt], disks, inner=False, core_name=name)
        alone = [boundary.count([pred], [gt], inner=False, element=d, core_name=name)[0] for d in disks]
        assert together == alone, name


# --- what each definition makes of odd replies ----------------------------------------------------

SQUARE = rle.from_array(np.pad(np.ones((20, 20), bool), 10))
NONE = rle.empty(40, 40)


def test_dynbench_ignores_missing_and_extra_frames():
    assert score_object([SQUARE], [SQUARE, SQUARE, SQUARE]).jf == 1.0
    assert score_object([SQUARE] * 5, [SQUARE] * 3).js == (1.0,) * 3
    assert score_object([], [SQUARE]).jf == 0.0
    assert score_object([None, SQUARE], [NONE, NONE]).js == (1.0, 0.0)


def test_davis_family_scores_missing_frames_as_empty_and_refuses_extra_ones():
    assert score_object([SQUARE], [SQUARE, SQUARE, NONE], "mevis").js == (1.0, 0.0, 1.0)
    with pytest.raises(MaskError, match="4 masks for 3 frames"):
        score_object([SQUARE] * 4, [SQUARE] * 3, "mevis")
    with pytest.raises(MaskError, match=r"mask of frame 1: size \[41, 40\] is not the frame's \[40, 40\]"):
        score_object([SQUARE, rle.empty(41, 40)], [SQUARE] * 2, "mevis")


def test_an_object_no_frame_counts_for_has_no_number():
    assert math.isnan(score_object([SQUARE] * 2, [SQUARE] * 2, "davis").jf)
    assert math.isnan(score_object([NONE] * 5, [NONE] * 5, "vos-benchmark").jf)


@pytest.mark.parametrize("threshold", [2.0, 0.008, 0, -1, True, 256])
def test_only_whole_boundary_thresholds_are_taken(threshold):
    with pytest.raises(UsageError, match="boundary threshold"):
        score_object([SQUARE], [SQUARE], tolerance=threshold)


def test_an_unknown_definition_or_core_is_named():
    with pytest.raises(UsageError, match="unknown mask definition 'coco'"):
        score_object([SQUARE], [SQUARE], "coco")
    with pytest.raises(UsageError, match="mask core 'gpu' is not available"):
        score_object([SQUARE], [SQUARE], core="gpu")


def test_the_core_can_be_chosen_by_environment(monkeypatch):
    monkeypatch.setenv(boundary.CORE_VARIABLE, "numpy")
    assert boundary.core() == "numpy"
    monkeypatch.delenv(boundary.CORE_VARIABLE)
    assert boundary.core() == CORES[0]


def test_a_bad_frame_is_named_with_its_own_number(core):
    bad = rle.Rle(40, 40, "0")
    sizes = [rle.empty(30, 30), NONE, rle.empty(30, 30), NONE]
    with pytest.raises(MaskError, match="mask of frame 3: the runs") as caught:
        score_object([NONE, NONE, NONE, bad], sizes, core=core)
    assert (caught.value.frame, caught.value.whose) == (3, "mask")
    with pytest.raises(MaskError, match="ground truth of frame 1: the runs"):
        score_object([NONE, NONE], [NONE, bad], core=core)


def test_decay_is_right_beyond_256_frames():
    values = list(np.linspace(1, 0, 300))
    assert statistics(values)["decay"] == pytest.approx(0.749, abs=1e-3)
    assert statistics(values)["recall"] == 0.5


# --- real masks -----------------------------------------------------------------------------------


def frames_of(folder: Path) -> list[np.ndarray]:
    return [np.array(Image.open(path).convert("L")) > 0 for path in sorted(folder.glob("frame_*_obj1.png"))]


@needs_davis
@pytest.mark.parametrize(
    ("scene", "jf"),
    [("camel", 0.8399891887733565), ("goat", 0.743289447906957), ("libby", 0.5960223035916714)],
)
def test_known_answers_on_davis(core, scene, jf):
    preds = frames_of(DAVIS / "predictions" / "osvos" / scene)
    gts = frames_of(DAVIS / "masks" / "davis" / scene)
    assert score_object(rles(preds), rles(gts), core=core).jf == jf


@needs_davis
@pytest.mark.parametrize("scene", sorted(path.name for path in DAVIS.glob("predictions/osvos/*")))
def test_real_masks_equal_the_references(core, scene):
    preds = frames_of(DAVIS / "predictions" / "osvos" / scene)
    gts = frames_of(DAVIS / "masks" / "davis" / scene)
    score = score_object(rles(preds), rles(gts), core=core)
    assert list(zip(score.js, score.fs, strict=True)) == [
        ref.dynbench_frame(*p) for p in zip(preds, gts, strict=True)
    ]
    preds, gts = preds[::4], gts[::4]  # a disk of radius 8, pixel by pixel, is slow
    score = score_object(rles(preds), rles(gts), "mevis", core=core)
    assert list(zip(score.js, score.fs, strict=True)) == [
        ref.davis_frame(*p) for p in zip(preds, gts, strict=True)
    ]


@pytest.mark.skipif(not SAV.exists(), reason="no sav_000001 in the shared data folder beside the checkout")
@pytest.mark.parametrize("kind", ["manual", "auto"])
def test_real_rle_equals_the_references(kind):
    frames = json.loads((SAV / f"sav_000001_{kind}.json").read_text())["masklet"]
    for number in range(len(frames[0])):
        masks = [rle.validate(frame[number]) for frame in frames[::30]]
        arrays = [rle.decode(mask) for mask in masks]
        expected = [ref.dynbench_frame(*pair) for pair in pairwise(arrays)]
        for core in CORES:
            score = score_object(masks[:-1], masks[1:], core=core)
            assert list(zip(score.js, score.fs, strict=True)) == expected


def test_every_definition_names_its_reference():
    for name, definition in DEFINITIONS.items():
        assert name == definition.name
        assert definition.reference
