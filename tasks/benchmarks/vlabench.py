"""VLABench: planning in six dimensions."""

from __future__ import annotations

from sightbench.tasks.benchmark import Benchmark, Needed
from sightbench.tasks.readers import vlabench
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of

VLABENCH_PLACES = ("dataset/vlm_evaluation_v1.0", "vlm_evaluation_v1.0", ".")
VLABENCH_LAYOUTS = (
    Layout(
        "operation_sequence.json of every example",
        VLABENCH_PLACES,
        vlabench.read,
        ("*/*/example*/output/operation_sequence.json",),
    ),
)
VLABENCH = Benchmark(
    name="vlabench",
    title="VLABench planning in six dimensions",
    family="planning",
    scorers={"text": "vlabench"},
    read=reader_of("vlabench", VLABENCH_LAYOUTS, vlabench.MAX_TOKENS),
    prompt="{eval_vlm_en.txt} Input picture <image> Input picture with numbered tags <image> "
    "Language instruction: {instruction} Please give the output skill sequence",
    headline="total_score (the official one, of 80)",
    metric="0.4 x skills + 0.4 x entities matched; exact matches beside it",
    reference="OpenMOSS/VLABench VLABench/evaluation/utils.py; Evan-Joseph/leap-code",
    files=(
        *needed(VLABENCH_LAYOUTS),
        Needed("VLABench's own prompt", vlabench.PROMPTS),
        Needed("pictures", ("**/example*/input/*.png",), media=True),
    ),
    profiles=vlabench.PROFILES,
    scoring=dict.fromkeys(vlabench.PROFILES[1:], "official"),
    tasks=tuple(vlabench.DIMENSIONS),
    task_names={dimension: (dimension,) for dimension in vlabench.DIMENSIONS},
    max_tokens=vlabench.MAX_TOKENS,
)

BLIND_LAYOUTS = (
    Layout("messages and steps (JSON lines)", ("data/blind_10.jsonl", "blind_10.jsonl"), vlabench.blind),
)
BLIND = Benchmark(
    name="blind_10",
    title="LEAP's ten plans for a judge",
    family="judged",
    scorers={"text": "plan_judge"},
    read=reader_of("blind_10", BLIND_LAYOUTS, 256),
    prompt="{messages, as they are}",
    headline="final score",
    metric="a judge's four marks for a plan; LEAP asks with temperature 0.7 and top-p 0.9",
    reference="Evan-Joseph/leap-code scripts/evaluation/run_vlm_output.py, analyze_output_results.py",
    files=needed(BLIND_LAYOUTS),
    aliases=("blind10", "leap-blind-10"),
    max_tokens=256,
)
