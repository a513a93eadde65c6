"""Every scorer by the name that tasks and `bench.py grade --metric` use."""

from __future__ import annotations

from scorers import choice, cmmmu, dynbench, hallusionbench, mathvista, mmmu, ost, yesno
from scorers.anls import ANLS
from scorers.boxes import BOX_IOU
from scorers.caption import CAPTION
from scorers.containment import OCRBENCH, TINY_LVLM
from scorers.exact import EXACT_MATCH, GQA
from scorers.judge import LLAVA_BENCH_JUDGE, MMVET_JUDGE, PLAN_JUDGE
from scorers.mmscan import MMSCAN, MMSCAN_JUDGE
from scorers.planning import VLABENCH
from scorers.relaxed import RELAXED_ACCURACY
from scorers.score import Scorer
from scorers.vqa import VQA_ACCURACY

SCORERS: dict[str, Scorer] = {
    scorer.name: scorer
    for scorer in (
        # free text
        VQA_ACCURACY, ANLS, RELAXED_ACCURACY, EXACT_MATCH, GQA, CAPTION, OCRBENCH, TINY_LVLM, MMSCAN,
        # choices, yes and no, mixed
        *choice.SCORERS, *yesno.SCORERS, *hallusionbench.SCORERS, *mmmu.SCORERS, *cmmmu.SCORERS,
        *mathvista.SCORERS, *ost.SCORERS, *dynbench.SCORERS,
        # boxes and plans
        BOX_IOU, VLABENCH,
        # what a judge replied
        LLAVA_BENCH_JUDGE, MMVET_JUDGE, PLAN_JUDGE, MMSCAN_JUDGE,
    )
}  # fmt: skip
