"""COCO RLE: what is sound is read exactly, what is not is refused with its frame and its reason."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as cocomask

from sightbench import rle
from sightbench.rle import MaskError, Rle
from sightbench.scorers.masks import boundary
from sightbench.scorers.masks.jf import score_object
from tests.scorers.hostile_masks import GOOD, REFUSED, TEXT, numbers, text

masks = arrays(bool, st.tuples(st.integers(1, 70), st.integers(1, 70)))


@given(masks)
@settings(max_examples=300, deadline=None)
def test_encoding_is_that_of_pycocotools_and_decoding_its_inverse(mask):
    encoded = rle.encode(mask)
    theirs = cocomask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert encoded == {"size": theirs["size"], "counts": theirs["counts"].decode()}
    assert np.array_equal(rle.decode(rle.validate(json.loads(json.dumps(encoded)))), mask)
    assert rle.area(rle.from_array(mask)) == mask.sum()


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_runs_survive_the_text(data):
    h, w = data.draw(st.integers(1, 16384)), data.draw(st.integers(1, 4096))
    cuts = data.draw(st.lists(st.integers(0, h * w), max_size=40).map(sorted))
    runs = [b - a for a, b in pairwise([0, *cuts, h * w])]  # runs of zero pixels among them
    mask = rle.from_lengths(h, w, runs)
    assert rle.lengths(mask).tolist() == runs
    if len(runs) <= h * w + 1:
        assert rle.validate({"size": [h, w], "counts": runs}) == mask


@given(st.lists(arrays(bool, (17, 9)), min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_levels_say_how_often_a_pixel_is_covered(stack):
    depth = np.sum(stack, axis=0)
    found = rle.levels([rle.from_array(mask) for mask in stack])
    assert found == [rle.from_array(depth >= level) for level in range(1, max(1, depth.max()) + 1)]
    assert rle.union([rle.from_array(mask) for mask in stack]) == found[0]


def test_masks_of_different_sizes_have_no_union():
    with pytest.raises(MaskError, match="differ in size"):
        rle.union([rle.empty(2, 3), rle.empty(3, 2)])


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_masks_are_refused_with_frame_and_reason(name):
    wire, reason = REFUSED[name]
    with pytest.raises(MaskError) as caught:
        rle.validate(wire, frame=7)
    assert reason in caught.value.reason
    assert str(caught.value) == f"mask of frame 7: {caught.value.reason}"
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("core", boundary.cores())
@pytest.mark.parametrize("name", REFUSED)
def test_every_core_refuses_hostile_masks_alike(core, name):
    wire, reason = REFUSED[name]
    with pytest.raises(MaskError) as caught:
        good = rle.read(GOOD)
        score_object([good, rle.read(wire, 1), good], [good] * 3, core=core)
    assert reason in caught.value.reason
    assert caught.value.frame == 1


@pytest.mark.parametrize("core", boundary.cores())
def test_cores_check_the_size_themselves(core):
    for h, w in [(0, 10), (10, 0), (-1, 5), (2**32, 1), (2**32 + 10, 10), (16385, 1), (16384, 16384)]:
        with pytest.raises(MaskError, match="size"):
            boundary.count(
                [Rle(h, w, TEXT)], [rle.read(GOOD)], inner=True, element=boundary.diamond(2), core_name=core
            )


@pytest.mark.parametrize("core", boundary.cores())
@given(garbage=st.one_of(st.binary(max_size=60), st.text(st.characters(min_codepoint=46, max_codepoint=113))))
@settings(max_examples=200, deadline=None)
def test_cores_and_parser_accept_the_same_text(core, garbage):
    mask, good = Rle(10, 10, garbage), rle.read(GOOD)
    outcomes: list[str | None] = []
    for use in (lambda: rle.lengths(mask), lambda: score_object([mask], [good], core=core)):
        try:
            use()
            outcomes.append(None)
        except MaskError as error:
            outcomes.append(error.reason)
    assert (outcomes[0] is None) == (outcomes[1] is None)


def test_zero_runs_are_accepted():
    good = rle.read(GOOD)
    with_zeros = ([30, 10, 0, 10, 50], [30, 20, 50, 0], [0, 0, 30, 20, 50], numbers(30, 10, 0, 0, 50))
    for counts in with_zeros:
        mask = rle.validate(text(counts))
        assert np.array_equal(rle.decode(mask), rle.decode(good))
        for core in boundary.cores():
            (count,) = boundary.count([mask], [good], inner=True, element=boundary.diamond(2), core_name=core)
            assert count.inter == count.pred == count.gt == 20


def test_bytes_and_uncompressed_counts_are_read():
    assert rle.decode(rle.validate(text(TEXT.encode()))).sum() == 20
    assert rle.validate(text([30, 20, 50])).counts == TEXT
    assert rle.read({"size": (10, 10), "counts": TEXT}) == (10, 10, TEXT)


@pytest.mark.parametrize("core", boundary.cores())
def test_refusing_costs_no_memory_beyond_the_text(core):
    bomb = rle.Rle(16384, 4096, "0" * 100_000)  # claims 64 Mpixel, holds none
    tracemalloc.start()
    with pytest.raises(MaskError, match="add up"):
        score_object([bomb], [rle.empty(10, 10)], core=core)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16_000_000
