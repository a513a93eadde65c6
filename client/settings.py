"""Everything a run of the client is told: where to ask, with which parameters, how fast, for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sightbench.client.hosted.negotiation import Change
from sightbench.client.sampling import RequestOptions
from sightbench.client.transport.address import address, label

if TYPE_CHECKING:
    # It needs an event loop, and `--help` does not.
    from sightbench.client.transport.credential import Credential

Mode = Literal["images", "video", "file", "upload"]
"""How frames go out: one image part each, one video part of encoded frames, `file://` references (a service
that takes video files: the file itself in the request), or files in the service's store."""


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint: its base URL (`http://host:8000/v1`, `unix:///run/vllm.sock`), its share of the load; its
    own key with the name of the variable it came from, and its own budgets per minute, None: the run's."""

    url: str
    weight: float = 1.0
    api_key: str | None = None
    key_env: str | None = None
    rpm: float | None = None
    tpm: float | None = None

    @property
    def label(self) -> str:
        """What people and files call it: no credentials, and the variable of its key where it has its own."""
        where = address(self.url).label
        return where if self.key_env is None else f"{where}#env={self.key_env}"

    def __repr__(self) -> str:
        return f"Target({label(self.url)!r}, weight={self.weight:g})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(RequestOptions):
    """The configuration of a run; immutable, and printable: secrets are left out of its repr.

    `timeout` bounds one attempt, `attempts` the tries of one
    sample, `patience` how long every endpoint may be down before the run gives up, `deadline` the whole
    run (all in seconds). `rpm` and `tpm` bound the run as a whole, `concurrency` each endpoint ("auto":
    found out, up to `max_concurrency`). `text_mask_options` tells an endpoint that can segment
    not to for samples that want text. `lookahead` is how many samples are read ahead to
    bring questions about one video together; `shard` is (index, count), by video. `provider` is an entry of
    the providers' table ("generic": the one an endpoint's URL belongs to); `changes` are what a model's
    refusals did to the parameters; `credential` prints headers that go out with every request.
    """

    endpoints: tuple[Target, ...]
    model: str
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    credential: Credential | None = field(default=None, repr=False)
    provider: str = "generic"
    changes: tuple[Change, ...] = ()
    mode: Mode = "images"
    text_mask_options: bool = False

    concurrency: int | Literal["auto"] = 32
    max_concurrency: int = 1024
    rpm: float | None = None
    tpm: float | None = None
    timeout: float = 600.0
    attempts: int = 6
    patience: float = 300.0
    deadline: float | None = None
    max_tokens_total: int | None = None
    max_cost: float | None = None
    price_file: Path | None = None
    insecure: bool = False
    same_model: bool = False
    lookahead: int = 1024
    shard: tuple[int, int] | None = None
