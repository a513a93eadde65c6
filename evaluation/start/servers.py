"""What the servers say of themselves, and what is asked of the data because of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from sightbench.client.hosted.negotiation import greedy
from sightbench.client.hosted.preparation import prepare
from sightbench.client.hosted.prices import deprecated, prices
from sightbench.client.hosted.shutdown import switched_off
from sightbench.client.probe import ServerInfo, probe_all, probe_masks
from sightbench.client.providers import provider
from sightbench.client.run import settle
from sightbench.client.settings import Settings
from sightbench.errors import EndpointError
from sightbench.evaluation.batches import NOWHERE
from sightbench.evaluation.judges.ask import OpenJudge, open_judge
from sightbench.evaluation.judges.options import of_judge
from sightbench.evaluation.reference import as_reference
from sightbench.evaluation.selection import Dataset
from sightbench.evaluation.start.begin import Begun, Note, has_samples
from sightbench.families import Family


@dataclass(frozen=True, slots=True)
class Servers:
    """What the endpoints said of themselves, the settings that follow, and whether they give masks; the
    judge, if one is to be asked."""

    settings: Settings
    infos: tuple[ServerInfo, ...]
    segments: bool
    judge: OpenJudge | None = None


async def look_and_judge(begun: Begun, note: Note) -> Servers:
    """`look`, and the judge: before anything is asked that it could not judge."""
    servers = await look(begun)
    options = of_judge(begun.options)
    if options.judge_endpoint is None:
        return servers
    return replace(servers, judge=await open_judge(options, note))


async def look(begun: Begun) -> Servers:
    """What the endpoints say of themselves, and whether they can segment."""
    if begun.options.batch == "file" and begun.options.endpoints == (NOWHERE,):
        info = ServerInfo("file", engine=begun.options.provider or "vllm", model=begun.options.model)
        settled = settle(begun.settings, info, mode=begun.options.media)
        return Servers(settled, (info,), segments=False)
    infos = await probe_all(begun.settings)
    settled = await prepare(settle(begun.settings, infos[0], mode=begun.options.media))
    capabilities = infos[0].capabilities
    if capabilities is not None:
        segments = "masks" in capabilities
        # Else a mask server would also draw what an answer to a question mentions.
        settled = replace(settled, text_mask_options=segments)
    else:
        segments = begun.wants_masks and not provider(settled.provider).hosted and await probe_masks(settled)
    return Servers(settled, infos, segments)


def fitted(begun: Begun, servers: Servers) -> tuple[tuple[Dataset, ...], list[str], list[str]]:
    """The datasets as these servers are asked them, notes on what goes out differently from what was asked
    for, and lines on how the references ask. EndpointError if nothing is left."""
    datasets, notes = begun.datasets, []
    if begun.wants_masks and not servers.segments:
        datasets, left_out = _without_masks(datasets, servers.infos[0])
        notes.append(left_out)
    notes += (*_changed(servers.settings), *_ending(servers))
    first = servers.infos[0]
    model = " ".join(filter(None, (servers.settings.model, first.root, first.base)))
    options = begun.options
    datasets, ways = as_reference(
        datasets, servers.settings.family, model, options.profile, options.prompt_profile
    )
    return datasets, notes, [*_unknown(servers), *ways]


def _unknown(servers: Servers) -> list[str]:
    """A line on a model whose conventions nobody told: fine for one that has none, costly for others."""
    settings, first = servers.settings, servers.infos[0]
    ours = first.engine == "generic" and first.capabilities is not None
    if settings.family != Family().name or provider(settings.provider).hosted or ours:
        return []
    names = " or ".join(dict.fromkeys(filter(None, (settings.model, first.root, first.base))))
    return [
        f"no model family is known by {names}: frames go as images, without a system prompt or limits of a "
        "family's own; if it is one that the command `models` lists, say so with --family NAME"
    ]


def _changed(asked: Settings) -> list[str]:
    """What goes out differently from what was asked for, one line each."""
    lines = [str(change) for change in asked.changes]
    if not greedy(asked.changes):
        lines.append("this model cannot be asked greedily: --repeats 3 shows how much its answers vary")
    return lines


def _ending(servers: Servers) -> list[str]:
    """What is known of the model's end, a line each."""
    asked = servers.settings
    days = dict.fromkeys(info.shutdown_date for info in servers.infos if info.shutdown_date)
    lines = [line for day in days if (line := switched_off(f"the model {asked.model}", day, date.today()))]
    service = provider(asked.provider)
    if not days and service.hosted and deprecated(service.prices, asked.model):
        lines.append(
            f"the model {asked.model} is deprecated, as {prices().version} says: it may be gone soon"
        )
    return lines


def _without_masks(datasets: tuple[Dataset, ...], info: ServerInfo) -> tuple[tuple[Dataset, ...], str]:
    """The datasets without their mask tasks, and a line saying so. EndpointError if nothing is left."""
    why = f"{info.endpoint} answers in text only (it offers no masks, and sent none when asked for some)"
    rest = tuple(text for dataset in datasets if has_samples(text := dataset.only(masks=False)))
    if not rest:
        raise EndpointError(f"{why}: mask tasks need a mask server, see docs/serving.md")
    return rest, f"the mask tasks are left out: {why}"
