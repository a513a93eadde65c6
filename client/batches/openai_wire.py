"""OpenAI's batches, which Azure, Groq and DashScope speak too:
https://developers.openai.com/api/docs/guides/batch

Files, batches and lists are no hot path: the openai SDK does them.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import msgspec
import openai

from sightbench.client.batches.file_wire import request_line
from sightbench.client.batches.result_lines import openai as openai_line
from sightbench.client.batches.result_lines import results
from sightbench.client.batches.service import Created, Frame, Limits, Progress, Read, Result
from sightbench.client.transport.address import Address, address
from sightbench.client.transport.credential import Credential
from sightbench.client.transport.endpoint import AGENT, proxy_of
from sightbench.errors import EndpointError
from sightbench.json_record import NOTHING, from_json, told
from sightbench.redaction import Redaction, url_secrets
from sightbench.terminal import plain

# https://developers.openai.com/api/reference/resources/batches/methods/create: 50,000 requests, 200 MB
LIMITS = Limits(50_000, 200_000_000)
_TOKEN = "sightbench"
_ENDED = frozenset({"completed", "expired"})


class _Counts(msgspec.Struct):
    total: int | None = None
    completed: int | None = None


class _Error(msgspec.Struct):
    code: str | None = None
    message: str | None = None


class _Errors(msgspec.Struct):
    data: list[_Error] | None = None


class _Batch(msgspec.Struct):
    id: str
    status: str
    created_at: float
    metadata: dict[str, object] | None = None
    request_counts: msgspec.Raw = NOTHING
    errors: msgspec.Raw = NOTHING
    output_file_id: str | None = None
    error_file_id: str | None = None


class _Page(msgspec.Struct):
    data: list[_Batch]
    has_more: bool = False


class OpenAIBatches:
    """`url` is an endpoint's, `key` may be None for a server that needs none; `credential`: see Endpoint.

    Raises UsageError for an address or a proxy that is none.
    """

    name = "openai"
    limits = LIMITS
    frame = Frame()

    def __init__(
        self,
        url: str,
        key: str | None,
        headers: Mapping[str, str] | None = None,
        label: str = "",
        credential: Credential | None = None,
        insecure: bool = False,
    ) -> None:
        where = address(url)
        base = urlsplit(where.base)
        self._label = label or where.label
        self._secrets = (key, *(headers or {}).values(), *url_secrets(url))
        self._credential = credential
        given = {} if key or not where.authorization else {"Authorization": where.authorization}
        given |= headers or {}
        # Creating is never repeated blindly: whether it happened is asked first.
        self._client = openai.AsyncOpenAI(
            base_url=urlunsplit((base.scheme, base.netloc, base.path, "", "")),
            default_query=dict(parse_qsl(base.query)),
            api_key=key or "none",
            default_headers={"User-Agent": AGENT, **given},
            max_retries=0,
            http_client=_Connected(where, insecure, credential, tuple(given)),
        )
        self._patient = self._client.with_options(max_retries=5)
        self._batches = self._patient.batches.with_raw_response

    @property
    def redaction(self) -> Redaction:
        printed = () if self._credential is None else self._credential.secrets
        return Redaction((*self._secrets, *printed))

    def line(self, custom_id: str, path: str, body: tuple[bytes, ...]) -> list[bytes]:
        return request_line(custom_id, path, body)

    async def create(self, file: Path, token: str) -> str:
        with self._explained():
            files = self._patient.files.with_raw_response
            uploaded = from_json((await files.create(file=file, purpose="batch")).content, Created)
            url: Any = _endpoint(file)
            made = await self._client.batches.with_raw_response.create(
                input_file_id=uploaded.id,
                endpoint=url,
                completion_window="24h",
                metadata={_TOKEN: token},
            )
            return from_json(made.content, Created).id

    async def find(self, token: str, items: int, since: float, known: frozenset[str]) -> str | None:
        after: str | None = None
        with self._explained():
            while True:
                listed = await self._batches.list(limit=100, after=openai.omit if after is None else after)
                page = from_json(listed.content, _Page)
                for batch in page.data:
                    if (batch.metadata or {}).get(_TOKEN) == token:
                        return batch.id
                    # Its token is its own, so this only ends the search; clocks are wrong by a time zone.
                    if batch.created_at < since - 86_400:
                        return None
                if not page.has_more or not page.data or page.data[-1].id == after:
                    return None
                after = page.data[-1].id

    async def poll(self, batch: str) -> Progress:
        found = await self._batch(batch)
        counts = told(found.request_counts, _Counts)
        note = found.status if counts is None else f"{found.status}, {counts.completed} of {counts.total}"
        if found.status == "failed":
            errors = told(found.errors, _Errors) or _Errors()
            words = "; ".join(error.message or error.code or "" for error in errors.data or [])
            return Progress("failed", words or "the provider does not say why")
        if found.status == "cancelled":
            return Progress("cancelled", note)
        return Progress("ended" if found.status in _ENDED else "running", note)

    async def results(self, batch: str, read: Read) -> AsyncIterator[Result]:
        found = await self._batch(batch)
        for file in filter(None, (found.output_file_id, found.error_file_id)):
            with self._explained():
                content = await self._patient.files.content(file)
            for result in results(content.content.splitlines(), openai_line, read):
                yield result

    async def cancel(self, batch: str) -> None:
        with self._explained():
            await self._batches.cancel(batch)

    async def close(self) -> None:
        await self._client.close()

    async def _batch(self, name: str) -> _Batch:
        with self._explained():
            return from_json((await self._batches.retrieve(name)).content, _Batch)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except openai.APIStatusError as error:
            words = self._shown(error.message)
            raise EndpointError(f"{self._label}: batch: HTTP {error.status_code}: {words}") from None
        except openai.OpenAIError as error:
            # The SDK's own words are "Connection error."; why stands in what it was raised from.
            words = self._shown(f"{error} {error.__cause__ or ''}")
            raise EndpointError(f"{self._label}: batch: {words}") from None
        except ValueError as error:
            words = self._shown(str(error))
            raise EndpointError(f"{self._label}: batch: not as documented ({words})") from None

    def _shown(self, words: str) -> str:
        return plain(self.redaction.text(words))


class _Connected(openai.DefaultAsyncHttpxClient):
    """The SDK's HTTP client, connected as an Endpoint is: by the same proxy, with the same certificates. A
    credential's headers go out with every request, and another token after a 401. What may hold a secret
    (`names`) goes to no host that a redirect leads to; the SDK's own key does not anyway."""

    def __init__(
        self, where: Address, insecure: bool, credential: Credential | None, names: tuple[str, ...]
    ) -> None:
        trusted = False if insecure else ssl.create_default_context()
        super().__init__(proxy=proxy_of(where), trust_env=False, verify=trusted)
        self.event_hooks = {"request": [self._keep_at_home]}
        self._host = urlsplit(where.base).hostname
        self._credential = credential
        self._names = set(names)

    async def send(self, request: Any, **options: Any) -> Any:
        if self._credential is None:
            return await super().send(request, **options)
        token = await self._credential.token()
        self._names.update(token.headers)
        request.headers.update(token.headers)
        response = await super().send(request, **options)
        if response.status_code == 401 and (other := await self._credential.renewed(token)):
            await response.aclose()
            request.headers.update(other.headers)
            response = await super().send(request, **options)
        return response

    async def _keep_at_home(self, request: Any) -> None:
        if request.url.host != self._host:
            for name in self._names:
                request.headers.pop(name, None)


def _endpoint(file: Path) -> str:
    """The URL that the file's requests name: all of one batch are for the same."""
    with file.open("rb") as lines:
        start = lines.read(512)
    _, _, rest = start.partition(b'"url":"')
    return rest.partition(b'"')[0].decode()
