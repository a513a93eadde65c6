"""How a reference runs a model family: its wording, its room for an answer, its tiles."""

from __future__ import annotations

import pytest

from sightbench.tasks import catalog
from sightbench.tasks.practice import Practice, practice, tiles

VLMEVALKIT = tuple(benchmark.name for benchmark in catalog.VLMEVALKIT)
INTERNVL = ("internvl", "OpenGVLab/InternVL3_5-8B")
MPO = ("internvl", "OpenGVLab/InternVL2_5-8B-MPO")
QWEN = ("qwen2.5-vl", "Qwen/Qwen2.5-VL-7B-Instruct")


def of(name: str, model: tuple[str, str], *, reasons: bool = False) -> Practice:
    (selection,) = catalog.resolve([name])
    return practice(selection.benchmark, *model, reasons=reasons)


@pytest.mark.parametrize("name", [*VLMEVALKIT, "CMMMU_VAL", "mmsi_bench", "mmscan_2d"])
def test_no_model_gets_a_limit_that_was_meant_for_dyn_bench(name: str) -> None:
    assert of(name, INTERNVL).max_tokens == 4096
    assert of(name, QWEN).max_tokens == 2048
    assert of(name, ("llava-onevision", "llava-hf/llava-onevision-qwen2-7b-ov-hf")).max_tokens == 2048
    assert of(name, ("", "gpt-5")).max_tokens == 2048


@pytest.mark.parametrize(
    ("name", "plain", "preferred", "reasons", "preferred_reasons"),
    [
        ("MMStar", "internvl", "internvl_mpo", "internvl_cot", "internvl_mpo"),
        ("HallusionBench", "internvl", "internvl_mpo", "internvl", "internvl_mpo"),
        ("OCRBench", "internvl", "internvl_mpo", "internvl_cot", "internvl_mpo"),
        ("MMMU_DEV_VAL", "internvl", "internvl", "internvl_cot", "internvl_mpo"),
        ("MathVista_MINI", "internvl", "internvl", "internvl_cot", "internvl_mpo"),
        ("CRPE_EXIST", "internvl", "internvl", "internvl_cot", "internvl_mpo"),
        # The wrapper's short-answer wording is VLMEvalKit's own.
        ("DocVQA_VAL", "vlmevalkit", "vlmevalkit", "vlmevalkit", "vlmevalkit"),
        ("mmsi_bench", "internvl", "internvl", "internvl", "internvl"),
        # InternVL's own scripts word the other half.
        ("mme", "internvl", "internvl", "internvl", "internvl"),
    ],
)
def test_internvl_is_asked_in_its_wrappers_words(
    name: str, plain: str, preferred: str, reasons: str, preferred_reasons: str
) -> None:
    assert of(name, INTERNVL).profile == plain
    assert of(name, MPO).profile == preferred
    assert of(name, INTERNVL, reasons=True).profile == reasons
    assert of(name, MPO, reasons=True).profile == preferred_reasons
    assert of(name, ("internvl", "OpenGVLab/InternVL2-8B-MPO")).profile == plain
    assert of(name, ("internvl", "InternVL2-5-8B-MPO")).profile == preferred


def test_another_model_is_asked_in_the_data_sets_words() -> None:
    assert {of(name, QWEN).profile for name in ("MMStar", "HallusionBench", "OCRBench")} == {"vlmevalkit"}
    assert of("OCRBench", ("", "gpt-5")).profile == "internvl"
    assert of("dynbench", INTERNVL) == Practice("LilyYang0504/Bench utils/cal_metrics.py", "official")


def test_tiles_and_pixels_are_the_references() -> None:
    most = {name: of(name, INTERNVL).tiles for name in ("MMStar", "MMMU_TEST", "DocVQA_VAL", "OCRBench")}
    assert most == {"MMStar": 6, "MMMU_TEST": 12, "DocVQA_VAL": 18, "OCRBench": 24}
    assert of("vqa-infovqa-val", INTERNVL).tiles == 24 and of("mme", INTERNVL).tiles == 6
    assert of("egoexo_bench", INTERNVL).tiles == 1
    assert of("MMStar", QWEN).pixels == (1003520, 12845056)
    assert of("egoexo_bench", QWEN).pixels == (100352, 602112)
    assert of("MMStar", QWEN).serving() == "images of 1,003,520 to 12,845,056 pixels"


@pytest.mark.parametrize(
    ("width", "height", "most", "count"),
    [
        (448, 448, 6, 1),
        (896, 448, 6, 3),  # two and the thumbnail
        (800, 600, 6, 7),
        (1920, 1080, 6, 3),
        (1920, 1080, 12, 9),
        (100, 3000, 6, 7),
        (4000, 4000, 12, 10),
    ],
)
def test_an_image_is_cut_as_internvls_preprocessing_cuts_it(
    width: int, height: int, most: int, count: int
) -> None:
    assert tiles(width, height, most) == count


def test_internvl_35_in_thinking_mode_is_asked_in_the_same_words_with_room_for_its_reasons() -> None:
    thinking = of("MMStar", ("internvl-thinking", "OpenGVLab/InternVL3_5-8B"))
    assert (thinking.profile, thinking.max_tokens, thinking.tiles) == ("internvl", 32768, 6)
