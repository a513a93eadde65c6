"""The restated references equal the packages the benchmarks run on, and so do the scorers on real masks.

Needs scipy, OpenCV, scikit-image and vos-benchmark (`pip install -e .[oracle]`); what is absent is skipped.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from sightbench import rle
from sightbench.scorers.masks import boundary
from sightbench.scorers.masks.jf import score_object
from tests import paths
from tests.scorers import mask_references as ref

SHARED = paths.SHARED / "data"


def pairs(seed: int, number: int):
    rng = np.random.default_rng(seed)
    for _ in range(number):
        yield ref.random_pair(rng, *ref.random_size(rng))


def test_crosses_are_those_of_scipy():
    ndimage = pytest.importorskip("scipy.ndimage", reason="scipy is not installed")
    for mask, _ in pairs(1, 400):
        for times in (1, 2, 5):
            assert np.array_equal(ref.cross(mask, times), ndimage.binary_dilation(mask, iterations=times))
            assert np.array_equal(ref.eroded(mask, times), ndimage.binary_erosion(mask, iterations=times))


def test_disks_and_dilation_are_those_of_scikit_image_and_opencv():
    morphology = pytest.importorskip("skimage.morphology", reason="scikit-image is not installed")
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    masks = [mask for mask, _ in pairs(2, 12)]
    for radius in (0.0, 0.2, 0.5, 0.55, 0.7, 1.0, 1.1, 1.4, 2.0, 2.3, 5.0, 7.837, 8.0, 17.62, 18.0):
        kernel = morphology.disk(radius)
        assert np.array_equal(ref.disk(radius), kernel.astype(bool))
        for mask in masks:
            theirs = cv2.dilate(mask.astype(np.uint8), kernel).astype(bool)
            assert np.array_equal(ref.dilate(mask, ref.disk(radius)), theirs), radius


def test_vos_benchmark_agrees_frame_by_frame():
    evaluator = pytest.importorskip("vos_benchmark.evaluator", reason="vos-benchmark is not installed")
    rng = np.random.default_rng(3)
    for _ in range(200):
        h, w = ref.random_size(rng)
        preds, gts = zip(*(ref.random_pair(rng, h, w) for _ in range(6)), strict=True)
        theirs = evaluator.Evaluator()
        for pred, gt in zip(preds, gts, strict=True):
            theirs.feed_frame(pred.astype(np.uint8), gt.astype(np.uint8))
        edge = [np.zeros((h, w), bool)]  # the frames the evaluation drops
        ours = ref.vos_benchmark_entries([*edge, *preds, *edge], [*edge, *gts, *edge])
        assert (theirs.object_iou[1], theirs.boundary_f[1]) == ours


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data folder is not beside the checkout")
@pytest.mark.parametrize("source", ["davis_mini", "sav_000001"])
def test_every_real_mask_scores_as_scipy_and_vos_benchmark_do(source):
    ndimage = pytest.importorskip("scipy.ndimage", reason="scipy is not installed")
    evaluator = pytest.importorskip("vos_benchmark.evaluator", reason="vos-benchmark is not installed")
    for preds, gts in davis_objects() if source == "davis_mini" else sav_objects():
        dynbench, theirs = [], evaluator.Evaluator()
        for pred, gt in zip(preds, gts, strict=True):
            dynbench.append(scipy_frame(ndimage, pred, gt))
            theirs.feed_frame(pred.astype(np.uint8), gt.astype(np.uint8))
        p, g = [rle.from_array(m) for m in preds], [rle.from_array(m) for m in gts]
        for core in boundary.cores():
            score = score_object(p, g, "dynbench", core=core)
            assert list(zip(score.js, score.fs, strict=True)) == dynbench
            score = score_object(p, g, "mevis", core=core)
            first = len(gts) - len(theirs.object_iou[1])  # vos-benchmark begins at first sight
            assert (list(score.js[first:]), list(score.fs[first:])) == (
                theirs.object_iou[1],
                theirs.boundary_f[1],
            )


def scipy_frame(ndimage, pred, gt):
    union = (pred | gt).sum()
    j = (pred & gt).sum() / union if union else 1.0
    boundary_p, boundary_g = (mask ^ ndimage.binary_erosion(mask, iterations=2) for mask in (pred, gt))
    if not boundary_p.any() or not boundary_g.any():
        return j, 1.0 if boundary_p.any() == boundary_g.any() else 0.0
    p = (boundary_p & ndimage.binary_dilation(boundary_g, iterations=2)).sum() / boundary_p.sum()
    r = (boundary_g & ndimage.binary_dilation(boundary_p, iterations=2)).sum() / boundary_g.sum()
    return j, 2 * p * r / (p + r) if p + r else 0.0


def davis_objects():
    for folder in sorted((SHARED / "davis_mini/masks/davis").iterdir()):
        osvos = SHARED / "davis_mini/predictions/osvos" / folder.name
        names = sorted(path.name for path in folder.glob("frame_*_obj1.png"))
        preds, gts = ([np.array(Image.open(d / n).convert("L")) > 0 for n in names] for d in (osvos, folder))
        yield preds, gts


def sav_objects():
    """Every masklet, manual and automatic, each frame's mask judged against the next frame's."""
    for kind in ("manual", "auto"):
        frames = json.loads((SHARED / f"sav_000001/sav_000001_{kind}.json").read_text())["masklet"]
        for number in range(max(map(len, frames))):
            masks = [rle.decode(rle.validate(frame[number])) for frame in frames if len(frame) > number]
            yield masks[:-1], masks[1:]
