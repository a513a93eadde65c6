"""MM-Vet and LLaVA-Bench in the wild: open questions whose answers a judge marks."""

from __future__ import annotations

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.benchmarks.shared import INTERNVL, LINES, TABLE, annotation, table_file
from sightbench.tasks.readers import annotated, vlmevalkit
from sightbench.tasks.readers.files.layout import Layout, needed, reader_of

MMVET_LAYOUTS = (
    Layout(LINES, annotation("mm-vet/llava-mm-vet.jsonl"), annotated.mm_vet),
    Layout("mm-vet.json", annotation("mm-vet/mm-vet.json"), annotated.mm_vet_gold),
    Layout(TABLE, table_file("MMVet"), vlmevalkit.table(vlmevalkit.mm_vet)),
)
MMVET = Benchmark(
    name="mmvet",
    aliases=("mm-vet", "MMVet"),
    title="MM-Vet",
    family="judged",
    scorers={"text": "mmvet_judge"},
    read=reader_of("mmvet", MMVET_LAYOUTS, 1000),
    prompt="{text} ",
    headline="total",
    metric="a judge's mark from 0 to 1, by capability",
    reference="yuweihao/MM-Vet; " + INTERNVL + "mmvet",
    files=needed(MMVET_LAYOUTS, "mm-vet/images"),
    profiles=("official", "vlmevalkit", "lmms_eval", "internvl", "internvl_cot"),
    profile="internvl",
    scoring={"internvl": "official", "internvl_cot": "vlmevalkit"},
    max_tokens=1000,
)
LLAVA_LAYOUTS = (
    Layout(LINES, annotation("llava-bench-in-the-wild/questions.jsonl"), annotated.llava_bench),
    Layout(TABLE, table_file("LLaVABench"), vlmevalkit.table(vlmevalkit.llava_bench)),
)
LLAVA_BENCH = Benchmark(
    name="llava-bench",
    title="LLaVA-Bench in the wild",
    family="judged",
    scorers={"text": "llava_bench_judge"},
    read=reader_of("llava-bench", LLAVA_LAYOUTS, 1000),
    prompt="{text}" + prompts.DETAIL,
    headline="relative score: mean of the model's marks over mean of GPT-4's",
    metric="a judge's two marks from 1 to 10",
    reference=INTERNVL + "llava_bench",
    files=needed(LLAVA_LAYOUTS, "llava-bench-in-the-wild/images"),
    profiles=("internvl", "vlmevalkit"),
    profile="internvl",
    aliases=("LLaVABench",),
    max_tokens=1000,
)
