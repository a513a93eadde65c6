"""A service with OpenAI's limits per minute: https://developers.openai.com/api/docs/guides/rate-limits

Both budgets fill all the time. Tokens are charged when a request comes, for its characters and the longest
answer it asks for, which is more than it then uses. Requests may not come in bursts: a minute's budget is
enforced by the second.
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field

from tests.client.hosted import bodies
from tests.faults.server import Request, Response, completion


@dataclass
class Limited:
    """`granted` and `refused` are the times of requests, in seconds since the `first` one (on the monotonic
    clock), with the tokens."""

    rpm: float
    tpm: float
    delay: tuple[float, float] = (0.05, 0.3)
    granted: list[tuple[float, int]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._draw = random.Random(1)
        self._requests, self._second, self._tokens = self.rpm, max(1.0, self.rpm / 60), self.tpm
        self._at = self.first = 0.0

    def script(self, request: Request, number: int) -> Response:
        now = time.monotonic()
        self.first = self.first or now
        passed = now - (self._at or now)
        self._at = now
        self._requests = min(self.rpm, self._requests + passed * self.rpm / 60)
        self._second = min(max(1.0, self.rpm / 60), self._second + passed * self.rpm / 60)
        self._tokens = min(self.tpm, self._tokens + passed * self.tpm / 60)
        asked = request.json
        prompt = len(json.dumps(asked["messages"])) // 4
        tokens = prompt + asked["max_completion_tokens"]
        if min(self._requests, self._second) < 1 or self._tokens < tokens:
            self.refused.append(now - self.first)
            kind = "tokens" if self._tokens < tokens else "requests"
            words = f"Rate limit reached for gpt-5.1 on {kind} per min. Please try again in 100ms."
            body = json.dumps(bodies.openai(words, kind, "rate_limit_exceeded")).encode()
            return Response(429, body, {**self._headers(), "retry-after-ms": "100"})
        self.granted.append((now - self.first, tokens))
        self._requests, self._second, self._tokens = (
            self._requests - 1, self._second - 1, self._tokens - tokens
        )  # fmt: skip
        body = completion("A", model="gpt-5.1", tokens=prompt + 2)
        return Response(body=body, headers=self._headers(), delay=self._draw.uniform(*self.delay))

    def used(self, start: float, end: float) -> float:
        """The share of what was allowed between two times that was taken, of the budget that binds."""
        minutes = (end - start) / 60
        within = [tokens for at, tokens in self.granted if start <= at < end]
        return max(len(within) / (self.rpm * minutes), sum(within) / (self.tpm * minutes))

    def _headers(self) -> dict[str, str]:
        named = {}
        for name, left, limit in (
            ("requests", self._requests, self.rpm),
            ("tokens", self._tokens, self.tpm),
        ):
            named[f"x-ratelimit-limit-{name}"] = f"{limit:.0f}"
            named[f"x-ratelimit-remaining-{name}"] = f"{max(0.0, left):.0f}"
            named[f"x-ratelimit-reset-{name}"] = f"{(limit - left) / limit * 60_000:.0f}ms"
        return named
