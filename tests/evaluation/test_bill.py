"""A bill known before: from five samples to the price of all, with an interval that holds it."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from sightbench.evaluation.costs.bill import Load, estimate
from sightbench.sample import Usage


def cost(prompt: int, answer: int) -> Decimal:
    """$1.25 and $10 per million tokens."""
    return (Decimal(prompt) * Decimal("1.25") + Decimal(answer) * 10) / 1_000_000


def test_tokens_that_follow_from_the_load_give_the_exact_bill() -> None:
    """258 tokens an image and one for four characters: eight frames and 400 characters are
    8 x 258 + 100 = 2164 tokens; with 4 tokens of answer, a thousand of them cost
    1000 x (2164 x 1.25 + 4 x 10) / 1e6 = 2.745 dollars."""
    loads = [Load(images, images * 0.4, characters) for images, characters in
             ((8, 400), (4, 300), (1, 800), (8, 1200), (2, 100))]  # fmt: skip
    asked = [(load, Usage(load.images * 258 + load.characters // 4, 4, None)) for load in loads]
    found = estimate(asked, [Load(8, 3.2, 400)] * 1000, cost)
    assert found is not None
    assert found.dollars == pytest.approx(2.745, abs=0.001)
    assert found.low == pytest.approx(found.high, abs=0.001)
    assert (found.prompt_tokens, found.completion_tokens) == (2_164_000, 4_000)


def test_ninety_percent_of_the_intervals_hold_the_bill() -> None:
    draw = random.Random(5)
    held = 0
    for _ in range(300):
        run = [Load(8, 3.2, draw.randrange(100, 900)) for _ in range(400)]
        usages = [
            Usage(
                8 * 258 + load.characters // 4 + draw.randrange(40), max(1, round(draw.gauss(60, 25))), None
            )
            for load in run
        ]
        whole = float(sum(cost(usage.prompt_tokens or 0, usage.completion_tokens or 0) for usage in usages))
        picked = draw.sample(range(400), 5)
        found = estimate([(run[i], usages[i]) for i in picked], run, cost)
        assert found is not None and found.low <= found.dollars <= found.high
        held += found.low <= whole <= found.high
    assert held / 300 >= 0.85


def test_a_model_without_a_price_has_no_bill_and_one_sample_is_too_few() -> None:
    load = Load(1, 0.4, 100)
    usage = Usage(300, 4, None)
    assert estimate([(load, usage), (load, usage)], [load], lambda prompt, answer: None) is None
    with pytest.raises(ValueError, match="two samples"):
        estimate([(load, usage), (load, Usage())], [load], cost)
