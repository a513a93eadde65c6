"""What a judge is told to be: one field per flag, the same in a run and in the command `judge`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from sightbench.errors import UsageError
from sightbench.flags import check, flag
from sightbench.scorers.judged.judges import PROFILES
from sightbench.scorers.judged.row import OURS


# Without slots, so that an evaluation's options, which have some, can take these beside its own.
@dataclass(frozen=True, kw_only=True)
class JudgeOptions:
    """Which judge, where, and at what expense; without `judge_endpoint` none is asked."""

    judge_endpoint: str | None = flag(
        None, "Ask a judge at this URL about free-form answers.", "the judge", metavar="URL", shown="none"
    )
    judge_model: str | None = flag(
        None, "Model that judges.", "the judge", metavar="NAME", shown="the one the endpoint serves"
    )
    judge_key_env: str | None = flag(
        None, "Environment variable that holds the judge's key.", "the judge", shown="the provider's"
    )
    judge_profile: str = flag(
        OURS,
        f"Whose prompt and rules: {', '.join(PROFILES)}.",
        "the judge",
        metavar="NAME",
    )
    judgements: Path | None = flag(
        None, "Folder of judgements that several runs share.", "the judge", metavar="DIR"
    )
    judge_concurrency: int | Literal["auto"] = flag(
        "auto", "Requests in flight to the judge: a number or auto.", "the judge", least=1, metavar="N"
    )
    judge_rpm: float | None = flag(None, "Requests per minute to the judge at most.", "the judge", above=0)
    judge_timeout: float = flag(600.0, "Seconds one judgement may take.", "the judge", least=0.1)
    judge_max_tokens_total: int | None = flag(
        None, "Stop judging once this many tokens are used.", "the judge", least=1
    )
    judge_max_cost: float | None = flag(
        None, "Stop judging before this many US dollars are spent.", "the judge", above=0, metavar="USD"
    )

    def check_judge(self) -> None:
        """Raises UsageError for a word that means nothing, or a judge's flag without a judge."""
        check(self)
        if self.judge_profile not in PROFILES:
            raise UsageError(f"--judge-profile {self.judge_profile!r}: choose {', '.join(PROFILES)}")
        if isinstance(self.judge_concurrency, str) and self.judge_concurrency != "auto":
            raise UsageError(f"--judge-concurrency {self.judge_concurrency}: a number from 1 on, or auto")
        if self.judge_endpoint is None and self.judge_model is not None:
            raise UsageError("--judge-model needs --judge-endpoint: where is it served?")


def of_judge(options: Any) -> JudgeOptions:
    """The judge's part of an evaluation's options."""
    return JudgeOptions(**{entry.name: getattr(options, entry.name) for entry in fields(JudgeOptions)})
