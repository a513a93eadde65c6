"""What an evaluation would ask, how often, and how much goes over the wire; nothing is sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sightbench.client.probe import ServerInfo
from sightbench.client.run import preview, settle
from sightbench.client.settings import Settings
from sightbench.client.transport.address import label
from sightbench.evaluation.evaluate import Note, chosen, embedded
from sightbench.evaluation.options import Options
from sightbench.evaluation.reference import as_reference
from sightbench.evaluation.selection import check
from sightbench.evaluation.settings import settings
from sightbench.sample import Sample

EMBEDDED = "pixel-baseline"


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
    the media data left out, one for answers and one for masks; `ways` are lines on how the references ask."""

    model: str
    endpoints: tuple[str, ...]
    concurrency: int | str
    rows: tuple[PlannedRequests, ...]
    profiles: Mapping[str, str]
    examples: Mapping[str, dict[str, Any]]
    ways: tuple[str, ...] = ()

    @property
    def requests(self) -> int:
        return sum(row.requests for row in self.rows)

    @property
    def size(self) -> int:
        return sum(row.size for row in self.rows)


def plan(options: Options, note: Note) -> Plan:
    """Reads all samples, and the media of one per task. An endpoint's own word on its engine and model is
    not known, as nothing is sent. Raises what `evaluate` raises before it asks."""
    options, _ = embedded(options, note)
    datasets, _ = chosen(options, note)
    if not options.endpoints:
        options = replace(options, endpoint="http://127.0.0.1/v1", model=EMBEDDED)
    server = ServerInfo(label(options.endpoints[0]), model=options.model or "MODEL")
    settled = settle(settings(options), server, mode=options.media)
    counts: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str], Sample] = {}

    def count(sample: Sample) -> None:
        counts[sample.benchmark, sample.task, sample.category] += 1
        first.setdefault((sample.benchmark, sample.task), sample)

    datasets, ways = as_reference(datasets, settled.family, settled.model, options.profile)
    datasets, remarks = check(datasets, count)
    for line in remarks:
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
    )


async def _previews(
    first: Mapping[tuple[str, str], Sample], settled: Settings
) -> tuple[dict[tuple[str, str], int], dict[str, dict[str, Any]]]:
    sizes = {}
    examples: dict[str, tuple[str, dict[str, Any]]] = {}
    for key, sample in first.items():
        request, sizes[key] = await preview(sample, settled)
        examples.setdefault(sample.wants, (sample.id, request))
    return sizes, dict(examples.values())
