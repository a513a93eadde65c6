"""Endpoints as a run's settings describe them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sightbench.client.providers import Provider
from sightbench.client.settings import Settings, Target
from sightbench.client.transport.endpoint import Endpoint


def opened(
    settings: Settings,
    target: Target,
    *,
    provider: Provider | None = None,
    timeout: float | None = None,
    on_stray: Callable[[Sequence[str]], None] = lambda names: None,
) -> Endpoint:
    """A connection pool to one of the run's endpoints, with its key; `timeout` None is the run's."""
    return Endpoint(
        target.url,
        api_key=target.api_key or settings.api_key,
        headers=settings.headers,
        timeout=settings.timeout if timeout is None else timeout,
        insecure=settings.insecure,
        on_stray=on_stray,
        provider=provider,
        model=settings.model,
        label=target.label,
        credential=settings.credential,
    )
