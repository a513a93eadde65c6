"""Where VLMEvalKit's tables lie on the web, and their MD5: `bench.py download MMStar`."""

from __future__ import annotations

from dataclasses import dataclass

HUB = "https://huggingface.co/datasets/"
SITE = "https://opencompass.openxlab.space/utils/"


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file of a benchmark: its address, its name below --data, its MD5 where it is known, and of an archive
    the folder that comes out of it."""

    url: str
    name: str
    md5: str | None = None
    makes: str | None = None


_LISTED = """
benchmarks/MMBench/MMBench_DEV_EN_V11|30c05be8f2f347a50be25aa067248184
benchmarks/MMBench/MMBench_TEST_EN_V11|8d1a704e791df6f5d9fb3ef782b65365
benchmarks/MMBench/MMBench_DEV_CN_V11|593f9b5f6bea453d870a798b34ae4f37
benchmarks/MMBench/MMBench_TEST_CN_V11|156e6569f9547afb16603eca16e85373
benchmarks/MMBench/MMBench_DEV_EN|b6caf1133a01c6bb705cf753bb527ed8
benchmarks/MMBench/MMBench_TEST_EN|6939fadb0ce626fefc0bdc9c64efc528
benchmarks/MMBench/MMBench_DEV_CN|08b8fc3324a5ed74155350f57be69fbd
benchmarks/MMBench/MMBench_TEST_CN|7e1239baf0ee4c8b513e19705a0f317e
VLMEval/CCBench|f5dde47f24dc5a6fb6e595b409b466ac
VLMEval/MMStar|e1ecd2140806c1b1bbf54b43372efb9e
VLMEval/AI2D_TEST|0f593e0d1c7df9a3d69bf1f947e71975
VLMEval/AI2D_TEST_NO_MASK|fd8f463634d4fe9fbd23b876e8eea5be
benchmarks/SEEDBench/SEEDBench_IMG|68017231464752261a2526d6ca3a10c0
benchmarks/ScienceQA/ScienceQA_VAL|96320d05e142e585e7204e72affd29f3
benchmarks/ScienceQA/ScienceQA_TEST|e42e9e00f9c59a80d8a5db35bc32b71f
VLMEval/RealWorldQA|4de008f55dc4fd008ca9e15321dc44b7
hub:petter12321/crpe_vlmevalkit/resolve/main/CRPE_EXIST|315584e23ac1ff7f8719ed3b7ad90f08
hub:petter12321/crpe_vlmevalkit/resolve/main/CRPE_RELATION|bad7094cde0b572288f4b119c2d0c656
VLMEval/HallusionBench|0c23ac0dc9ef46832d7a24504f2a0c7c
VLMEval/MMMU_DEV_VAL|585e8ad75e73f75dcad265dfd0417d64
VLMEval/MMMU_TEST|c19875d11a2d348d07e5eb4bdf33166d
VLMEval/MathVista_MINI|f199b98e178e5a2a20e7048f5dcb0464
VLMEval/OCRBench|e953d98a987cc6e26ef717b61260b778
VLMEval/TextVQA_VAL|b233b31f551bbf4056f2f955da3a92cd
VLMEval/DocVQA_VAL|d5ee77e1926ff10690d469c56b73eabf
VLMEval/DocVQA_TEST|6a2f28cac26ef2d3447374e8c6f6c8e9
VLMEval/InfoVQA_VAL|2342e9c225222f0ef4dec545ebb126fe
VLMEval/InfoVQA_TEST|df535bf51b88dc9718252c34131a6227
VLMEval/ChartQA_TEST|c902e0aa9be5582a7aad6dcf52734b42
VLMEval/OCRVQA_TESTCORE|c5239fe77db8bdc1f2ad8e55e0d1fe97
VLMEval/GQA_TestDev_Balanced|99b62f22e224d9b2f32dcbe41359d1c9
VLMEval/POPE|c12f5acb142f2ef1f85a26ba2fbe41d5
VLMEval/MME|b36b43c3f09801f5d368627fb92187c3
VLMEval/MMVet|748aa6d4aa9d4de798306a63718455e3
VLMEval/LLaVABench|d382a093f749a697820d3dadd61c8428
VLMEval/MMVP|8cb732b141a0cba5b42159df2839e557
VLMEval/CMMMU_VAL|b4727e2fce2415bf646379e60c11a726
hub:lmms-lab-si/EASI-Leaderboard-Data/resolve/main/MMSIBench_wo_circular|548c5f33f1a12948d5355d5f600749e4
VLMEval/OST|d5d528680379cf2795a47723ce0906e2
"""


def _table(line: str) -> WebFile:
    place, md5 = line.split("|")
    url = place.replace("hub:", HUB) if place.startswith("hub:") else SITE + place
    return WebFile(f"{url}.tsv", f"{place.rsplit('/', 1)[-1]}.tsv", md5)


TABLES = {file.name.removesuffix(".tsv"): file for file in map(_table, _LISTED.split())}
"""By VLMEvalKit's name of the data set."""

VLABENCH_PROMPTS = tuple(
    WebFile(
        f"https://raw.githubusercontent.com/OpenMOSS/VLABench/main/VLABench/configs/prompt/eval_vlm_{language}.txt",
        f"eval_vlm_{language}.txt",
    )
    for language in ("en", "zh")
)
"""What the hub's data set of VLABench lacks."""
