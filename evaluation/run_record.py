"""run.json: all that is needed to repeat a run, and nothing secret. Read and written here only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec
import orjson

from sightbench.client.sampling import RequestOptions
from sightbench.errors import RunFolderError, UsageError
from sightbench.evaluation.judges.record import JudgeRecord
from sightbench.files import replace_file
from sightbench.json_record import from_json
from sightbench.scorers.scoring_options import ScoringOptions
from sightbench.tasks import catalog
from sightbench.tasks.digest import digest

RUN = "run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRecord:
    """One benchmark of a run. `tasks` None: all of them; `digest` tells whether `data` is still the same.

    `broken` says of each row that was left out what is wrong with it; `scorer` judges a set of
    one's own, which the catalog does not have; `prompt_profile` is whose words asked for masks, None where
    the words are the benchmark's; the rest is of Dataset.
    """

    name: str
    profile: str
    data: str
    digest: str
    tasks: tuple[str, ...] | None = None
    limit: int | None = None
    max_tokens: int | None = None
    tiles: int | None = None
    skip_broken: bool = False
    broken: tuple[str, ...] = ()
    scorer: str | None = None
    control: str | None = None
    prompt_profile: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOnlyPrior:
    """How far the questions' texts alone lead, in percent: a model fitted on other scenes, over `n`."""

    accuracy: float
    chance: float
    n: int
    stderr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run. `request` is what decides a request beside the sample, {"imported": FILE} for answers that
    were not asked for; `scoring` what `score` uses unless told otherwise; `judge` whose verdicts count
    where no rule decides; `servers` what they said of themselves, and `deterministic` whether the user said
    that they were started so; `absent` the benchmarks of a group whose files were not there; `merged` the
    shards this run was put together from; `started` is ISO 8601, UTC.
    """

    model: str
    benchmarks: tuple[DatasetRecord, ...]
    request: Mapping[str, Any] = field(default_factory=dict)
    alias: str | None = None
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    servers: tuple[Mapping[str, Any], ...] = ()
    shard: tuple[int, int] | None = None
    deterministic: bool | None = None
    merged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    text_only_prior: TextOnlyPrior | None = None
    sightbench: str | None = None
    python: str | None = None
    mask_core: str | None = None
    provider: str | None = None
    prices: str | None = None
    price_file: str | None = None
    judge: JudgeRecord | None = None
    started: str | None = None

    @property
    def shown_as(self) -> str:
        """The model's name in reports."""
        return self.alias or self.model

    def to_json(self) -> dict[str, Any]:
        """As it stands in run.json; what is absent is left out."""
        content: dict[str, Any] = {**msgspec.to_builtins(self), "scoring": self.scoring.to_json()}
        return {name: value for name, value in content.items() if value not in (None, [], {}, ())}


def read(folder: Path) -> RunRecord:
    """The record of a run folder, whichever version wrote it: what it does not know is passed over.

    Raises RunFolderError, in one line, if there is none or it is not one.
    """
    path = folder / RUN
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RunFolderError(f"{folder} is no run folder: {RUN} cannot be read ({error.strerror})") from None
    try:
        record = from_json(raw, RunRecord)
        _encoded(record)  # what cannot be written again cannot be compared or shown either
        return record
    except (ValueError, UsageError, RecursionError, TypeError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise RunFolderError(
            f"{folder} is no run folder: {RUN} is damaged ({why}); the replies beside it are untouched"
        ) from None


def judge_in(run: Mapping[str, Any]) -> JudgeRecord | None:
    """The judge of a run, from its record as JSON has it."""
    judge = run.get("judge")
    return None if judge is None else msgspec.convert(judge, JudgeRecord)


def write(folder: Path, record: RunRecord) -> None:
    """Puts run.json into the folder in one step. Raises RunFolderError when it cannot be written."""
    replace_file(folder / RUN, _encoded(record))


def _encoded(record: RunRecord) -> bytes:
    return orjson.dumps(record.to_json(), option=orjson.OPT_INDENT_2) + b"\n"


def exists(folder: Path) -> bool:
    return (folder / RUN).exists()


def refuse_other_run(folder: Path, before: RunRecord, now: RunRecord, *, same_model: bool = False) -> None:
    """Raises RunFolderError unless `now` continues the run in `folder`.

    Same model, same weights (`root` of /v1/models, unless `same_model`), request parameters, data and
    profile of every benchmark both have; more tasks, another limit, other endpoints and other scoring are no
    other run.
    """
    if before.model != now.model:
        raise _other(folder, "model", before.model, now.model)
    weights, others = _weights(before), _weights(now)
    if weights and others and not weights & others and not same_model:
        raise RunFolderError(
            f"{folder} holds another run: the weights were {_listed(weights)}, now {_listed(others)}; choose "
            "another folder with --out, or say --same-model if they are the same weights in another place"
        )
    # A parameter that the version which wrote the folder did not have was at its default.
    old, new = _parameters(before.request), _parameters(now.request)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if names:
        was, wanted = ({name: values.get(name) for name in names} for values in (old, new))
        raise _other(folder, "request", was, wanted)
    known = {entry.name: entry for entry in before.benchmarks}
    for entry in now.benchmarks:
        same = known.get(entry.name, entry)
        if same.digest != entry.digest and same.digest != _sampled(entry):
            raise _other(folder, f"the data of {entry.name}", same.digest, entry.digest)
        if same.profile != entry.profile:
            raise _other(folder, f"the profile of {entry.name}", same.profile, entry.profile)
        if None not in (same.prompt_profile, entry.prompt_profile) and (
            same.prompt_profile != entry.prompt_profile
        ):
            what = f"the prompt profile of {entry.name}"
            raise _other(folder, what, same.prompt_profile, entry.prompt_profile)
        if same.control != entry.control:
            raise _other(folder, f"the control condition of {entry.name}", same.control, entry.control)


def other_answerer(before: RunRecord, now: RunRecord, *, same_model: bool = False) -> str | None:
    """Why answers of `before` may be another model's than those of `now` would be, None if they are not.

    A hosted service has one model under a name; elsewhere the weights' path says which it was, or the user
    (`same_model`).
    """
    if before.model != now.model:
        return f"the model was {before.model}"
    if before.provider != now.provider:
        return f"it asked {before.provider or 'a server of your own'}"
    if now.provider is not None:
        return None
    engines, engine = _told(before, "engine"), _told(now, "engine")
    if engines != engine:
        return f"the engine was {_listed(engines) or 'not told'}"
    weights, others = _weights(before), _weights(now)
    if same_model or weights & others:
        return None
    if weights and others:
        return f"the weights were {_listed(weights)}; --same-model if they are the same"
    return "no server says from where its weights are; --same-model if they are the same"


def _sampled(entry: DatasetRecord) -> str | None:
    """The digest that version 0.1 gave the same files; None where they are not there."""
    benchmark = next((known for known in catalog.BENCHMARKS if known.name == entry.name), None)
    if benchmark is None or not Path(entry.data).is_dir():
        return None
    return digest(benchmark, Path(entry.data), sampled=True)


def _weights(record: RunRecord) -> set[str]:
    # Served names of checkpoints repeat (`checkpoint-200`); what was loaded does not.
    return _told(record, "root")


def _told(record: RunRecord, name: str) -> set[str]:
    return {str(server[name]) for server in record.servers if server.get(name)}


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _parameters(request: Mapping[str, Any]) -> dict[str, Any]:
    """A record's `request` as JSON has it, with the defaults of what it does not name."""
    defaults = {} if "imported" in request else RequestOptions().request()
    known = {entry.name for entry in fields(RequestOptions)}
    content: dict[str, Any] = orjson.loads(orjson.dumps({**defaults, **request}))
    return {name: value for name, value in content.items() if name in known or value is not None}


def _other(folder: Path, what: str, old: Any, new: Any) -> RunFolderError:
    return RunFolderError(
        f"{folder} holds another run: {what} was {old}, now {new}; choose another folder with --out"
    )
