"""What a hosted model takes, found out with one request before a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import aiohttp
import orjson

from sightbench.client.body import Template
from sightbench.client.dialects.messages import Message
from sightbench.client.hosted.negotiation import Change, negotiate
from sightbench.client.providers import provider
from sightbench.client.settings import Settings
from sightbench.client.transport.endpoint import from_exception
from sightbench.client.transport.error_codes import ErrorBody, read_error
from sightbench.client.transport.failures import explain, from_body, kind
from sightbench.client.transport.opening import opened
from sightbench.errors import EndpointError
from sightbench.families import named
from sightbench.sample import Sample, Text, Turn

ASKED = "Reply with the word: ready"


async def prepare(settings: Settings) -> Settings:
    """The settings with what the model's refusals change about the parameters (`changes`).

    Only services that are known to be hosted are asked: engines take what they are sent. Raises EndpointError
    for what every request of the run would meet: a wrong key, an empty account, a model nobody may use.
    """
    service = provider(settings.provider)
    if not service.hosted:
        return settings
    template = Template(settings, service, named(settings.family or "generic"))
    sample = Sample("probe", "", "", "", (Turn("user", (Text(ASKED),)),))
    target = settings.endpoints[0]
    endpoint = opened(settings, target, provider=service)

    async def ask(parameters: Mapping[str, Any]) -> ErrorBody | None:
        fragments = template.dialect.request((Message("user", ASKED),), parameters)
        data = tuple(fragment.data for fragment in fragments)
        try:
            response = await endpoint.request("POST", endpoint.asked, data, sum(map(len, data)))
            content = orjson.loads(response.body)
        except (OSError, aiohttp.ClientError, TimeoutError) as error:
            raise EndpointError(explain(endpoint.label, from_exception(error, settings.timeout))) from None
        except ValueError:
            return None
        if response.status == 200:
            return None
        refused = read_error(content)
        if refused is None:
            return None
        refused = replace(refused, message=endpoint.redaction.excerpt(refused.message))
        if response.status in (400, 422):
            return refused
        failure = from_body(response.status, refused, service.name)
        if kind(failure).stops:
            raise EndpointError(explain(endpoint.label, failure, settings.model))
        return None

    try:
        changes = await negotiate(template.parameters(sample), ask)
    finally:
        await endpoint.close()
    return replace(settings, changes=changes)


def described(changes: tuple[Change, ...]) -> dict[str, str | None]:
    """The changes as run.json keeps them: parameter -> its new name, null for one that is not sent."""
    return {change.parameter: change.to for change in changes}
