"""Every scorer by the name that tasks and `bench.py grade --metric` use."""

from __future__ import annotations

from sightbench.scorers import choice, cmmmu, dynbench, hallusionbench, mathvista, mmmu, ost, yesno
from sightbench.scorers.anls import ANLS
from sightbench.scorers.boxes import BOX_IOU
from sightbench.scorers.caption import CAPTION
from sightbench.scorers.containment import OCRBENCH, TINY_LVLM
from sightbench.scorers.exact import EXACT_MATCH, GQA
from sightbench.scorers.judge import LLAVA_BENCH_JUDGE, MMVET_JUDGE, PLAN_JUDGE
from sightbench.scorers.mmscan import MMSCAN, MMSCAN_JUDGE
from sightbench.scorers.planning import VLABENCH
from sightbench.scorers.relaxed import RELAXED_ACCURACY
from sightbench.scorers.score import Scorer
from sightbench.scorers.vqa import VQA_ACCURACY

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
