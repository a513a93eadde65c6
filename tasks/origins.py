"""Where the files of each benchmark come from, as its reference's own pages name them: `bench.py download`.

Only addresses that a reference's document or code gives stand here; what no address can give (a licence to
accept, a page to click through) is a line of words.
"""

from __future__ import annotations

from dataclasses import dataclass

from sightbench.tasks.benchmark import Benchmark
from sightbench.tasks.web_files import HUB, TABLES, VLABENCH_PROMPTS, WebFile

# OpenGVLab/InternVL, internvl_chat/eval/*/README.md
QWEN = "https://ofasys-wlcb.oss-cn-wulanchabu.aliyuncs.com/Qwen-VL/evaluation/"
RELEASE = "https://github.com/OpenGVLab/InternVL/releases/download/data/"
INTERNVL_HUB = "https://huggingface.co/OpenGVLab/InternVL/resolve/main/"
MMBENCH = "https://download.openmmlab.com/mmclassification/datasets/mmbench/"
COCO = "http://images.cocodataset.org/zips/"


@dataclass(frozen=True, slots=True)
class HubSet:
    """A data set of the hub: its id, where below --data its files belong, which of them (`patterns`; none:
    all), and the archives among them: how their names begin, and the folder that comes out."""

    id: str
    folder: str = ""
    patterns: tuple[str, ...] = ()
    archives: tuple[tuple[str, str], ...] = ()


Piece = WebFile | HubSet


@dataclass(frozen=True, slots=True)
class Origin:
    """What can be fetched of a benchmark, and a line for each thing that a person must get. `folder` is where
    it goes below ./data if nobody says."""

    pieces: tuple[Piece, ...] = ()
    by_hand: tuple[str, ...] = ()
    folder: str = ""


def origin(benchmark: Benchmark) -> Origin:
    """Where its files come from; in words, where no reference names a place."""
    if benchmark.name in _ORIGINS:
        return _ORIGINS[benchmark.name]
    if benchmark.name in TABLES:
        return Origin((TABLES[benchmark.name],))
    paths = {path for needed in benchmark.files if not needed.media for path in needed.paths}
    tables = tuple([file for file in TABLES.values() if file.name in paths][:1])
    return Origin(tables) if tables else Origin(by_hand=(f"its files are where {benchmark.reference} says",))


def _converted(folder: str, *names: str, site: str = QWEN) -> tuple[WebFile, ...]:
    """Converted files; `name=other` is called otherwise here than there."""
    files = []
    for name in names:
        there, _, here = name.partition("=")
        files.append(WebFile(site + there, f"{folder}/{here or there.rsplit('/', 1)[-1]}"))
    return tuple(files)


def _zip(name: str, folder: str, makes: str) -> WebFile:
    return WebFile(INTERNVL_HUB + name, f"{folder}/{name}", makes=f"{folder}/{makes}")


def _coco(place: str) -> str:
    return f"COCO's pictures: {COCO}{place.rsplit('/', 1)[-1]}.zip as {place}"


_MMSCAN = Origin(
    (
        HubSet("rbler/MMScan-2D", "annotations", ("*.json", "**/*.json")),
        HubSet("rbler/MMScan-2D", "images/mmscan", ("*.zip*", "**/*.zip*")),
    ),
    ("MMScan's pictures come as parts of archives: put them together and unpack them in images/mmscan",),
)
_EGOEXO = Origin(
    (
        HubSet("Heleun/EgoExoBench_MCQ", "", ("EgoExoBench_MCQ.tsv",)),
        HubSet(
            "onlyfaces/EgoExoBench",
            "videos",
            ("*.tar.gz.part*",),
            (
                ("processed_videos.tar.gz", "processed_videos"),
                ("processed_frames.tar.gz", "processed_frames"),
            ),
        ),
    ),
    (
        "Ego-Exo4D's videos need a licence: https://ego-exo4d-data.org/, put them in videos/EgoExo4D/takes "
        "(--skip-broken leaves their questions out)",
    ),
)
_OST_PICTURES = HubSet("rbler/OST-Bench", "")
_MATHVISTA = Origin((HubSet("AI4Math/MathVista", "MathVista", ("data/*.parquet", "annot_testmini.json")),))
_MMMU = Origin((HubSet("MMMU/MMMU", "data/MMMU/MMMU"),), folder="mmmu")
_MMSI = Origin((WebFile(f"{HUB}RunsenXu/MMSI-Bench/resolve/main/MMSI_bench.tsv", "MMSI_bench.tsv"),))
_REFCOCO = {
    "refcoco": ("val", "testA", "testB"),
    "refcoco+": ("val", "testA", "testB"),
    "refcocog": ("val", "test"),
}

_ORIGINS: dict[str, Origin] = {
    "dynbench": Origin((HubSet("yu2hi13/Dyn-Bench"),), folder="dynbench"),
    "vlabench": Origin(
        (HubSet("VLABench/vlm_evaluation_v1.0", "dataset/vlm_evaluation_v1.0"), *VLABENCH_PROMPTS),
        folder="vlabench",
    ),
    "CMMMU_TEST": Origin(
        by_hand=(
            "CMMMU's test questions: git clone https://github.com/CMMMU-Benchmark/CMMMU (cmmmu-data-test)",
        )
    ),
    # JUNJIE99/MLVU README.md; both sets ask for a licence to be accepted on the hub
    "mlvu": Origin((HubSet("MLVU/MVLU"),), folder="mlvu"),
    "mlvu-test": Origin((HubSet("MLVU/MLVU_Test"),), folder="mlvu-test"),
    "blind_10": Origin(by_hand=("blind_10.jsonl is not published with LEAP's code: put yours in data",)),
    "synthetic": Origin(by_hand=("a synthetic set is rendered, not downloaded: the command `synth`",)),
    # InternSR, docs: user guide, installation
    "mmsi_bench": _MMSI,
    "mmsi_bench_circular": _MMSI,
    "ost_bench": Origin(
        (TABLES["OST"], HubSet("rbler/OST-Bench", "images/OST")),
        ("OST-Bench's pictures belong in images/OST/<scan>: unpack there what came as an archive",),
    ),
    "ost_bench_multi_round": Origin((_OST_PICTURES,), folder="ost_bench_multi_round"),
    "egoexo_bench": _EGOEXO,
    "mmscan_2d": _MMSCAN,
    **{f"mmscan_2d:{ratio}": _MMSCAN for ratio in ("0.01", "0.05", "0.1", "0.5", "1.0")},
    # InternVL
    "mmmu-dev": _MMMU,
    "mmmu-val": _MMMU,
    "mmmu-test": _MMMU,
    "mmvp": Origin((HubSet("MMVP/MMVP", "data/MMVP"),), folder="mmvp"),
    "llava-bench": Origin(
        (HubSet("liuhaotian/llava-bench-in-the-wild", "data/llava-bench-in-the-wild"),), folder="llava-bench"
    ),
    "mathvista-testmini": _MATHVISTA,
    "mathvista-test": _MATHVISTA,
    "vqa-vqav2-val": Origin(_converted("vqav2", "vqav2/vqav2_val.jsonl"), (_coco("vqav2/val2014"),)),
    "vqa-vqav2-testdev": Origin(_converted("vqav2", "vqav2/vqav2_testdev.jsonl"), (_coco("vqav2/test2015"),)),
    "vqa-okvqa-val": Origin(_converted("okvqa", "okvqa/okvqa_val.jsonl"), (_coco("okvqa/val2014"),)),
    **{
        f"vqa-textvqa-val{form}": Origin(
            _converted("textvqa", f"textvqa_val{file}.jsonl", site=INTERNVL_HUB),
            (
                "TextVQA's pictures: https://dl.fbaipublicfiles.com/textvqa/images/train_val_images.zip "
                "in textvqa",
            ),
        )
        for form, file in (("", ""), ("-ocr", "_llava"))
    },
    **{
        f"vqa-vizwiz-{split}": Origin(
            _converted("vizwiz", f"vizwiz/vizwiz_{split}.jsonl"),
            (f"VizWiz's pictures: https://vizwiz.cs.colorado.edu/VizWiz_final/images/{split}.zip in vizwiz",),
        )
        for split in ("val", "test")
    },
    **{
        f"vqa-docvqa-{split}": Origin(
            _converted("docvqa", f"docvqa/{split}.jsonl"),
            (f"DocVQA's pictures: https://datasets.cvc.uab.es/rrc/DocVQA/{split}.tar.gz in docvqa",),
        )
        for split in ("val", "test")
    },
    **{
        f"vqa-infovqa-{split}": Origin(
            _converted("infographicsvqa", f"infographicsvqa_{split}.jsonl={split}.jsonl", site=INTERNVL_HUB),
            (
                "InfoVQA's pictures: https://rrc.cvc.uab.es/?ch=17&com=downloads (register), as "
                "infographicsvqa/infographicsvqa_images",
            ),
        )
        for split in ("val", "test")
    },
    "vqa-gqa-testdev": Origin(
        _converted("gqa", "llava_gqa_testdev_balanced_qwen_format.jsonl", site=RELEASE),
        ("GQA's pictures: https://downloads.cs.stanford.edu/nlp/data/gqa/images.zip in gqa",),
    ),
    **{
        f"vqa-ocrvqa-{split}": Origin(
            by_hand=(
                "OCR-VQA: https://ocr-vqa.github.io/ has links to its pictures; as a table: OCRVQA_TESTCORE",
            )
        )
        for split in ("val", "test")
    },
    "vqa-ai2d-test": Origin(
        (
            *_converted("ai2diagram", "ai2d_test_vlmevalkit.jsonl=test_vlmevalkit.jsonl", site=INTERNVL_HUB),
            _zip("AI2D_TEST.zip", "ai2diagram", "AI2D_TEST"),
        )
    ),
    "vqa-chartqa-test": Origin(
        _converted("chartqa", "chartqa/test_human.jsonl", "chartqa/test_augmented.jsonl"),
        (
            "ChartQA's pictures: https://drive.google.com/file/d/1Lm_w6zeET1Hyl_9ks6w5nEsgpoyPHalV/view "
            "in chartqa",
        ),
    ),
    "tiny_lvlm": Origin((_zip("updated_datasets.zip", "tiny_lvlm", "updated_datasets"),)),
    **{
        name: Origin(_converted("mmbench", f"{file}.tsv", site=MMBENCH))
        for name, file in (
            ("mmbench-dev-en", "mmbench_dev_20230712"),
            ("mmbench-dev-en-20231003", "mmbench_dev_en_20231003"),
            ("mmbench-dev-cn", "mmbench_dev_cn_20231003"),
            ("mmbench-test-en", "mmbench_test_en_20231003"),
            ("mmbench-test-cn", "mmbench_test_cn_20231003"),
        )
    },
    "ccbench-dev": Origin(
        _converted("mmbench", "CCBench_legacy.tsv", site="http://opencompass.openxlab.space/utils/MMBench/")
    ),
    "scienceqa": Origin(
        _converted("scienceqa", "scienceqa/scienceqa_test_img.jsonl"),
        (
            "ScienceQA's pictures: https://scienceqa.s3.us-west-1.amazonaws.com/images/test.zip "
            "in scienceqa/images",
        ),
    ),
    "seed": Origin(
        (
            *_converted("SEED", "seed.jsonl", site=INTERNVL_HUB),
            _zip("SEED-Bench-image.zip", "SEED", "SEED-Bench-image"),
        )
    ),
    "caption-coco": Origin(
        _converted("coco/annotations", "coco_karpathy_test.json", "coco_karpathy_test_gt.json", site=RELEASE),
        (_coco("coco/val2014"),),
    ),
    "caption-flickr30k": Origin(
        _converted("flickr30k", "flickr30k_test_karpathy.json", site=RELEASE),
        ("Flickr30k's pictures: https://bryanplummer.com/Flickr30kEntities/ as flickr30k/Images",),
    ),
    "caption-nocaps": Origin(
        (
            WebFile(
                "https://nocaps.s3.amazonaws.com/nocaps_val_4500_captions.json",
                "nocaps/nocaps_val_4500_captions.json",
            ),
        ),
        ("NoCaps' pictures: https://nocaps.org/download as nocaps/images",),
    ),
    **{
        f"{name}-{split}": Origin(
            _converted(
                "refcoco",
                f"{name.replace('+', '%2B')}/{name.replace('+', '%2B')}_{split}.jsonl={name}_{split}.jsonl",
            ),
            (_coco("coco/train2014"),),
        )
        for name, splits in _REFCOCO.items()
        for split in splits
    },
}
