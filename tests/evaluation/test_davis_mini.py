"""Real masks (OSVOS on eight DAVIS videos) in every set's own folders, beside what its own evaluator prints.

The numbers were computed on these folders by davis2017-evaluation ac7c43f, SA-V's sav_evaluator.py and
MOSE-api b9afc7d, outside this repository. Proposals are OSVOS's object under label 3 beside two others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from sightbench.evaluation.imports import import_masks
from sightbench.evaluation.rescore import score
from sightbench.scorers.score import Metric
from tests.paths import SHARED
from tests.tasks.mask_formats import palette_png, put

REAL = SHARED / "data" / "davis_mini"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="no davis_mini in the shared data folder")
FRAMES = range(12)
Pixels = npt.NDArray[np.uint8]


def label_maps(folder: Path, out: Path, painted: Callable[[Pixels, int], Pixels], step: int = 1) -> None:
    """<video>/<frame>.png of every video below `folder`, after `painted` (mask, frame)."""
    for video in sorted(folder.iterdir()):
        for at in FRAMES:
            mask = np.asarray(Image.open(video / f"frame_{at:04d}_obj1.png").convert("L")) > 0
            palette_png(out / video.name / f"{step * at:05d}.png", painted(mask.astype(np.uint8), at))


def plain(mask: Pixels, at: int) -> Pixels:
    return mask


def with_void(mask: Pixels, at: int) -> Pixels:
    """A band that belongs to nothing, across the object's upper half."""
    painted = mask.copy()
    top = int(np.flatnonzero(mask.any(1))[0]) if mask.any() else 0
    painted[top : top + 9] = 255
    return painted


def proposals(mask: Pixels, at: int) -> Pixels:
    painted = mask * np.uint8(3)
    painted[:40, :50] = 1
    painted[-60:, 2 * at : 2 * at + 90][mask[-60:, 2 * at : 2 * at + 90] == 0] = 2
    return painted


def gone_in_between(mask: Pixels, at: int) -> Pixels:
    return mask * np.uint8(at not in (4, 5, 8))


def build(root: Path) -> dict[str, Path]:
    """The sets below `root`, and the folder of saved masks by benchmark."""
    truth, osvos = REAL / "masks/davis", REAL / "predictions/osvos"
    videos = sorted(video.name for video in truth.iterdir())
    names = "".join(f"{video}\n" for video in videos).encode()
    for year in ("2016", "2017"):
        put(root / f"DAVIS/ImageSets/{year}/val.txt", names)
    label_maps(truth, root / "DAVIS/Annotations/480p", plain)
    label_maps(truth, root / "DAVIS/Annotations_unsupervised/480p", with_void)
    label_maps(truth, root / "MOSEv2/valid/Annotations", gone_in_between)
    entry = {"length": len(FRAMES), "height": None, "width": None, "objects": ["1"]}
    put(root / "MOSEv2/valid/meta.json", {"videos": dict.fromkeys(videos, entry)})
    put(root / "sav_val/sav_val.txt", names)
    label_maps(truth, root / "by_object", plain, step=4)
    label_maps(osvos, root / "saved/maps", plain)
    label_maps(osvos, root / "saved/proposals", proposals)
    label_maps(osvos, root / "saved_by_object", plain, step=4)
    for folder, out in (("by_object", "sav_val/Annotations_6fps"), ("saved_by_object", "saved/objects")):
        for video in videos:
            (root / out / video).mkdir(parents=True)
            (root / folder / video).rename(root / out / video / "000")
    maps = root / "saved/maps"
    return {
        **{"davis16": maps, "davis17-semi": maps, "mosev2": maps},
        **{"davis17-unsup": root / "saved/proposals", "sa-v-val": root / "saved/objects"},
    }


SEMI_SUPERVISED = {
    "J&F": 82.54465611437261,
    "J": 80.86192241495596,
    "J_recall": 91.25,
    "J_decay": 14.802722252701317,
    "F": 84.22738981378927,
    "F_recall": 100.0,
    "F_decay": 11.097894321232756,
}
REFERENCE: dict[str, dict[str, float]] = {
    # One object a video: DAVIS 2016 and 2017 are the same question.
    "davis16": SEMI_SUPERVISED,
    "davis17-semi": SEMI_SUPERVISED,
    "davis17-unsup": {
        "J&F": 82.36033930963427,
        "J": 80.91213849388036,
        "J_recall": 91.66666666666667,
        "J_decay": 18.314842123938146,
        "F": 83.80854012538816,
        "F_recall": 98.95833333333333,
        "F_decay": 15.394715312289591,
    },
    "sa-v-val": {"J&F": 82.54465611437261, "J": 80.86192241495596, "F": 84.22738981378927},
    "mosev2": {
        "J&F": 57.804436026934226,
        "J": 56.73747511084787,
        "F": 58.87139694302059,
        "F_plain": 58.87139694302059,
        "disappear_J": 0.003427199330048895,
        "disappear_F": 0.0,
        "reappear_J": 76.71352436803575,
        "reappear_F": 80.72590483962263,
    },
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    root = tmp_path_factory.mktemp("davis_mini")
    return root, build(root)


def named(metric: Metric) -> dict[str, float | None]:
    return {part.name: part.value for part in metric.parts} | {"J&F": metric.value}


@pytest.mark.parametrize("name", REFERENCE)
def test_the_number_is_the_evaluators_own(
    name: str, folders: tuple[Path, dict[str, Path]], tmp_path: Path
) -> None:
    root, saved = folders
    run = score(import_masks([name], root, saved[name], tmp_path / "run", "osvos").run)
    found = named(run.summary.benchmarks[0].headline)
    assert {key: found[key] for key in REFERENCE[name]} == pytest.approx(REFERENCE[name], abs=1e-12)
