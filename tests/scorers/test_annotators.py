"""Ref-DAVIS17 by annotator: masks fused to a label map, matched as DAVIS's unsupervised task does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from sightbench import rle
from sightbench.evaluation.imports import import_masks
from sightbench.evaluation.rescore import score
from sightbench.rle import MaskError, Rle
from sightbench.scorers.masks.annotators import fused
from sightbench.scorers.masks.jf import score_object
from sightbench.scorers.masks.proposals import matched
from sightbench.scorers.score import Metric
from tests.tasks import formats
from tests.tasks.mask_formats import FRAMES, block

Painted = Sequence[np.ndarray]


def tracks(painted: Sequence[Painted]) -> list[list[Rle]]:
    return [[rle.from_array(pixels) for pixels in track] for track in painted]


def test_a_pixel_of_two_objects_belongs_to_the_first() -> None:
    rng = np.random.default_rng(0)
    painted = [[rng.random((9, 7)) < 0.4 for _ in range(3)] for _ in range(4)]
    label = [np.argmax([np.full((9, 7), 0.1), *(track[at] for track in painted)], axis=0) for at in range(3)]
    for number, track in enumerate(fused(tracks(painted)), start=1):
        for at, mask in enumerate(track):
            assert (rle.decode(mask) == (label[at] == number)).all()


def test_objects_are_matched_as_all_orders_tried_would_match_them() -> None:
    rng = np.random.default_rng(1)
    for proposals, truths in ((3, 3), (2, 4), (4, 2), (0, 2)):
        pred = tracks([[rng.random((12, 10)) < 0.4 for _ in range(2)] for _ in range(proposals)])
        true = tracks([[rng.random((12, 10)) < 0.4 for _ in range(2)] for _ in range(truths)])
        voids = tracks([[rng.random((12, 10)) < 0.1 for _ in range(2)]])[0]
        nothing = [rle.empty(12, 10)] * 2
        padded = [*pred, *[nothing] * max(0, truths - proposals)]
        scores = [[score_object(p, t, "davis-unsupervised", voids=voids).jf for t in true] for p in padded]
        best = max(
            sum(scores[row][column] for column, row in enumerate(order))
            for order in permutations(range(len(padded)), truths)
        )
        found = matched(pred, true, voids)
        assert sorted(match.truth for match in found) == list(range(truths))
        assert sum(match.score.jf for match in found) == pytest.approx(best)


def test_an_empty_last_prediction_is_none_and_too_many_are_refused() -> None:
    truth = tracks([[block(1)] * 2, [np.zeros_like(block(1))] * 2])
    (first, second) = matched(tracks([[block(1)] * 2, [np.zeros_like(block(1))] * 2]), truth)
    assert (first.score.j, second.score.j, second.prediction) == (1.0, 1.0, None)
    with pytest.raises(MaskError, match="21 objects in a video, more than 20"):
        matched(tracks([[block(1)]] * 21), tracks([[block(1)]]))


def named(metric: Metric, name: str) -> Metric:
    return next(part for part in metric.parts if part.name == name)


def test_both_definitions_of_ref_davis_of_the_same_masks(tmp_path: Path) -> None:
    data = formats.make("ref-davis17", tmp_path / "data")
    content: dict[str, dict[str, object]] = {}
    for video, objects in (("ant", 1), ("bike", 3)):
        for k in range(objects):
            for a in range(4):
                # The second annotator's full-video words of the bike's objects lead to the neighbour's mask.
                shown = (k + 1) % 3 if video == "bike" and a == 3 else k
                masks = [rle.encode(block(1 + 4 * shown + at)) for at in range(len(FRAMES))]
                content.setdefault(video, {})[str(4 * k + a)] = {"prediction_masks": masks}
    saved = tmp_path / "results.json"
    saved.write_text(json.dumps(content))
    runs = {
        profile: score(import_masks(["ref-davis17"], data, saved, tmp_path / profile, "m", profile).run)
        for profile in ("sa2va", "official")
    }
    plain, official = (runs[profile].summary.benchmarks[0].headline for profile in ("sa2va", "official"))
    # Of 16 expressions 3 point to another object; matching objects to each other forgives that.
    assert plain.n == 16 and named(plain, "J").value == pytest.approx(100 * 13 / 16, abs=0.01)
    assert official.value == pytest.approx(100.0)
    assert [part.name for part in plain.parts[2:6]] == [part.name for part in official.parts[2:6]]
    assert 25 <= (named(plain, "annotator 2, full video").value or 0) < 50
    assert named(official, "J&F, mean over expressions").n == 16


def test_broken_masks_and_broken_label_maps_cost_their_video_only(tmp_path: Path) -> None:
    data = formats.make("ref-davis17", tmp_path / "data")
    broken, right = {"size": [12, 16], "counts": "~"}, rle.encode(block(1))
    content = {
        "ant": {str(a): {"prediction_masks": [broken] * 3} for a in range(4)},
        "bike": {str(n): {"prediction_masks": [right] * 3} for n in range(12)},
    }
    saved = tmp_path / "results.json"
    saved.write_text(json.dumps(content))
    run = score(import_masks(["ref-davis17"], data, saved, tmp_path / "run", "m", "official").run)
    before = run.summary.benchmarks[0].headline
    assert before.value is not None and before.value < 50
    (data / "davis17/valid/Annotations/ant/00000.png").write_bytes(b"no picture")
    summary = score(tmp_path / "run").summary.benchmarks[0]
    assert summary.headline.value is not None and summary.headline.value > before.value
    assert any("not a readable mask image" in note for note in summary.notes)
