"""InternSR's set, space and video: MMSI-Bench, OST-Bench, EgoExo-Bench, MMScan-2D."""

from __future__ import annotations

from sightbench.tasks import prompts
from sightbench.tasks.benchmark import Benchmark, Needed
from sightbench.tasks.benchmarks.shared import table_file
from sightbench.tasks.readers import egoexo, mmscan, mmsi, ost, vlmevalkit
from sightbench.tasks.readers.files.layout import Layout, LayoutReader, needed, reader_of

INTERNSR = "InternRobotics/InternSR dataset/"
QUESTIONS = "questions (TSV)"
RATIOS = ("0.01", "0.05", "0.1", "0.5", "1.0")


def _annotation_table(*names: str) -> tuple[str, ...]:
    folders = ("annotations", "data/annotations", "LMUData/annotations")
    return (*table_file(*names), *(f"{folder}/{name}.tsv" for folder in folders for name in names))


def _mmsi(name: str, title: str, circular: bool, aliases: tuple[str, ...]) -> Benchmark:
    def shaped(read: LayoutReader) -> LayoutReader:
        return mmsi.circular(read) if circular else read

    tables = _annotation_table("mmsi_bench", "MMSI_Bench", "MMSI_bench", "MMSIBench_wo_circular")
    layouts = (
        Layout(QUESTIONS, tables, shaped(vlmevalkit.table(vlmevalkit.mmsi_row))),
        Layout("the hub's parquet", ("MMSI-Bench", "mmsi_bench"), shaped(mmsi.hub), ("**/*.parquet",)),
        Layout("the hub's parquet", ("MMSI_Bench.parquet", "mmsi_bench.parquet"), shaped(mmsi.hub)),
    )
    return Benchmark(
        name=name,
        title=title,
        family="choice",
        scorers={"text": "mmsi"},
        read=reader_of(name, layouts),
        prompt="{question with its options}\n" + prompts.BACKTICKS,
        headline="circular accuracy" if circular else "accuracy",
        metric="the letter between backticks, else the first lone A-D, is the gold letter"
        + ("; right under four orders of the options" if circular else ""),
        reference=INTERNSR + "mmsi_bench.py",
        files=needed(layouts),
        profiles=("official", "vlmevalkit", "internvl"),
        scoring={"internvl": "official"},
        aliases=aliases,
    )


MMSI = (
    _mmsi("mmsi_bench", "MMSI-Bench", False, ("MMSI_Bench", "MMSIBench_wo_circular", "mmsi")),
    _mmsi("mmsi_bench_circular", "MMSI-Bench, options in four orders", True, ("MMSIBench_circular",)),
)


OST_INTERLEAVED_LAYOUTS = (
    Layout(
        "questions (TSV), images below images/OST",
        _annotation_table("ost_bench", "OST"),
        vlmevalkit.table(ost.interleaved, "OST", "ost_bench"),
    ),
)
OST_ROUNDS_LAYOUTS = (
    Layout(
        "OST_bench.json, images beside it",
        ("OST_bench.json", "data/OST_bench.json", "OST-Bench/OST_bench.json"),
        ost.multi_round,
    ),
)
OST_METRIC = (
    "judgements by nearest option, estimates by mean relative accuracy, counts by equality; "
    "a tree of unweighted means"
)
OST = Benchmark(
    name="ost_bench",
    title="OST-Bench, interleaved",
    family="space on the way",
    scorers={"text": "ost"},
    read=reader_of("ost_bench", OST_INTERLEAVED_LAYOUTS, ost.MAX_TOKENS),
    prompt="{question, each <ImageHere> an image}",
    headline="Overall",
    metric=OST_METRIC,
    reference="OpenRobotLab/OST-Bench evaluation/OST_evaluator.py",
    files=needed(OST_INTERLEAVED_LAYOUTS, "images/OST", "images/ost_bench"),
    profiles=("official", "vlmevalkit"),
    aliases=("OST", "OST-Bench"),
    max_tokens=ost.MAX_TOKENS,
    whole=True,
)
OST_MULTI_ROUND = Benchmark(
    name="ost_bench_multi_round",
    title="OST-Bench as conversations",
    family="space on the way",
    scorers={"text": "ost"},
    read=reader_of("ost_bench_multi_round", OST_ROUNDS_LAYOUTS, ost.MAX_TOKENS),
    prompt="{system_prompt} (system message), then per turn the new images and {user_message}",
    headline="Overall",
    metric=OST_METRIC,
    reference="OpenRobotLab/OST-Bench models/proprietary_baseline.py, QwenVL_baseline.py",
    files=needed(OST_ROUNDS_LAYOUTS, "images"),
    profiles=("official", "qwen"),
    scoring={"qwen": "official"},
    aliases=("OST_multi_round", "ost_multiround"),
    max_tokens=ost.MAX_TOKENS,
    whole=True,
)

EGOEXO_LAYOUTS = (Layout(QUESTIONS, _annotation_table("egoexo_bench", "EgoExoBench_MCQ"), egoexo.read),)
EGOEXO = Benchmark(
    name="egoexo_bench",
    title="EgoExo-Bench",
    family="video choice",
    scorers={"text": "egoexo"},
    read=reader_of("egoexo_bench", EGOEXO_LAYOUTS),
    prompt="{question, media in it}\nOptions:\n{options}\n{response_format}",
    headline="accuracy",
    metric="the first capital A-D of the answer is the gold letter, by subtask",
    reference=INTERNSR + "egoexo_bench.py",
    files=needed(EGOEXO_LAYOUTS, "videos"),
    profiles=("official", "vlmevalkit"),
    aliases=("EgoExoBench_MCQ", "EgoExo-Bench"),
)


def _mmscan(name: str, title: str, ratios: tuple[str, ...], aliases: tuple[str, ...] = ()) -> Benchmark:
    files = tuple(f"mmscan_qa_val_{ratio}.json" for ratio in ratios)
    folders = ("annotations/", "", "data/annotations/", "LMUData/annotations/")
    places = tuple(f"{folder}{file}" for folder in folders for file in files)
    layouts = (Layout("conversations (JSON)", places, mmscan.read),)
    return Benchmark(
        name=name,
        title=title,
        family="free text",
        scorers={"text": "mmscan"},
        read=reader_of(name, layouts),
        prompt=mmscan.prompt("{question}", 0),
        headline="EM, refined EM, BLEU, ROUGE-L, CIDEr",
        metric="the answer is among the gold ones after cleaning; a judge counts key points",
        reference=INTERNSR + "mmscan_2d.py, mmscan/evaluator",
        files=(
            *needed(layouts, "images/mmscan"),
            Needed("camera of every view", ("annotations/embodiedscan_video_meta/*.json",), media=True),
        ),
        aliases=aliases,
        whole=True,
    )


MMSCAN = (
    _mmscan("mmscan_2d", "MMScan-2D", RATIOS, ("MMScan_2d", "MMScan")),
    *(_mmscan(f"mmscan_2d:{ratio}", f"MMScan-2D, {ratio} of the questions", (ratio,)) for ratio in RATIOS),
)
