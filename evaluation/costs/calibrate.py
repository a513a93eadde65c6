"""The bill of a run before it: a few samples are asked, and their token counts stand for the rest."""

from __future__ import annotations

import asyncio
import io
import time
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal

from PIL import Image as Pillow

from sightbench.client.hosted.prices import BATCH, dollars, prices
from sightbench.client.media import MediaError, read
from sightbench.client.providers import provider
from sightbench.client.run import ask
from sightbench.errors import UsageError
from sightbench.evaluation.costs.bill import Estimate, Load, estimate
from sightbench.evaluation.evaluate import ask_first
from sightbench.evaluation.options import Options
from sightbench.evaluation.start.begin import Note
from sightbench.sample import Image, Media, Sample, Text, Usage, Video


@dataclass(frozen=True, slots=True)
class Calibration:
    """The estimate (None: the model has no price), for how many requests, and by which price table."""

    estimate: Estimate | None
    requests: int
    prices: str

    def __str__(self) -> str:
        found = self.estimate
        if found is None:
            return f"unpriced: {self.prices} does not know this model; --prices FILE does"
        return (
            f"about {_dollars(found.dollars)} (90 % interval {_dollars(found.low)} to "
            f"{_dollars(found.high)}) for "
            f"{self.requests:,} requests: {found.prompt_tokens:,} tokens in, {found.completion_tokens:,} "
            f"out; learned from {found.learned_from} answers ({self.prices})"
        )


def calibrate(options: Options, count: int, note: Note) -> Calibration:
    """Asks `count` samples spread over the run's tasks, which the run then keeps, and estimates its bill.

    Raises what `evaluate` raises, and UsageError if fewer than two of them could be answered.
    """
    if count < 2:
        raise UsageError(f"--calibrate {count}: at least 2 samples tell how much they differ")
    with ExitStack() as stack, asyncio.Runner() as runner:
        ready = ask_first(options, stack, runner, note)
        sizes: dict[str, float] = {}
        loads: list[Load] = []
        single: list[int] = []
        for position, sample in enumerate(ready.samples()):
            loads.append(load(sample, options.frames, sizes))
            if sample.follows is None and sample.wants == "text":
                single.append(position)
        count = min(count, len(single))
        wanted = {single[int((index + 0.5) * len(single) / count)] for index in range(count)}
        asked = [sample for position, sample in enumerate(ready.samples()) if position in wanted]
        runner.run(ask(asked, ready.settings, ready.journal, store=ready.store))
        service = provider(ready.settings.provider)
        table = prices(options.prices)
        tier = BATCH if options.batch == "api" else options.service_tier

        def cost(prompt: int, answer: int) -> Decimal | None:
            counted = Usage(prompt, answer, prompt + answer)
            return table.cost(counted, service.prices, ready.settings.model, tier=tier, at=time.time())

        replies = [(sample, ready.journal.read(sample.id)) for sample in asked]
        learned = [
            (load(sample, options.frames, sizes), reply.usage)
            for sample, reply in replies
            if reply is not None and reply.status == "ok"
        ]
    try:
        return Calibration(estimate(learned, loads, cost), len(loads), table.version)
    except ValueError:
        errors = {reply.error.kind for _, reply in replies if reply is not None and reply.error is not None}
        raise UsageError(
            f"--calibrate: too few answers to learn from ({', '.join(sorted(errors))})"
        ) from None


def _dollars(amount: float) -> str:
    return f"${dollars(Decimal(amount))}"


def load(sample: Sample, frames: int | None, sizes: dict[str, float]) -> Load:
    """What the sample's request carries. `sizes` keeps the megapixels of a video's frame by its id."""
    images, megapixels, characters = 0, 0.0, 0
    for turn in sample.turns:
        for part in turn.parts:
            if isinstance(part, Text):
                characters += len(part.text)
            elif isinstance(part, Image):
                images += 1
                megapixels += _megapixels(part.media)
            elif isinstance(part, Video):
                number = min(frames or len(part.frames), len(part.frames)) if part.frames else frames or 32
                if part.id not in sizes:
                    sizes[part.id] = _megapixels(part.frames[0]) if part.frames else 0.0
                images += number
                megapixels += number * sizes[part.id]
    return Load(images, megapixels, characters)


def _megapixels(media: Media) -> float:
    """From the image's header alone."""
    try:
        with Pillow.open(io.BytesIO(read(media))) as image:
            return image.width * image.height / 1e6
    except (OSError, ValueError, MediaError):
        return 0.0
