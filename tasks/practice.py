"""How the reference a benchmark comes from asks the model at hand, where it depends on the model.

VLMEvalKit has a wrapper per model family: its own wording, room for the answer, and how large a picture
the model sees. InternVL's scripts cut pictures into tiles. docs/fidelity.md has the whole table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sightbench.tasks import catalog
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.own import OWN

TILE = 448
TILE_TOKENS = 256
TILES_IN_ALL = 64
"""VLMEvalKit's wrapper shares this many tiles among the images of one question."""

MOST_TILES = {
    **dict.fromkeys(("ChartQA_TEST", "MMMU_DEV_VAL", "MMMU_TEST", "OCRVQA_TESTCORE", "vqa-chartqa-test"), 12),
    **dict.fromkeys(("DocVQA_VAL", "DocVQA_TEST", "vqa-docvqa-val", "vqa-docvqa-test"), 18),
    **dict.fromkeys(("InfoVQA_VAL", "InfoVQA_TEST", "OCRBench", "vqa-infovqa-val", "vqa-infovqa-test"), 24),
    "egoexo_bench": 1,
}
"""Tiles an image is cut into at most, the thumbnail not counted; 6 where nothing is said."""
USUAL_TILES = 6

REASONED_BY_MPO = ("MMStar", "HallusionBench", "OCRBench")
"""VLMEvalKit asks models trained with preference optimisation for reasons on these only."""
YES_NO = ("HallusionBench",)
PREFERENCE = re.compile(r"internvl(?!2-(?!5)).*mpo", re.IGNORECASE)
"""Models whose wrapper has the wording for preference optimisation; InternVL2-8B-MPO has not."""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """What VLMEvalKit does for a family: `prefix` of the family's name, tokens an answer may take, pixels of
    an image (least, most), and the profile that holds its wording."""

    prefix: str
    max_tokens: int
    profile: str | None = None
    pixels: tuple[int, int] | None = None
    video_pixels: tuple[int, int] | None = None


WRAPPERS = (
    Wrapper("internvl-thinking", 32768, "internvl"),
    Wrapper("internvl", 4096, "internvl"),
    Wrapper("qwen3-vl-thinking", 40960, "vlmevalkit"),
    Wrapper("qwen3-vl", 16384, "vlmevalkit"),
    Wrapper(
        *("qwen2.5-vl", 2048, "vlmevalkit"),
        pixels=(1280 * 28 * 28, 16384 * 28 * 28),
        video_pixels=(128 * 28 * 28, 768 * 28 * 28),
    ),
)
ANY_MODEL = Wrapper("", 2048)
"""VLMEvalKit's wrappers of hosted models, and of nearly all others."""


@dataclass(frozen=True, slots=True)
class Practice:
    """How `reference` asks a model on a benchmark.

    `profile` is the wording; `max_tokens` counts where a question has no limit of its own; `tiles` is how
    many of 448 x 448 pixels an image is cut into at most, `pixels` the least and the most an image may have;
    None: the reference leaves it alone, or it is not known to the model.
    """

    reference: str
    profile: str
    max_tokens: int | None = None
    tiles: int | None = None
    pixels: tuple[int, int] | None = None

    def serving(self) -> str:
        """What the server must have been started for, in words; empty if nothing."""
        if self.tiles:
            return f"images in up to {self.tiles} tiles"
        return "images of {:,} to {:,} pixels".format(*self.pixels) if self.pixels else ""


def practice(benchmark: Benchmark, family: str, model: str, *, reasons: bool = False) -> Practice:
    """How the reference `benchmark` comes from runs a model called `model`, of that family.

    `reasons` is VLMEvalKit's USE_COT=1. A benchmark of neither VLMEvalKit nor InternVL is asked as it is.
    """
    internvl = family.startswith("internvl")
    tiles = MOST_TILES.get(benchmark.name, USUAL_TILES) if internvl else None
    if benchmark.name.startswith("CMMMU_") or benchmark in (*catalog.VLMEVALKIT, *catalog.INTERNSR):
        wrapper = next((each for each in WRAPPERS if family.startswith(each.prefix)), ANY_MODEL)
        video = benchmark.family == "video choice"
        return Practice(
            "VLMEvalKit",
            _profile(benchmark, wrapper, model, reasons),
            wrapper.max_tokens,
            tiles,
            wrapper.video_pixels if video else wrapper.pixels,
        )
    if benchmark in catalog.INTERNVL:
        return Practice("InternVL", benchmark.profile, None, tiles)
    if benchmark.family == OWN:
        return Practice("VLMEvalKit", benchmark.profile, ANY_MODEL.max_tokens)
    return Practice(benchmark.reference, benchmark.profile)


def _profile(benchmark: Benchmark, wrapper: Wrapper, model: str, reasons: bool) -> str:
    wording = wrapper.profile
    if wording == "internvl":
        preferred = PREFERENCE.search(model) is not None
        if preferred and (reasons or benchmark.name in REASONED_BY_MPO):
            wording = "internvl_mpo"
        elif reasons and benchmark.name not in YES_NO:
            wording = "internvl_cot"
    for profile in (wording, wrapper.profile):
        # A row says of a wrapper's wording how it is scored; InternVL's own wording is another one.
        if profile in benchmark.scoring:
            return str(profile)
    return benchmark.profile


def tiles(width: int, height: int, most: int) -> int:
    """How many tiles InternVL's preprocessing makes of an image, the thumbnail counted.

    Of all grids of up to `most` tiles the one whose aspect ratio is nearest; of those that are equally near
    the largest that is less than twice as large as the image.
    """
    grids = sorted(
        {(i, j) for i in range(1, most + 1) for j in range(1, most + 1) if i * j <= most},
        key=lambda grid: grid[0] * grid[1],
    )
    best, nearest = (1, 1), float("inf")
    for grid in grids:
        distance = abs(width / height - grid[0] / grid[1])
        larger = distance == nearest and width * height > 0.5 * TILE * TILE * grid[0] * grid[1]
        if distance < nearest or larger:
            best, nearest = grid, distance
    count = best[0] * best[1]
    return count + (count > 1)
