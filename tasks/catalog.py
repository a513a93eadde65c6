"""Every benchmark, by name: what it asks, what it needs on disk, who judges it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sightbench.errors import DatasetError, UsageError
from sightbench.program import program
from sightbench.sample import Sample
from sightbench.tasks.benchmark import Benchmark, Needed, Problems, Selection
from sightbench.tasks.benchmarks import (
    captions,
    crpe,
    dynbench,
    hallusionbench,
    internsr,
    mathvista,
    mlvu,
    mmbench,
    mme,
    mmmu,
    mmstar,
    mmvet,
    mmvp,
    pope,
    refcoco,
    scienceqa,
    seedbench,
    vlabench,
    vqa,
)
from sightbench.tasks.benchmarks.masks import image, objects, video
from sightbench.tasks.wording import usual_words

INTERNVL: tuple[Benchmark, ...] = (
    *vqa.INTERNVL_FILES,
    *mmbench.INTERNVL_FILES,
    scienceqa.SCIENCEQA,
    seedbench.SEED,
    mmvp.MMVP,
    *captions.CAPTIONS,
    *refcoco.REFCOCO,
    mme.MME,
    pope.POPE,
    *mmmu.MMMU,
    mmmu.CMMMU,
    mmmu.CMMMU_TEST,
    mmvet.LLAVA_BENCH,
    mmvet.MMVET,
    *mathvista.MATHVISTA,
)
VLMEVALKIT: tuple[Benchmark, ...] = (
    *mmbench.TABLES,
    mmstar.MMSTAR,
    *mmstar.AI2D,
    seedbench.SEED_TABLE,
    *scienceqa.SCIENCEQA_TABLES,
    mmstar.REALWORLDQA,
    *crpe.CRPE,
    hallusionbench.HALLUSION,
    *mmmu.MMMU_TABLES,
    mathvista.MATHVISTA_MINI,
    *vqa.TABLES,
    mlvu.MLVU,
    mlvu.MLVU_TEST,
)
INTERNSR: tuple[Benchmark, ...] = (
    *internsr.MMSI,
    internsr.OST,
    internsr.OST_MULTI_ROUND,
    internsr.EGOEXO,
    *internsr.MMSCAN,
)
MASKS: tuple[Benchmark, ...] = (*video.VIDEO, *image.IMAGE)
UNIPIXEL = (*video.UNIPIXEL_TABLE, *image.REFCOCO, *image.REASONSEG)
BENCHMARKS: tuple[Benchmark, ...] = (
    dynbench.DYNBENCH,
    dynbench.SYNTHETIC,
    *INTERNVL,
    *VLMEVALKIT,
    *INTERNSR,
    vlabench.VLABENCH,
    vlabench.BLIND,
    *MASKS,
    *objects.OBJECTS,
)

BEYOND_THE_LIST = (
    "vqa-infovqa-val",
    "vqa-infovqa-test",
    "ccbench-dev",
    "mmbench-dev-en-20231003",
    "CMMMU_VAL",
    "CMMMU_TEST",
)
"""What InternVL's scripts have and the list of InternVL-Chat's evaluation has not."""

INTERNVL_25 = (
    *("MMBench_TEST_EN_V11", "MMStar", "MMMU_DEV_VAL", "MathVista_MINI", "HallusionBench", "AI2D_TEST"),
    *("OCRBench", "mmvet", "llava-bench", "CRPE_EXIST", "CRPE_RELATION"),
)
GROUPS: dict[str, tuple[str, ...]] = {
    **dynbench.GROUPS,
    "internvl": tuple(benchmark.name for benchmark in INTERNVL if benchmark.name not in BEYOND_THE_LIST),
    "internvl2.5": INTERNVL_25,
    "vlmevalkit": INTERNVL_25,
    "internsr": ("mmsi_bench", "ost_bench", "egoexo_bench", "mmscan_2d"),
    "caption": tuple(benchmark.name for benchmark in captions.CAPTIONS),
    "vqa": ("vqa-okvqa-val", "vqa-textvqa-val", "vqa-vizwiz-val", "vqa-ai2d-test", "vqa-gqa-testdev"),
    "refcoco": tuple(benchmark.name for benchmark in refcoco.REFCOCO),
    **{
        dataset: tuple(
            benchmark.name for benchmark in refcoco.REFCOCO if benchmark.name.startswith(f"{dataset}-")
        )
        for dataset in ("refcoco+", "refcocog")
    },
    "crpe": tuple(benchmark.name for benchmark in crpe.CRPE),
    "mask-all": tuple(benchmark.name for benchmark in MASKS),
    "sa2va": tuple(benchmark.name for benchmark in (*image.REFCOCO, *video.SA2VA_TABLE)),
    "unipixel": tuple(benchmark.name for benchmark in UNIPIXEL),
    "refcoco-seg": tuple(benchmark.name for benchmark in image.REFCOCO),
    "grefcoco": tuple(benchmark.name for benchmark in image.GREFCOCO),
    "reasonseg": tuple(benchmark.name for benchmark in image.REASONSEG),
    "gcg": tuple(benchmark.name for benchmark in image.GCG),
}

WHOLE = "*"


def resolve(names: Sequence[str]) -> tuple[Selection, ...]:
    """What `--task` names mean, in the order of the catalog, each benchmark once.

    A name is a benchmark's name or alias, a group (GROUPS), `<benchmark>-<task>` or `<benchmark>-<subset>`,
    or the name of a task by itself (`cameraqa`). A name that fits to the letter wins; else upper and lower
    case, `-` and `_` are the same.
    UsageError names the nearest known names.
    """
    chosen: dict[str, set[str]] = {}
    required = set()
    for name in names:
        entries = _lookup(name)
        for benchmark, tasks in entries:
            chosen.setdefault(benchmark.name, set()).update(tasks or (WHOLE,))
        if len(entries) == 1:
            required.add(entries[0][0].name)
    return tuple(
        Selection(
            benchmark,
            None
            if WHOLE in chosen[benchmark.name]
            else tuple(task for task in benchmark.tasks if task in chosen[benchmark.name]),
            benchmark.name in required,
        )
        for benchmark in BENCHMARKS
        if benchmark.name in chosen
    )


def names() -> tuple[str, ...]:
    """Every name `resolve` knows, as a user would type it."""
    return tuple(_index())


def known(name: str) -> tuple[Benchmark, ...]:
    """The benchmarks that a name means, however it is spelled; empty for a name nobody knows."""
    try:
        return tuple(selection.benchmark for selection in resolve([name]))
    except UsageError:
        return ()


def read(
    selection: Selection,
    data: Path,
    profile: str | None = None,
    problems: Problems | None = None,
    prompt_profile: str | None = None,
) -> Iterator[Sample]:
    """The selected samples of a benchmark, in asking order.

    With `problems` given, broken rows are collected there and the caller checks; without, DatasetError is
    raised after the last good sample. `prompt_profile` is whose words ask for masks where it is not the
    profile's. UsageError for a profile the benchmark does not have.
    """
    benchmark = selection.benchmark
    profile = profile or benchmark.profile
    if profile not in benchmark.profiles:
        raise UsageError(
            f"{benchmark.name} has no profile {profile!r}; it has {', '.join(benchmark.profiles)}"
        )
    met = Problems() if problems is None else problems
    empty = True
    wanted: dict[str, Any] = {"tasks": selection.tasks} if benchmark.reads_tasks else {}
    if benchmark.wording:
        wanted["prompt_profile"] = prompt_profile or usual_words(benchmark, profile)
    for sample in benchmark.read(data, profile, met, **wanted):
        if selection.tasks is None or sample.task in selection.tasks:
            empty = False
            yield sample
    if problems is None:
        met.check()
    if empty and not met.broken:
        what = f" of {', '.join(selection.tasks)}" if selection.tasks else ""
        raise DatasetError(f"{benchmark.name}: there is no question{what} in {data}")


def located(needed: Needed, data: Path) -> tuple[Path, ...]:
    """The files (of media, folders too) of the first alternative that has any; empty if none has."""
    for pattern in needed.inside or needed.paths:
        paths = tuple(sorted(path for path in data.glob(pattern) if needed.media or path.is_file()))
        if paths:
            return paths
    return ()


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(" ", "-")


def _index() -> dict[str, tuple[tuple[Benchmark, tuple[str, ...] | None], ...]]:
    """Name as typed -> what it selects; a group's name goes before a benchmark's."""
    index: dict[str, tuple[tuple[Benchmark, tuple[str, ...] | None], ...]] = {}
    for benchmark in BENCHMARKS:
        for name in (benchmark.name, *benchmark.aliases):
            index.setdefault(name, ((benchmark, None),))
            for task in benchmark.tasks:
                index.setdefault(f"{name}-{task}", ((benchmark, (task,)),))
            for subset, tasks in benchmark.subsets.items():
                index[f"{name}-{subset}"] = ((benchmark, tasks),)
    for benchmark in BENCHMARKS:
        for name, tasks in benchmark.task_names.items():
            index.setdefault(name, ((benchmark, tasks),))
    for group, members in GROUPS.items():
        index[group] = tuple(entry for member in members for entry in index[member])
    return index


def _lookup(name: str) -> tuple[tuple[Benchmark, tuple[str, ...] | None], ...]:
    exact = _index()
    if name in exact:
        return exact[name]
    index = {_plain(known): entry for known, entry in reversed(exact.items())}
    if _plain(name) in index:
        return index[_plain(name)]
    near = get_close_matches(_plain(name), index, n=5, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"`{program()} tasks` lists them"
    raise UsageError(f"there is no task named {name!r}; {hint}")
