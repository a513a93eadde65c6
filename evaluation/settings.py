"""From an evaluation's options to the client's Settings: endpoints, the key, headers, the shard."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import replace

from sightbench.client.providers import chosen
from sightbench.client.settings import Settings, Target
from sightbench.client.transport.address import address, label
from sightbench.client.transport.credential import Credential
from sightbench.errors import UsageError
from sightbench.evaluation.options import Options, several
from sightbench.evaluation.shards.part import part


def settings(options: Options) -> Settings:
    """Settings as asked, before any server is probed. UsageError for an option that means nothing."""
    targets = tuple(target(url) for url in options.endpoints)
    service = options.provider or "generic"
    mine = part(options.shard, os.environ)
    return Settings(
        **options.request(),
        endpoints=targets,
        model=options.model or "",
        api_key=os.environ.get(options.api_key_env or key_variable(service, targets)) or None,
        provider=chosen(service, targets[0].url).name if options.provider else service,
        headers=dict(_header(header) for header in several(options.header)),
        credential=Credential(options.header_command) if options.header_command else None,
        concurrency=options.concurrency,
        rpm=options.rpm,
        tpm=options.tpm,
        timeout=options.timeout,
        attempts=options.attempts,
        patience=options.patience,
        deadline=options.deadline,
        max_tokens_total=options.max_tokens_total,
        max_cost=options.max_cost,
        price_file=options.prices,
        insecure=options.insecure,
        same_model=options.same_model,
        shard=(mine.index, mine.count) if mine else None,
    )


def key_variable(service: str, targets: Sequence[Target]) -> str:
    """The environment variable of the provider's key; one service's key is never sent to another."""
    return chosen(service, targets[0].url).key_env if targets else chosen(service, "").key_env


def target(text: str) -> Target:
    """`URL*2#env=KEY2,rpm=500,tpm=200000`; only the URL is needed. Raises UsageError."""
    where, marked, own = text.partition("#")
    found = re.fullmatch(r"(.+)\*(\d+(?:\.\d+)?)", where)
    url, weight = (found[1], float(found[2])) if found else (where, 1.0)
    address(url)
    if weight == 0 or not math.isfinite(weight):
        raise UsageError(f"--endpoint {label(url)}*{found[2] if found else ''}: a weight is above 0")
    endpoint = Target(url, weight)
    for piece in own.split(",") if marked else ():
        endpoint = _with(endpoint, *piece.partition("=")[::2])
    return endpoint


def _with(target: Target, name: str, value: str) -> Target:
    """The target with what stands after its #. What is not known is not shown: it may be a key."""
    if name == "env":
        if not os.environ.get(value):
            raise UsageError(f"--endpoint {target.label}#env: the environment has no variable of that name")
        return replace(target, api_key=os.environ[value], key_env=value)
    if name not in ("rpm", "tpm"):
        raise UsageError(
            f"--endpoint {target.label}: after # stand env, rpm and tpm, for example #env=KEY2,rpm=500"
        )
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise UsageError(f"--endpoint {target.label}#{name}: a number above 0")
    return replace(target, rpm=number) if name == "rpm" else replace(target, tpm=number)


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition(":")
    if not separator or not name.strip():
        raise UsageError("--header: write NAME:VALUE, for example --header 'X-Team: $TEAM_TOKEN'")
    value = value.strip()
    if value.startswith("$"):
        if value[1:] not in os.environ:
            raise UsageError(f"--header {name.strip()}: the environment has no variable {value[1:]}")
        value = os.environ[value[1:]]
    return name.strip(), value
