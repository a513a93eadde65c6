"""What tokens cost: the library genai-prices (offline data, MIT), and a user's own file over it.

What has no price is None, "unpriced", and never 0: neither a model nor a tier that is not in the table is
taken for another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sightbench.errors import UsageError
from sightbench.sample import Usage
from sightbench.terminal import plain
from sightbench.yaml_text import from_yaml

MILLION = Decimal(1_000_000)
BATCH = "batch"
_STANDARD = frozenset({"", "default", "standard", "auto", "on_demand"})


@dataclass(frozen=True, slots=True)
class Rate:
    """A user's own prices, in US dollars per million tokens. `cached` and `cache_write` None: as `input`;
    `batch` is the share of the price that a batch costs, None where there are no batches."""

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    cache_write: Decimal | None = None
    batch: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """The price table of a run: `version` names it in run.json, `own` are the user's, by model."""

    version: str
    own: Mapping[str, Rate] = field(default_factory=dict)

    def cost(
        self, usage: Usage, provider: str | None, model: str, *, tier: str | None = None, at: float
    ) -> Decimal | None:
        """US dollars for one reply's tokens, None where that cannot be known.

        `provider` is the name the price table has for the service, `tier` the processing tier it was asked
        or answered in ("batch", "flex", "priority"; None: the standard one), `at` seconds since the epoch.
        Prices are those in force at `at`.
        """
        if usage.cost is not None:
            # What the service says it charged (https://openrouter.ai/docs/use-cases/usage-accounting).
            return Decimal(str(usage.cost))
        if usage.prompt_tokens is None or usage.completion_tokens is None:
            return None
        if model in self.own:
            return _own(self.own[model], usage, tier)
        return None if provider is None else _listed(usage, provider, model, tier, at)


def deprecated(provider: str | None, model: str) -> bool:
    """Whether the price library calls a model of the provider deprecated; False for what it does not know."""
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    if provider is None:
        return False
    try:
        found = calc_price(Counted(input_tokens=1), model_ref=model, provider_id=provider)
    except (LookupError, ValueError):
        return False
    return bool(found.model.deprecated)


@dataclass(frozen=True, slots=True)
class Bill:
    """What replies cost together: US dollars, of how many, and how many have no price."""

    dollars: Decimal = Decimal(0)
    priced: int = 0
    unpriced: int = 0

    def __str__(self) -> str:
        if not self.priced:
            return "unpriced"
        shown = f"${dollars(self.dollars)}"
        return f"{shown} and {self.unpriced} unpriced" if self.unpriced else shown


def total(costs: Iterable[Decimal | None]) -> Bill:
    """The sum of what has a price, and the number of what has none."""
    known = Decimal(0)
    priced = unpriced = 0
    for cost in costs:
        if cost is None:
            unpriced += 1
        else:
            known += cost
            priced += 1
    return Bill(known, priced, unpriced)


def dollars(amount: Decimal) -> str:
    """To the cent, and below one dollar to three figures."""
    if amount >= 1 or amount == 0:
        return f"{amount:.2f}"
    return f"{amount:.3g}" if amount >= Decimal("0.0001") else f"{amount:.2e}"


def prices(file: Path | None = None) -> Prices:
    """The library's table with the file's over it: YAML, `MODEL: {input: USD, output: USD, cached: USD,
    cache_write: USD, batch: 0.5}` per million tokens. Raises UsageError for a file that is none."""
    import genai_prices

    version = f"genai-prices {genai_prices.__version__}"
    if file is None:
        return Prices(version)
    import hashlib

    try:
        raw = file.read_bytes()
        content = from_yaml(raw)
    except OSError as error:
        raise UsageError(f"--prices {file}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"--prices {file}: {error}") from None
    if not isinstance(content, Mapping):
        raise UsageError(f"--prices {file}: write one line per model, MODEL: {{input: 0.3, output: 2.5}}")
    own = {str(model): _rate(file, str(model), values) for model, values in content.items()}
    return Prices(f"{version} + {file.name} {hashlib.sha256(raw).hexdigest()[:12]}", own)


def _rate(file: Path, model: str, values: object) -> Rate:
    known = {name for name in Rate.__dataclass_fields__}
    place = f"--prices {file}: {plain(model, 80)}"
    if not isinstance(values, Mapping) or not {"input", "output"} <= values.keys() <= known:
        raise UsageError(f"{place}: input and output are needed; known: {', '.join(Rate.__slots__)}")
    try:
        amounts = {str(name): Decimal(str(value)) for name, value in values.items() if value is not None}
    except ArithmeticError:
        raise UsageError(f"{place}: a price is a number, in US dollars") from None
    if any(not amount.is_finite() or amount < 0 for amount in amounts.values()):
        raise UsageError(f"{place}: a price is 0 or more")
    return Rate(**amounts)


def _own(rate: Rate, usage: Usage, tier: str | None) -> Decimal | None:
    share = Decimal(1)
    if tier == BATCH:
        if rate.batch is None:
            return None
        share = rate.batch
    elif (tier or "") not in _STANDARD:
        return None
    assert usage.prompt_tokens is not None and usage.completion_tokens is not None
    cached, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
    amount = (
        (usage.prompt_tokens - cached - written) * rate.input
        + cached * (rate.input if rate.cached is None else rate.cached)
        + written * (rate.input if rate.cache_write is None else rate.cache_write)
        + usage.completion_tokens * rate.output
    )
    return share * amount / MILLION


def _listed(usage: Usage, provider: str, model: str, tier: str | None, at: float) -> Decimal | None:
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    when = datetime.fromtimestamp(at, UTC)
    context = _context(tier)
    counted: dict[str, Any] = {
        "input_tokens": usage.prompt_tokens,
        "cache_read_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "output_tokens": usage.completion_tokens,
    }
    try:
        found = calc_price(
            Counted(**{name: value for name, value in counted.items() if value}),
            model_ref=model,
            provider_id=provider,
            genai_request_timestamp=when,
            price_context=context,
        )
    except (LookupError, ValueError):
        return None
    if context and not any(
        variant.when == context and (variant.constraint is None or variant.constraint.active(when))
        for variant in found.model.price_variants or ()
    ):
        # The library answers with the standard price for a tier it does not know.
        return None
    return found.total_price


def _context(tier: str | None) -> dict[str, str]:
    if tier == BATCH:
        return {"processing": BATCH}
    return {} if (tier or "") in _STANDARD else {"service_tier": str(tier)}
