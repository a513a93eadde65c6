"""What an evaluation would ask, how often, and how much goes over the wire; no sample is sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from sightbench.client.media import MediaError
from sightbench.client.probe import ServerInfo
from sightbench.client.providers import chosen as chosen_provider
from sightbench.client.run import preview, settle
from sightbench.client.settings import Settings
from sightbench.client.transport.address import label
from sightbench.errors import DatasetError, EndpointError
from sightbench.evaluation.options import Options
from sightbench.evaluation.selection import check
from sightbench.evaluation.start.begin import Begun, Note, begin
from sightbench.evaluation.start.servers import Servers, fitted, look
from sightbench.sample import Sample


@dataclass(frozen=True, slots=True)
class PlannedRequests:
    """Requests of one kind, and their size in bytes by that of the task's first."""

    benchmark: str
    task: str
    category: str
    requests: int
    size: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be asked. `profiles` is benchmark -> profile; `examples` is sample id -> its request with
    the media data left out, one for answers and one for masks; `ways` are lines on how the references ask;
    `seen`: the endpoints have said themselves what they are."""

    model: str
    endpoints: tuple[str, ...]
    concurrency: int | str
    rows: tuple[PlannedRequests, ...]
    profiles: Mapping[str, str]
    examples: Mapping[str, dict[str, Any]]
    ways: tuple[str, ...] = ()
    seen: bool = False

    @property
    def requests(self) -> int:
        return sum(row.requests for row in self.rows)

    @property
    def size(self) -> int:
        return sum(row.size for row in self.rows)


def plan(options: Options, note: Note) -> Plan:
    """Reads all samples, and the media of one per task. The endpoints are asked what they are, as a run asks
    them before its first sample; a hosted service is not, and of what cannot be reached the options decide.
    Raises what `evaluate` raises before it asks."""
    with ExitStack() as stack:
        begun = begin(options, stack, note)
        servers, seen = asyncio.run(_look(begun, note))
    settled = servers.settings
    counts: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str], Sample] = {}

    def count(sample: Sample) -> None:
        counts[sample.benchmark, sample.task, sample.category] += 1
        first.setdefault((sample.benchmark, sample.task), sample)

    datasets, notes, ways = fitted(begun, servers)
    datasets, remarks = check(datasets, count)
    for line in (*notes, *remarks):
        note(line)
    sizes, examples = asyncio.run(_previews(first, settled))
    return Plan(
        settled.model,
        tuple(label(target.url) for target in settled.endpoints),
        settled.concurrency,
        tuple(
            PlannedRequests(benchmark, task, category, number, number * sizes[benchmark, task])
            for (benchmark, task, category), number in counts.items()
        ),
        {dataset.selection.benchmark.name: dataset.profile for dataset in datasets},
        examples,
        tuple(ways),
        seen,
    )


async def _look(begun: Begun, note: Note) -> tuple[Servers, bool]:
    """What a run would learn of its servers, and whether they said it themselves."""
    asked = begun.settings
    service = chosen_provider(asked.provider, asked.endpoints[0].url)
    if service.hosted:
        note(f"{service.name} is not asked now: what the model refuses is settled when the run starts")
    else:
        try:
            return await look(begun), True
        except EndpointError as error:
            note(f"{error}; the request below is what a server of kind {service.name} would get")
    info = ServerInfo(
        label(asked.endpoints[0].url), model=asked.model or "MODEL", frame_lists=service.frame_lists
    )
    return Servers(settle(asked, info, mode=begun.options.media), (info,), segments=True), False


async def _previews(
    first: Mapping[tuple[str, str], Sample], settled: Settings
) -> tuple[dict[tuple[str, str], int], dict[str, dict[str, Any]]]:
    sizes = {}
    examples: dict[str, tuple[str, dict[str, Any]]] = {}
    for key, sample in first.items():
        try:
            request, sizes[key] = await preview(sample, settled)
        except MediaError as error:
            raise DatasetError(f"{sample.id} cannot be asked: {error}") from None
        examples.setdefault(sample.wants, (sample.id, request))
    return sizes, dict(examples.values())
