"""The judges, by the scorer whose answers they judge."""

from __future__ import annotations

from collections.abc import Mapping

from sightbench.scorers.judged.marking import LLAVA_BENCH, MMSCAN, MMVET, PLAN
from sightbench.scorers.judged.reading import CHOICE, HALLUSIONBENCH, MATHVISTA, YES_NO
from sightbench.scorers.judged.row import OURS, REFERENCE, Judge

JUDGES: Mapping[str, Judge] = {
    "mmvet_judge": MMVET,
    "llava_bench_judge": LLAVA_BENCH,
    "plan_judge": PLAN,
    "mmscan": MMSCAN,
    "mathvista": MATHVISTA,
    **dict.fromkeys(("choice", "circular", "mmvp", "seed", "scienceqa", "mmstar", "mmmu", "mlvu"), CHOICE),
    **dict.fromkeys(("yes_no", "mme", "pope"), YES_NO),
    "hallusionbench": HALLUSIONBENCH,
}
"""By the name of the scorer."""

PROFILES = (OURS, REFERENCE, "official", "vlmevalkit", "internvl", "lmms_eval")
