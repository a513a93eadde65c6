"""What a run cost, and which models answered it: from its replies, whenever it is scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from sightbench.client.hosted.prices import Bill, dollars, prices, total
from sightbench.client.providers import PROVIDERS, Provider
from sightbench.errors import UsageError
from sightbench.reports.summary import BenchmarkSummary, Spent
from sightbench.sample import Reply


class Spending:
    """Adds up replies of a run asked of a hosted service; of any other there is nothing to say."""

    def __init__(self, run: Mapping[str, Any]) -> None:
        named = [entry for entry in PROVIDERS if entry.name == run.get("provider")]
        self._service: Provider | None = named[0] if named and named[0].hosted else None
        self._model = str(run["model"])
        self._costs: list[Decimal | None] = []
        self._shares: dict[str, list[Decimal | None]] = {}
        self._reused = 0
        self._by: dict[str, Counter[str]] = {"model": Counter(), "backend": Counter(), "provider": Counter()}
        if self._service is not None:
            file = run.get("price_file")
            try:
                self._prices = prices(Path(file) if file else None)
            except UsageError:
                # The file is gone: what only it knew is unpriced.
                self._prices = prices()

    def add(self, reply: Reply, benchmark: str) -> None:
        if self._service is None or reply.status != "ok":
            return
        if reply.reused:
            self._reused += 1
        else:
            where = self._service.prices
            cost = self._prices.cost(reply.usage, where, self._model, tier=reply.tier, at=reply.at)
            self._costs.append(cost)
            self._shares.setdefault(benchmark, []).append(cost)
        for name, value in (
            ("model", reply.model), ("backend", reply.system_fingerprint), ("provider", reply.served_by),
        ):  # fmt: skip
            if value:
                self._by[name][value] += 1

    def spent(self, benchmarks: Sequence[BenchmarkSummary] = ()) -> Spent | None:
        """The bill, what a point of each benchmark's headline cost, and lines about what changed in the
        middle of the run; None for what is not hosted."""
        if self._service is None or not (self._costs or self._reused):
            return None
        bill = total(self._costs)
        lines = [_told(bill, self._prices.version)] if self._costs else []
        lines += [told for one in benchmarks if (told := _per_point(one, self._shares.get(one.name, ())))]
        if self._reused:
            lines.append(f"{self._reused:,} answers were taken from earlier runs and cost nothing here")
        for name, counts in self._by.items():
            if len(counts) > 1:
                shown = ", ".join(f"{value} ({count:,})" for value, count in counts.most_common(5))
                lines.append(f"more than one {name} answered: {shown}")
        return Spent(float(bill.dollars), bill.priced, bill.unpriced, self._prices.version, tuple(lines))


def _per_point(benchmark: BenchmarkSummary, costs: Sequence[Decimal | None]) -> str | None:
    """Dollars for each point of the number people quote; None where answers have no price or no points."""
    headline = benchmark.headline
    bill = total(costs)
    if not bill.priced or bill.unpriced or headline.unit != "%" or not headline.value or headline.value < 0:
        return None
    each = dollars(bill.dollars / Decimal(headline.value))
    return f"{benchmark.title}: {bill}, ${each} for each point of {headline.name}"


def _told(bill: Bill, version: str) -> str:
    if not bill.priced:
        return f"cost: unpriced ({version} does not know this model; --prices FILE does)"
    each = dollars(bill.dollars / bill.priced)
    return f"cost: {bill} for {bill.priced + bill.unpriced:,} answers, ${each} each ({version})"
