"""Bills computed by hand from the providers' price pages, and what has no price."""

from __future__ import annotations

from dataclasses import astuple
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given

from sightbench.client.hosted.prices import dollars, prices, total
from sightbench.errors import UsageError
from sightbench.sample import Usage
from tests.hostile import damaged_yaml, generator

NOW = datetime(2026, 11, 21, tzinfo=UTC).timestamp()


def test_a_bill_of_claude_opus_5_to_the_cent() -> None:
    """https://platform.claude.com/docs/en/about-claude/pricing, per million tokens: input $5, five-minute
    cache write $6.25, cache hit $0.50, output $25; batches half of each.

    Of 1,000,000 prompt tokens 200,000 were read from the cache and 100,000 written to it:
      700,000 x 5.00 / 1e6 = 3.500
      200,000 x 0.50 / 1e6 = 0.100
      100,000 x 6.25 / 1e6 = 0.625
    and 10,000 tokens of output, 6,000 of them thinking, which is billed as output:
       10,000 x 25.0 / 1e6 = 0.250
    together 4.475, as a batch 2.2375.
    """
    usage = Usage(1_000_000, 10_000, 1_010_000, 200_000, 6_000, None, 100_000)
    table = prices()
    assert table.cost(usage, "anthropic", "claude-opus-5", at=NOW) == Decimal("4.475")
    assert table.cost(usage, "anthropic", "claude-opus-5", tier="batch", at=NOW) == Decimal("2.2375")


def test_a_bill_of_gpt_5_1_to_the_cent() -> None:
    """https://developers.openai.com/api/docs/pricing, per million tokens: input $1.25, cached input $0.125,
    output $10; batches and flex half of each.

      800,000 x 1.250 / 1e6 = 1.000
      200,000 x 0.125 / 1e6 = 0.025
       10,000 x 10.00 / 1e6 = 0.100
    together 1.125, as a batch 0.5625, as flex 0.5625; priority is twice the price, 2.25.
    """
    usage = Usage(1_000_000, 10_000, 1_010_000, 200_000)
    table = prices()
    assert table.cost(usage, "openai", "gpt-5.1", at=NOW) == Decimal("1.125")
    assert table.cost(usage, "openai", "gpt-5.1-2025-11-13", at=NOW) == Decimal("1.125")
    assert table.cost(usage, "openai", "gpt-5.1", tier="batch", at=NOW) == Decimal("0.5625")
    assert table.cost(usage, "openai", "gpt-5.1", tier="flex", at=NOW) == Decimal("0.5625")
    assert table.cost(usage, "openai", "gpt-5.1", tier="priority", at=NOW) == Decimal("2.25")


@pytest.mark.parametrize(
    ("provider", "model", "tier"),
    [
        ("openai", "gpt-99", None),
        (None, "gpt-5.1", None),
        ("openai", "gpt-5.1", "a-tier-of-next-year"),
        ("openai", "gpt-4o", "platinum"),
        ("dashscope", "qwen3-vl-plus", None),
    ],
)
def test_what_is_not_in_the_table_is_unpriced_and_never_free(
    provider: str | None, model: str, tier: str | None
) -> None:
    usage = Usage(1000, 10, 1010)
    cost = prices().cost(usage, provider, model, tier=tier, at=NOW)
    assert cost is None
    bill = total([cost, Decimal("0.5")])
    assert (str(bill), bill.unpriced) == ("$0.5 and 1 unpriced", 1)
    assert str(total([None])) == "unpriced"


def test_a_reply_without_counts_is_unpriced() -> None:
    assert prices().cost(Usage(), "openai", "gpt-5.1", at=NOW) is None


def test_what_the_service_says_it_charged_counts() -> None:
    usage = Usage(1000, 10, 1010, cost=0.0123)
    assert prices().cost(usage, "openrouter", "anybody/anything", at=NOW) == Decimal("0.0123")


def test_prices_are_those_of_the_day() -> None:
    """Gemini 3.6 Flash has introductory rates through 2026-12-31: https://ai.google.dev/gemini-api/docs/pricing"""
    usage = Usage(1_000_000, 0, 1_000_000)
    later = datetime(2027, 1, 2, tzinfo=UTC).timestamp()
    table = prices()
    assert table.cost(usage, "google", "gemini-3.6-flash", at=NOW) == Decimal("0.75")
    assert table.cost(usage, "google", "gemini-3.6-flash", at=later) == Decimal("1.5")


def test_a_users_own_prices_come_first(tmp_path: Path) -> None:
    """1,000,000 prompt tokens, 250,000 of them cached, 100,000 of output:
    750,000 x 0.2 + 250,000 x 0.05 + 100,000 x 1.6, per million: 0.15 + 0.0125 + 0.16 = 0.3225; a batch half.
    """
    file = tmp_path / "prices.yaml"
    file.write_text("qwen3-vl-plus: {input: 0.2, output: 1.6, cached: 0.05, batch: 0.5}\n")
    table = prices(file)
    usage = Usage(1_000_000, 100_000, 1_100_000, 250_000)
    assert table.cost(usage, None, "qwen3-vl-plus", at=NOW) == Decimal("0.3225")
    assert table.cost(usage, None, "qwen3-vl-plus", tier="batch", at=NOW) == Decimal("0.16125")
    assert table.cost(usage, None, "qwen3-vl-plus", tier="flex", at=NOW) is None
    assert "prices.yaml" in table.version and "genai-prices" in table.version


@pytest.mark.parametrize(
    "content",
    [
        "- 1",
        "m: 3",
        "m: {input: 1}",
        "m: {input: 1, output: -2}",
        "m: {input: x, output: 1}",
        "m: {",
        "a: {z: 1}",
        "m" * 5000 + ": 3",
    ],
)
def test_a_price_file_that_is_none_gets_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(content)
    with pytest.raises(UsageError, match=r"prices\.yaml") as caught:
        prices(file)
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 1000


def test_amounts_are_shown_to_the_cent_and_small_ones_to_three_figures() -> None:
    shown = [dollars(Decimal(text)) for text in ("12.3456", "1", "0.00123456", "0.0000012345", "0")]
    assert shown == ["12.35", "1.00", "0.00123", "1.23e-6", "0.00"]


@given(
    damaged_yaml("gpt-9: {input: 0.3, output: 2.5}\nother: {input: 1, output: 2, cached: 0.1, batch: 0.5}")
)
@generator()
def test_a_damaged_file_of_prices_is_prices_or_one_line(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "p.yaml").write_bytes(raw)
    try:
        read = prices(tmp_path / "p.yaml")
    except UsageError as error:
        assert "--prices" in str(error) and "\n" not in str(error) and len(str(error)) < 1000
    else:
        assert all(amount is None or amount >= 0 for rate in read.own.values() for amount in astuple(rate))
