"""OpenAI's batches, which Azure, Groq and DashScope speak too:
https://developers.openai.com/api/docs/guides/batch

Files, batches and lists are no hot path: the openai SDK does them.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import openai

from sightbench.client.batches.file_wire import request_line
from sightbench.client.batches.result_lines import openai as openai_line
from sightbench.client.batches.result_lines import results
from sightbench.client.batches.service import Created, Frame, Limits, Progress, Read, Result
from sightbench.client.transport.credential import Credential
from sightbench.client.transport.endpoint import AGENT
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
    """`url` is the API's base, `key` may be None for a server that needs none; `credential`: see Endpoint."""

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
    ) -> None:
        self._label = label or url
        self._secrets = (key, *(headers or {}).values(), *url_secrets(url))
        self._credential = credential
        # Creating is never repeated blindly: whether it happened is asked first.
        self._client = openai.AsyncOpenAI(
            base_url=url,
            api_key=key or "none",
            default_headers={"User-Agent": AGENT, **(headers or {})},
            max_retries=0,
            http_client=None if credential is None else _WithToken(credential),
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


class _WithToken(openai.DefaultAsyncHttpxClient):
    """The SDK's HTTP client with a credential's headers on every request, and another token after a 401."""

    def __init__(self, credential: Credential) -> None:
        super().__init__()
        self._credential = credential

    async def send(self, request: Any, **options: Any) -> Any:
        token = await self._credential.token()
        request.headers.update(token.headers)
        response = await super().send(request, **options)
        if response.status_code == 401 and (other := await self._credential.renewed(token)):
            await response.aclose()
            request.headers.update(other.headers)
            response = await super().send(request, **options)
        return response


def _endpoint(file: Path) -> str:
    """The URL that the file's requests name: all of one batch are for the same."""
    with file.open("rb") as lines:
        start = lines.read(512)
    _, _, rest = start.partition(b'"url":"')
    return rest.partition(b'"')[0].decode()
