"""Sets of objects that are named by a mask alone: masks that are saved are judged, nothing is asked."""

from __future__ import annotations

from sightbench.tasks.benchmark import Benchmark, Needed
from sightbench.tasks.readers.files.layout import Layout, LayoutReader, needed, reader_of
from sightbench.tasks.readers.masks import objects
from sightbench.tasks.readers.masks.objects import Davis

FAMILY = "saved masks"
NOT_ASKED = "(not asked: import judges masks that are saved)"
DAVIS_ROOTS = ("", "DAVIS/", "davis/", "DAVIS2017/", "DAVIS-2017/", "data/DAVIS/")
JF = "J (IoU) and F (boundary, DAVIS)"
ENDS = ", first and last frame left out"
DAVIS_TOOL = "davisvideochallenge/davis2017-evaluation"


def _row(
    name: str,
    title: str,
    paths: tuple[str, ...],
    read: LayoutReader,
    *,
    what: str,
    definition: str,
    headline: str,
    metric: str,
    reference: str,
    scorer: str = "jf",
    aliases: tuple[str, ...] = (),
    submission: str | None = None,
) -> Benchmark:
    layouts = (Layout(what, paths, read),)
    return Benchmark(
        name=name,
        title=title,
        family=FAMILY,
        scorers={"masks": scorer},
        definition=definition,
        read=reader_of(name, layouts),
        files=needed(layouts),
        prompt=NOT_ASKED,
        headline=headline,
        metric=metric,
        reference=reference,
        aliases=aliases,
        submission=submission,
        saved=True,
        whole=True,
    )


def _lists(*names: str) -> tuple[str, ...]:
    return tuple(f"{root}ImageSets/{name}" for name in names for root in DAVIS_ROOTS)


DAVIS16 = _row(
    "davis16",
    "DAVIS 2016 val",
    _lists("2016/val.txt", "480p/val.txt"),
    objects.davis(Davis(("Annotations/480p", "Annotations/Full-Resolution"), binary=True)),
    what="list of sequences",
    definition="davis",
    headline="J&F, mean over sequences",
    metric=f"{JF} of whatever is no background{ENDS}",
    reference="fperazzi/davis",
    aliases=("davis-2016", "davis2016"),
)
DAVIS17_UNSUPERVISED = _row(
    "davis17-unsup",
    "DAVIS 2017 unsupervised val",
    _lists("2017/val.txt"),
    objects.davis(
        Davis(("Annotations_unsupervised/480p", "Annotations_unsupervised/Full-Resolution"), voids=True)
    ),
    what="list of sequences",
    definition="davis-unsupervised",
    scorer="davis_unsupervised",
    headline="J&F, mean over objects",
    metric=f"{JF}, all frames, void pixels in neither; up to 20 proposals are matched to the objects",
    reference=f"{DAVIS_TOOL}, task unsupervised",
    aliases=("davis17-unsupervised", "davis2017-unsupervised"),
    submission="davis",
)
DAVIS17_SEMI = _row(
    "davis17-semi",
    "DAVIS 2017 semi-supervised val",
    _lists("2017/val.txt"),
    objects.davis(Davis(("Annotations/480p", "Annotations/Full-Resolution"), each=True)),
    what="list of sequences",
    definition="davis",
    headline="J&F, mean over objects",
    metric=f"{JF}{ENDS}",
    reference=f"{DAVIS_TOOL}, task semi-supervised",
    aliases=("davis17-semi-supervised", "davis2017-semi"),
    submission="davis",
)
MOSEV2 = _row(
    "mosev2",
    "MOSEv2",
    tuple(
        f"{root}{name}"
        for root in ("MOSEv2/valid/", "mosev2/valid/", "MOSEv2/", "mosev2/", "valid/", "")
        for name in ("meta.json", "meta_valid.json")
    ),
    objects.mosev2,
    what="videos and objects (JSON)",
    definition="mosev2",
    headline="J&F-dot, mean over objects",
    metric="J with one pixel added, F with a boundary as wide as the object is large" + ENDS,
    reference="henghuiding/MOSE-api MOSEv2/sam2_rcms/tools/score.py",
    aliases=("mose-v2", "mosev2-valid"),
    submission="mosev2",
)


def _sav(split: str) -> Benchmark:
    list_name = f"sav_{split}/sav_{split}.txt"
    roots = ("", "SA-V/", "sa-v/", "sav/", "data/")
    return _row(
        f"sa-v-{split}",
        f"SA-V {split}",
        (*(f"{root}{list_name}" for root in roots), f"sav_{split}.txt"),
        objects.sav,
        what="list of videos",
        definition="sa-v",
        headline="J&F, mean over objects",
        metric=f"{JF} on the frames that are annotated (every fourth){ENDS}, from first sight on",
        reference="facebookresearch/sam2 sav_dataset/sav_evaluator.py",
        aliases=(f"sav-{split}", f"sa-v_{split}"),
    )


PLACES = ("Annotations", ".")
INSIDE = tuple(f"{place}{form}" for place in ("Annotations/", "") for form in ("*/*.png", "*/*/*.png"))
_FOLDERS = (Layout("label maps by video", PLACES, objects.folders, ("*/*.png", "*/*/*.png")),)
VOS = Benchmark(
    name="vos",
    title="Label maps",
    family=FAMILY,
    scorers={"masks": "jf"},
    definition="vos-benchmark",
    read=reader_of("vos", _FOLDERS),
    files=(Needed("label maps by video", PLACES, inside=INSIDE),),
    prompt=NOT_ASKED,
    headline="J&F, mean over objects",
    metric=f"{JF}{ENDS}, from first sight on",
    reference="hkchengrex/vos-benchmark",
    aliases=("label-maps", "vos-benchmark"),
    saved=True,
)
"""Label maps of anybody's, a folder a video: what vos-benchmark reads."""

OBJECTS: tuple[Benchmark, ...] = (
    VOS,
    DAVIS16,
    DAVIS17_UNSUPERVISED,
    DAVIS17_SEMI,
    MOSEV2,
    *(_sav(split) for split in ("val", "test")),
)
