"""Runs as the report page wants them: facts, and every sample with its prompt, reply, score and masks."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
import orjson

from sightbench import rle
from sightbench.client.body import spoken
from sightbench.client.journal import REPLIES, Journal, busy
from sightbench.client.providers import provider_of
from sightbench.client.sampling import RequestOptions
from sightbench.errors import UsageError
from sightbench.evaluation.judges.shown import shown_verdicts
from sightbench.evaluation.judging import scorer_of
from sightbench.evaluation.run import SCORES, Run
from sightbench.evaluation.run_record import DatasetRecord, RunRecord
from sightbench.evaluation.score import judge_run
from sightbench.evaluation.studies.compare import compare
from sightbench.evaluation.studies.curves import shown_masks
from sightbench.evaluation.studies.repeats import REPEATS
from sightbench.families import Family, named
from sightbench.flags import spelled
from sightbench.program import command_line
from sightbench.reports import entry as page
from sightbench.reports.build import Built, build, build_zip
from sightbench.reports.entry import Entry, Fact, Masks, Pairing
from sightbench.reports.summary import Summary
from sightbench.rle import MaskError
from sightbench.sample import Reply, Sample, StoredMasks
from sightbench.scorers.judged.row import OURS
from sightbench.scorers.masks.image_iou import CIOU
from sightbench.scorers.score import Score
from sightbench.scorers.scorer import Context

MOST_RUNS = 4
PAGE = "report.html"
EMBEDDED = "pixel-baseline"

Triple = tuple[Sample, Reply | None, Score]


def report(
    runs: Sequence[Run],
    *,
    out: Path | None = None,
    single_file: bool | None = None,
    pack: Path | None = None,
    embed_frames: int = 0,
) -> Built:
    """Builds the page of one run, or of up to four side by side, and says where it is.

    It is `out`, else report.html in the (first) run's folder; `pack` makes a zip of page and images instead.
    `single_file` None: one file where that stays below 20 MB. `embed_frames` small images of each sample go
    into the page. A run that is going, or not scored since its last reply, is scored for the page only.
    Raises UsageError for more than four runs or one named twice, RunFolderError if nothing can be written.
    """
    if not 1 <= len(runs) <= MOST_RUNS:
        raise UsageError(f"{len(runs)} runs: a page shows one to {MOST_RUNS} side by side")
    if len({run.folder.resolve() for run in runs}) < len(runs):
        raise UsageError("the same run is named twice")
    shown = [_shown(run, label) for run, label in zip(runs, labels(runs), strict=True)]
    pairings = _pairings(runs) if len(runs) > 1 else []
    if pack is not None:
        return build_zip(shown, pack, pairings=pairings, embed=embed_frames)
    others = "-".join(run.folder.resolve().name for run in runs[1:])
    path = out or runs[0].folder / (f"report-with-{others}.html" if others else PAGE)
    return build(shown, path, pairings=pairings, single=single_file, embed=embed_frames)


def leave_page(run: Run) -> tuple[Path | None, str]:
    """Builds report.html in a run's folder; (its path, why there is none).

    A page that cannot be built is no reason for a run to fail, whatever the reason.
    """
    try:
        return report([run]).path, ""
    except Exception as error:
        return None, " ".join(str(error).split()) or type(error).__name__


def labels(runs: Sequence[Run]) -> list[str]:
    """A name for each run: the model's, with the folder's beside it where models share a name."""
    models = [run.record.shown_as for run in runs]
    return [
        model if models.count(model) == 1 else f"{model} ({run.folder.resolve().name})"
        for model, run in zip(models, runs, strict=True)
    ]


def _shown(run: Run, label: str) -> page.Run:
    summary, triples = _scored(run)
    state: Literal["complete", "incomplete", "running"]
    state = "running" if busy(run.folder) else "complete" if summary.complete else "incomplete"
    facts = tuple(_facts(run.record))
    return page.Run(label, run.folder, state, summary, lambda: _entries(run, triples), _command(run), facts)


def _pairings(runs: Sequence[Run]) -> list[Pairing]:
    """Every run against the first, where all are scored and have something in common."""
    if not all(_up_to_date(run) for run in runs):
        return []
    try:
        found = iter(compare(runs))
    except UsageError:
        return []
    pairings = []
    for name in _names(runs[0]):
        # In the order `compare` gives them: benchmark by benchmark, candidate by candidate.
        candidates = [at for at, run in enumerate(runs[1:], 1) if name in _names(run)]
        pairings += [Pairing(at, comparison) for at, comparison in zip(candidates, found, strict=False)]
    return pairings


def _names(run: Run) -> list[str]:
    return [dataset.selection.benchmark.name for dataset in run.datasets]


def _up_to_date(run: Run) -> bool:
    """Whether the run was scored after its last reply."""
    with suppress(OSError):
        return (run.folder / SCORES).stat().st_mtime_ns >= (run.folder / REPLIES).stat().st_mtime_ns
    return False


def _scored(run: Run) -> tuple[Summary, Iterable[Triple]]:
    """The numbers and samples of a run: as they were written if no reply came since, else scored now."""
    if _up_to_date(run):
        return run.summary, run
    journal = Journal.open(run.folder, write=False)
    judged = judge_run(journal, run.datasets, run.record.to_json(), run.record.scoring)

    def triples() -> Iterator[Triple]:
        samples = (sample for dataset in run.datasets for sample in dataset.samples())
        with journal:
            for sample, line in zip(samples, judged.lines, strict=True):
                yield sample, journal.read(sample.id), msgspec.json.decode(line, type=Score)

    return judged.summary, triples()


def _entries(run: Run, triples: Iterable[Triple]) -> Iterator[Entry]:
    name = run.record.request.get("family")
    family = named(name) if isinstance(name, str) else Family()
    system, suffix = (_text(run.record.request.get(name)) for name in ("system", "suffix"))
    datasets = {dataset.selection.benchmark.name: dataset for dataset in run.datasets}
    of_video = shown_masks(run)
    with shown_verdicts(run) as verdict:
        for sample, reply, score in triples:
            masks, dataset = None, datasets.get(sample.benchmark, run.datasets[0])
            if isinstance(sample.gold, StoredMasks):
                masks = of_video(sample.gold, sample, reply, score)
            elif sample.wants == "masks" and sample.gold is not None:
                masks = _image_masks(sample, reply, score)
            turns = spoken(sample, family, system, suffix, first=sample.follows is None)
            best = scorer_of(dataset.selection.benchmark, sample.wants).full_marks
            yield Entry(sample, turns, reply, score, masks, verdict(sample, reply, score), best)


def _image_masks(sample: Sample, reply: Reply | None, score: Score) -> Masks | None:
    """An image's target and all that was drawn in it, as if it were a video of one frame."""
    record = CIOU.read(sample.gold, {}, CIOU.profiles[0])
    drawn = CIOU.extract(
        None if reply is None else reply.masks, record.fields, Context(CIOU.profiles[0])
    ).answer
    truth = None if record.gold is None else record.gold.union(*drawn[:1])
    if truth is None:
        return None
    union = None
    if drawn and all(mask[:2] == truth[:2] for mask in drawn):
        with suppress(MaskError):
            union = rle.union(drawn)
    scored = score.value is not None and score.status == "scored"
    return Masks((union,), (truth,), (score.value,) if scored and score.value is not None else ())


def _facts(record: RunRecord) -> Iterator[Fact]:
    """What a reader needs to repeat or to doubt the run, in reading order."""
    yield Fact("model", record.model)
    for server in record.servers:
        seen = (str(server[key]) for key in ("engine", "version") if server.get(key))
        engine = record.provider or " ".join(seen)
        root = server.get("root")
        weights = f", weights {root}" if root not in (None, server.get("model")) else ""
        yield Fact("server", f"{server.get('endpoint', '')} ({engine}{weights})")
    for entry in record.benchmarks:
        limit = f", the first {entry.limit} only" if entry.limit else ""
        words = f", words of {entry.prompt_profile}" if entry.prompt_profile else ""
        yield Fact("benchmark", f"{entry.name}, profile {entry.profile}{words}{limit}")
        yield Fact("data", f"{entry.data}, digest {entry.digest}")
    for name, values in (("request", record.request), ("scoring", record.scoring.to_json())):
        told = [f"{key} {_word(value)}" for key, value in values.items() if value not in (None, {})]
        if told:
            yield Fact(name, ", ".join(told))
    for name, value in (
        ("started", record.started),
        ("sightbench", record.sightbench),
        ("Python", record.python),
        ("mask core", record.mask_core),
    ):
        if value:
            yield Fact(name, value)
    if record.merged:
        yield Fact("merged from", ", ".join(record.merged))


def _command(run: Run) -> str:
    """The command that asks the same again, as far as run.json tells."""
    folder, words = run.folder, _words_of_files(run)
    if words is None:
        words = _words_of_requests(run.record)
        if folder.parent.name == REPEATS:
            # The first time and its repeats are one command.
            words += ["--repeats", folder.name]
            folder = folder.parent.parent
    return shlex.join([*command_line(), *words, "--out", str(folder)])


def _words_of_files(run: Run) -> list[str] | None:
    """What makes the run of the same answers or masks on disk again; None where it was asked."""
    record = run.record
    source = record.request.get("imported")
    if source is None:
        return None
    tasks = [word for entry in record.benchmarks for word in _tasks(entry)]
    if all(dataset.only(masks=False) is None for dataset in run.datasets):
        words = ["import", *(word for task in tasks for word in ("--task", task)), "--masks", str(source)]
        words += ["--model", record.model]
        scoring: Sequence[str] = ("masks_as",)
    else:
        words = ["grade", "--task", ",".join(tasks), "--predictions", str(source)]
        scoring = ("unparsed", "seed", "box_mode")
    return [*words, *_data(record), *_profile(record), *_scoring(record, scoring)]


def _words_of_requests(record: RunRecord) -> list[str]:
    """The flags that ask the same, but those of a repeat."""
    words: list[str] = []
    if record.servers and record.servers[0].get("endpoint") == "file":
        words += ["--batch", "file", "--model", record.model]
    elif record.model != EMBEDDED:
        urls = [str(server.get("endpoint", "")) for server in record.servers]
        words += [word for url in urls for word in ("--endpoint", url)]
        if record.provider is not None and any(provider_of(url).name != record.provider for url in urls):
            words += ["--provider", record.provider]
        words += ["--model", record.model]
    words += [word for entry in record.benchmarks for task in _tasks(entry) for word in ("--task", task)]
    words += [*_data(record), *_profile(record)]
    first = record.benchmarks[0] if record.benchmarks else None
    if first is not None:
        own = (entry.scorer for entry in record.benchmarks if (path := _path(entry)) and path.is_file())
        asked = {one.prompt_profile for one in record.benchmarks if one.prompt_profile}
        if len(asked) == 1 and asked != {one.profile for one in record.benchmarks}:
            words += ["--prompt-profile", *asked]
        metric = next((scorer for scorer in own if scorer != "choice"), None)
        for name, value in (("metric", metric), ("control", first.control), ("limit", first.limit)):
            words += [spelled(name), str(value)] if value else []
        words += ["--skip-broken"] if first.skip_broken else []
    request = dict(record.request)
    # What a service does not take is settled anew whenever a run starts.
    request.pop("changes", None)
    number, seed = request.pop("repeat", None), request.get("seed")
    if isinstance(number, int) and isinstance(seed, int):
        request["seed"] = seed - (number - 1)
    usual = RequestOptions().request()
    for name, value in request.items():
        if value in (None, {}) or value == usual.get(name) or (name == "family" and value == "default"):
            continue
        words += ["--media" if name == "mode" else spelled(name), _word(value)]
    words += _scoring(record, ("on_error", "unparsed", "seed", "box_mode", "masks_as", "tolerance"))
    if (judge := record.judge) is not None:
        words += ["--judge-endpoint", judge.endpoint, "--judge-model", judge.model]
        words += ["--judge-profile", judge.profile] if judge.profile != OURS else []
    words += ["--deterministic"] if record.deterministic else []
    return [*words, "--alias", record.alias] if record.alias else words


def _path(entry: DatasetRecord) -> Path | None:
    """Where a set of one's own lies that `--task` names by its path; None for a benchmark of the catalog."""
    root = Path(entry.data)
    path = root if root.name == entry.name else root / entry.name
    return path if entry.scorer is not None and path.exists() else None


def _tasks(entry: DatasetRecord) -> list[str]:
    """What `--task` says for a benchmark."""
    if path := _path(entry):
        return [str(path)]
    return [f"{entry.name}-{'objqa' if task == 'qa' else task}" for task in entry.tasks or ()] or [entry.name]


def _data(record: RunRecord) -> list[str]:
    folders = dict.fromkeys(entry.data for entry in record.benchmarks if _path(entry) is None)
    return [word for folder in folders for word in ("--data", folder)]


def _profile(record: RunRecord) -> list[str]:
    profiles = {entry.profile for entry in record.benchmarks}
    return ["--profile", *profiles] if len(profiles) == 1 else []


def _scoring(record: RunRecord, names: Sequence[str]) -> list[str]:
    """The flags of what is scored otherwise than without a word."""
    told = record.scoring.to_json()
    if told.get("on_error") == "leave-out":
        del told["on_error"]
    flags = {"seed": "--unparsed-seed"}
    return [
        word
        for name in names
        if name in told
        for word in (flags.get(name) or spelled(name), _word(told[name]))
    ]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _word(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
