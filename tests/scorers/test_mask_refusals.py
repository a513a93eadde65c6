"""Whatever is wrong with a mask's text, every core names the same mask and the same thing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sightbench import rle
from sightbench.rle import MaskError, Rle
from sightbench.scorers.masks import boundary
from sightbench.scorers.masks.overlap import overlaps
from tests.hostile import generator
from tests.scorers.hostile_masks import REFUSED, number

H, W = 30, 40
CORES = boundary.cores()


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Run lengths of a mask, of a few to some hundred numbers, with up to three faults anywhere in them."""
    cuts = draw(st.lists(st.integers(0, H * W), max_size=draw(st.sampled_from([2, 20, 200]))).map(sorted))
    runs = [after - before for before, after in zip([0, *cuts], [*cuts, H * W], strict=True)]
    counts = rle.from_lengths(H, W, runs).counts
    assert isinstance(counts, str)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(counts)))
        fault = draw(
            st.sampled_from(["o" * 8 + "0", "P" * 7 + "0", "o" * 20, " ", "p", "é", "\ud800", "\0", "0" * 70])
            | st.integers(-(2**34), 2**34).map(number)
            | st.integers(-50, 50).map(number)
        )
        counts = counts[:at] + fault + counts[at + draw(st.integers(0, 3)) :]
    return counts[: draw(st.sampled_from([len(counts)] * 4 + [len(counts) // 2, 0]))]


masks = st.builds(Rle, st.just(H), st.just(W), texts())


def said(use: Callable[[], object]) -> str | None:
    try:
        use()
    except MaskError as error:
        return str(error)
    return None


LATE_SUM, LATE_LONG = number(H * W + 1) + "0" * 70, "o" * 9 + "0"
WRONG_TWICE = [Rle(H, W, LATE_SUM + LATE_LONG), Rle(H, W, number(-5) + "0" * 70 + LATE_LONG)]


def counted(preds: list[Rle], gts: list[Rle], voids: list[Rle] | None, core: str) -> str | None:
    """What a core says of these frames."""
    element = boundary.diamond(2)
    return said(lambda: boundary.count(preds, gts, inner=True, element=element, voids=voids, core_name=core))


def laid(frames: list[tuple[Rle, ...]], core: str | None) -> str | None:
    return said(lambda: overlaps(frames, core_name=core))


@given(st.lists(masks, min_size=6, max_size=6), st.booleans())
@example([*WRONG_TWICE] * 3, True)
@generator(300)
def test_of_two_things_wrong_every_core_names_the_same(six: list[Rle], void: bool) -> None:
    voids = six[4:] if void else None
    assert len({counted(six[:2], six[2:4], voids, core) for core in CORES}) == 1
    frames = [tuple(six[:3]), tuple(six[3:])]
    assert laid(frames, None) == laid(frames, "numpy")


@pytest.mark.parametrize("name", REFUSED)
def test_the_words_are_those_of_the_one_reader(name: str) -> None:
    good = rle.empty(10, 10)
    try:
        mask = rle.read(REFUSED[name][0])
    except MaskError:
        return  # no core sees what is no text of a size
    words = said(lambda: rle.lengths(mask, 1))
    assert words is not None
    assert {counted([good, mask], [good] * 2, None, core) for core in CORES} == {words}
