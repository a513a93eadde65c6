"""Every scorer, and every aggregate of several, by the name that tasks and `bench.py grade --metric` use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sightbench.scorers.choice import (
    abcd,
    cmmmu,
    dynbench,
    hallusionbench,
    mathvista,
    mlvu,
    mmmu,
    multiple_choice,
    ost,
    yesno,
)
from sightbench.scorers.dynbench import totals
from sightbench.scorers.judged.judge import LLAVA_BENCH_JUDGE, MMVET_JUDGE, PLAN_JUDGE
from sightbench.scorers.judged.mmscan import MMSCAN, MMSCAN_JUDGE
from sightbench.scorers.masks.annotators import REF_DAVIS
from sightbench.scorers.masks.gcg import GCG
from sightbench.scorers.masks.gres import GRES
from sightbench.scorers.masks.image_iou import CIOU, GIOU
from sightbench.scorers.masks.proposals import DAVIS_UNSUPERVISED
from sightbench.scorers.masks.rvos import REF_SAV, REVOS, RVOS
from sightbench.scorers.masks.scorer import JF
from sightbench.scorers.score import Row, Totals
from sightbench.scorers.scorer import Scorer
from sightbench.scorers.text.anls import ANLS
from sightbench.scorers.text.boxes import BOX_IOU
from sightbench.scorers.text.caption import CAPTION
from sightbench.scorers.text.containment import OCRBENCH, TINY_LVLM
from sightbench.scorers.text.exact import AI2D, EXACT_MATCH, GQA
from sightbench.scorers.text.planning import VLABENCH
from sightbench.scorers.text.relaxed import RELAXED_ACCURACY
from sightbench.scorers.text.vqa import VIZWIZ_ACCURACY, VQA_ACCURACY

_ALL: tuple[Scorer[Any, Any, Any], ...] = (
        # free text
        VQA_ACCURACY, VIZWIZ_ACCURACY, ANLS, RELAXED_ACCURACY, EXACT_MATCH, AI2D, GQA, CAPTION, OCRBENCH,
        TINY_LVLM, MMSCAN,
        # choices, yes and no, mixed
        *multiple_choice.SCORERS, *abcd.SCORERS, *yesno.SCORERS, *hallusionbench.SCORERS, *mmmu.SCORERS,
        *cmmmu.SCORERS, *mathvista.SCORERS, *mlvu.SCORERS, *ost.SCORERS, *dynbench.SCORERS,
        # boxes and plans
        BOX_IOU, VLABENCH,
        # masks
        JF, DAVIS_UNSUPERVISED, RVOS, REF_DAVIS, REVOS, REF_SAV, CIOU, GIOU, GRES, GCG,
        # what a judge replied
        LLAVA_BENCH_JUDGE, MMVET_JUDGE, PLAN_JUDGE, MMSCAN_JUDGE,
)  # fmt: skip
SCORERS = {scorer.name: scorer for scorer in _ALL}

AGGREGATES: dict[str, Callable[[Sequence[Row]], Totals]] = {"dynbench": totals}
"""What sums up a benchmark that asks for texts and for masks, by the name its row gives."""
