"""What the families' tables have in common: where files lie, and which profiles go together."""

from __future__ import annotations

from types import MappingProxyType

SHORT_PROFILES = ("internvl", "official", "vlmevalkit", "lmms_eval")
WRAPPER = ("vlmevalkit", "internvl", "internvl_cot", "internvl_mpo")
"""VLMEvalKit's own prompt, and what its InternVL wrapper asks instead; all scored by VLMEvalKit."""
BY_VLMEVALKIT = MappingProxyType(dict.fromkeys(WRAPPER, "vlmevalkit"))

INTERNVL = "OpenGVLab/InternVL internvl_chat/eval/"
VLMEVALKIT = "open-compass/VLMEvalKit vlmeval/dataset/"


def annotation(*names: str) -> tuple[str, ...]:
    """Where InternVL's files may lie: below internvl_chat/, its data/, or the data set's own folder."""
    return tuple(
        place
        for name in names
        for place in (f"data/{name}", name, name.split("/", 1)[-1], f"internvl_chat/data/{name}")
    )


def table_file(*names: str) -> tuple[str, ...]:
    """Where VLMEvalKit's tables may lie; *_local.tsv is what it makes of those above 1 GB."""
    return tuple(
        f"{folder}{name}{suffix}.tsv"
        for name in names
        for folder in ("", "LMUData/")
        for suffix in ("", "_local")
    )
