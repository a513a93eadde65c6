from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image as Picture

from sightbench.errors import DatasetError, UsageError
from sightbench.sample import Image, Media, Sample, Slice, Video
from sightbench.scorers.gold import numbers
from sightbench.scorers.score import Metric, Row, Score
from sightbench.scorers.table import AGGREGATES, SCORERS
from sightbench.scorers.text.exact import EXACT_MATCH
from sightbench.scorers.text.vqa import VQA_ACCURACY
from sightbench.tasks import catalog
from sightbench.tasks import digest as digests
from sightbench.tasks.benchmark import Benchmark, Selection
from tests.tasks import formats

BY_NAME = {benchmark.name: benchmark for benchmark in catalog.BENCHMARKS}


def samples_of(benchmark: Benchmark, root: Path, profile: str | None = None) -> list[Sample]:
    return list(catalog.read(Selection(benchmark), formats.make(benchmark.name, root), profile))


def media_of(sample: Sample) -> list[Media]:
    found: list[Media] = []
    for turn in sample.turns:
        for part in turn.parts:
            if isinstance(part, Image):
                found.append(part.media)
            elif isinstance(part, Video):
                found.extend(part.frames or [part.file or Path()])
    return found


def content(media: Media) -> bytes:
    if isinstance(media, bytes):
        return media
    if isinstance(media, Path):
        return media.read_bytes()
    assert isinstance(media, Slice)
    with media.path.open("rb") as file:
        file.seek(media.offset)
        raw = file.read(media.length)
    return base64.b64decode(raw, validate=True) if media.encoding == "base64" else raw


@pytest.mark.parametrize("name", BY_NAME)
def test_every_benchmark_reads_its_real_format(name: str, tmp_path: Path) -> None:
    benchmark = BY_NAME[name]
    samples = samples_of(benchmark, tmp_path)
    assert samples
    assert len({sample.id for sample in samples}) == len(samples)
    assert {sample.benchmark for sample in samples} == {name}
    for sample in samples:
        media = media_of(sample)
        assert media, "a question without anything to look at"
        for each in media:
            image = content(each)
            if image[4:8] != b"ftyp":
                with Picture.open(io.BytesIO(image)) as picture:
                    assert picture.size == (16, 12)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_profile_reads_and_is_one_its_scorer_knows(name: str, tmp_path: Path) -> None:
    benchmark = BY_NAME[name]
    assert benchmark.profile in benchmark.profiles
    for profile in benchmark.profiles:
        assert samples_of(benchmark, tmp_path, profile)
        for kind, scorer in benchmark.scorers.items():
            assert SCORERS[scorer].kind == kind
            assert benchmark.scored_as(profile, kind) in SCORERS[scorer].profiles, profile
    assert len(benchmark.scorers) == 1 or benchmark.aggregate in AGGREGATES


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vqa-vqav2-val", 0.0),
        ("vqa-okvqa-val", 1.0),
        ("vqa-textvqa-val", 1.0),
        ("vqa-textvqa-val-ocr", 1.0),
        ("vqa-vizwiz-val", 1.0),
        ("TextVQA_VAL", 1.0),
    ],
)
def test_lmms_eval_takes_the_m4c_evaluator_but_for_vqav2(name: str, value: float) -> None:
    """lmms_eval/tasks/*/utils.py: EvalAIAnswerProcessor is called whole, or its last two steps only."""
    profile = BY_NAME[name].scored_as("lmms_eval")
    assert VQA_ACCURACY.grade("black,white", ["blackwhite"] * 10, {}, profile).value == value


@pytest.mark.parametrize("name", ["vqa-ocrvqa-val", "vqa-ocrvqa-test", "OCRVQA_TESTCORE"])
def test_ocr_vqa_keeps_its_one_rule_where_lmms_eval_has_no_such_task(name: str) -> None:
    profile = BY_NAME[name].scored_as("lmms_eval")
    assert EXACT_MATCH.grade("A. Smith", "a. smith", {}, profile).value == 1.0


def perfect(sample: Sample) -> str:
    """An answer that says the gold in the words its benchmark asks for."""
    gold = sample.gold[0] if isinstance(sample.gold, list) and sample.benchmark not in PLANS else sample.gold
    if sample.benchmark.startswith("refcoco"):
        height, width = numbers(sample.meta["hw"], 2, "hw")
        x1, y1, x2, y2 = numbers(sample.gold, 4, "gold")
        return str([[x1 / width * 1000, y1 / height * 1000, x2 / width * 1000, y2 / height * 1000]])
    if sample.benchmark in PLANS:
        return f"```json\n{json.dumps(gold)}\n```"
    return str(gold)


def tree(metric: Metric) -> list[Metric]:
    return [metric, *(each for part in metric.parts for each in tree(part))]


PLANS = ("vlabench",)
JUDGED = ("mmvet", "llava-bench", "blind_10")
ANSWERED = [name for name, row in BY_NAME.items() if name not in JUDGED and "text" in row.scorers]
WRONG = {"pope": "no", "ost_bench": "right"}  # the references read anything else as yes, as the first option


@pytest.mark.parametrize("name", ANSWERED)
def test_the_gold_answer_scores_and_another_does_not(name: str, tmp_path: Path) -> None:
    benchmark = BY_NAME[name]
    scorer = SCORERS[benchmark.scorers["text"]]
    profile = benchmark.scored_as(benchmark.profile)
    for sample in samples_of(benchmark, tmp_path):
        if sample.wants == "text" and sample.gold is not None:
            fields = {**sample.meta, "category": sample.category}
            right = scorer.grade(perfect(sample), sample.gold, fields, profile)
            wrong = scorer.grade(WRONG.get(name, "zzz"), sample.gold, fields, profile)
            assert right.value is not None and right.value > 0, (perfect(sample), right)
            assert wrong.value is not None and wrong.value < right.value


@pytest.mark.parametrize("name", ANSWERED)
def test_right_answers_to_all_questions_reach_the_headline(name: str, tmp_path: Path) -> None:
    benchmark = BY_NAME[name]
    scorer = SCORERS[benchmark.scorers["text"]]
    profile = benchmark.scored_as(benchmark.profile)
    rows = []
    for sample in samples_of(benchmark, tmp_path):
        if sample.wants == "text" and sample.gold is not None:
            fields = {**sample.meta, "category": sample.category}
            grade = scorer.grade(perfect(sample), sample.gold, fields, profile)
            rows.append(Row(sample, Score(sample.id, grade.value, grade.parsed, grade.status, grade.detail)))
    if rows:
        assert any(metric.value for metric in tree(scorer.aggregate(rows, profile)))


def test_splits_without_gold_name_a_submission_and_others_have_gold(tmp_path: Path) -> None:
    for benchmark in catalog.BENCHMARKS:
        hidden = any(
            sample.gold is None and sample.wants == "text"
            for sample in samples_of(benchmark, tmp_path / benchmark.name)
        )
        assert not hidden or benchmark.submission or benchmark.name == "mathvista-test", benchmark.name


def test_names_are_unique_and_every_alias_leads_to_its_own() -> None:
    assert len(BY_NAME) == len(catalog.BENCHMARKS)
    claimed: dict[str, str] = {}
    for benchmark in catalog.BENCHMARKS:
        for name in (benchmark.name, *benchmark.aliases):
            assert claimed.setdefault(name, benchmark.name) == benchmark.name
            assert catalog.resolve([name]) == (Selection(benchmark),)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("vqa-docvqa-val", "vqa-docvqa-val"),
        ("refcoco+-testA", "refcoco+-testA"),
        ("MMBench_DEV_EN_V11", "MMBench_DEV_EN_V11"),
        ("mmsi_bench", "mmsi_bench"),
        ("MMSI_Bench", "mmsi_bench"),
        ("mmbench-dev-en", "mmbench-dev-en"),
        ("MMBench_DEV_EN", "MMBench_DEV_EN"),
        ("hallusionbench", "HallusionBench"),
        ("EgoExoBench_MCQ", "egoexo_bench"),
        ("OST", "ost_bench"),
        ("LLaVABench", "llava-bench"),
        ("MMVet", "mmvet"),
        ("vqa-gqa-testdev", "vqa-gqa-testdev"),
        ("infographicsvqa_val", "vqa-infovqa-val"),
        ("tiny_lvlm", "tiny_lvlm"),
        ("mathvista-testmini", "mathvista-testmini"),
    ],
)
def test_the_names_users_type_are_known(typed: str, name: str) -> None:
    assert [selection.benchmark.name for selection in catalog.resolve([typed])] == [name]


def test_tasks_of_dynbench() -> None:
    def chosen(*names: str) -> list[tuple[str, tuple[str, ...] | None]]:
        return [(selection.benchmark.name, selection.tasks) for selection in catalog.resolve(names)]

    questions, masks = ("cameraqa", "qa", "sceneqa"), ("cameramask", "objmask", "scenemask")
    assert chosen("all") == [("dynbench", None)]
    assert chosen("qa") == chosen("dynbench-qa") == [("dynbench", questions)]
    assert chosen("mask") == chosen("dynbench-mask") == [("dynbench", masks)]
    assert chosen("scenemask", "cameraqa") == [("dynbench", ("cameraqa", "scenemask"))]
    assert chosen("objqa") == [("dynbench", ("qa",))]
    assert chosen("qa", "dynbench") == [("dynbench", None)]
    assert chosen("vqa-chartqa-test-human") == [("vqa-chartqa-test", ("human",))]
    assert chosen("vlabench-Spatial") == [("vlabench", ("Spatial",))]


def test_groups_hold_what_their_projects_run() -> None:
    assert {s.benchmark.name for s in catalog.resolve(["internsr"])} == {
        *("mmsi_bench", "ost_bench", "egoexo_bench", "mmscan_2d")
    }
    assert "MMBench_TEST_EN_V11" in {s.benchmark.name for s in catalog.resolve(["internvl2.5"])}
    assert len(catalog.resolve(["refcoco"])) == 8
    assert len(catalog.resolve(["internvl", "caption"])) == len(catalog.resolve(["internvl"]))


def test_an_unknown_name_is_told_with_its_nearest() -> None:
    with pytest.raises(UsageError, match=r"no task named 'MMBench_DEV_EN_V1'.*mmbench-dev-en-v11"):
        catalog.resolve(["MMBench_DEV_EN_V1"])


def test_an_unknown_profile_and_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mme has no profile 'openai'; it has internvl"):
        list(catalog.read(Selection(BY_NAME["mme"]), tmp_path, "openai"))
    for benchmark in catalog.BENCHMARKS:
        with pytest.raises(UsageError, match=r"--data|is not there|not beside|copy it there"):
            list(catalog.read(Selection(benchmark), tmp_path))


def test_a_task_filter_keeps_only_its_samples_and_an_empty_one_says_so(tmp_path: Path) -> None:
    benchmark = BY_NAME["vlabench"]
    formats.make("vlabench", tmp_path)
    found = list(catalog.read(Selection(benchmark, ("CommonSense",)), tmp_path))
    assert {sample.task for sample in found} == {"CommonSense"}
    with pytest.raises(DatasetError, match="no question of Spatial"):
        list(catalog.read(Selection(benchmark, ("Spatial",)), tmp_path))


def test_the_digest_follows_questions_and_not_images(tmp_path: Path) -> None:
    benchmark = BY_NAME["vqa-textvqa-val"]
    formats.make(benchmark.name, tmp_path)
    before = digests.digest(benchmark, tmp_path)
    image = tmp_path / "data/textvqa/images/0.jpg"
    image.write_bytes(formats.picture(99))
    assert digests.digest(benchmark, tmp_path) == before
    annotation = tmp_path / "data/textvqa/textvqa_val.jsonl"
    annotation.write_text(annotation.read_text().replace("What is it?", "What is that?"))
    assert digests.digest(benchmark, tmp_path) != before


@pytest.mark.parametrize("name", BY_NAME)
def test_the_digest_sees_the_questions_of_every_format(name: str, tmp_path: Path) -> None:
    benchmark = BY_NAME[name]
    nothing = digests.digest(benchmark, tmp_path)
    formats.make(name, tmp_path)
    assert digests.digest(benchmark, tmp_path) != nothing


def test_the_digest_of_a_big_table_is_of_all_of_it_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "LARGE", 1000)
    monkeypatch.setattr(digests, "BLOCK", 20)
    benchmark = BY_NAME["MMStar"]
    path = tmp_path / "MMStar.tsv"
    path.write_bytes(bytes(range(256)) * 40)
    before = digests.digest(benchmark, tmp_path)
    old = digests.digest(benchmark, tmp_path, sampled=True)
    for at in (0, 4999, 10239):
        content = bytearray(bytes(range(256)) * 40)
        content[at] ^= 1
        path.write_bytes(content)
        assert digests.digest(benchmark, tmp_path) != before
        assert not digests.same(benchmark, tmp_path, before)
    path.write_bytes(bytes(range(256)) * 40)
    assert digests.same(benchmark, tmp_path, before) and digests.same(benchmark, tmp_path, old)
    cache = tmp_path / "cache/sightbench/digests.json"
    assert len(json.loads(cache.read_text())) == 5
    for damaged in ("", "[]", "{", '{"a": 3}'):
        cache.write_text(damaged)
        assert digests.digest(benchmark, tmp_path) == before


def test_slices_point_at_the_very_bytes(tmp_path: Path) -> None:
    sample = samples_of(BY_NAME["MMStar"], tmp_path)[2]
    (media,) = media_of(sample)
    assert isinstance(media, Slice)
    assert content(media) == formats.picture(2)
