"""What the user named -> what an engine loads: a hub id or a folder, its family, its size, its adapters."""

from __future__ import annotations

import difflib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from sightbench.errors import UsageError
from sightbench.families import Family, Table, hub_id
from sightbench.terminal import plain

_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE)
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
SPLIT = "masks.json"
"""What `python -m sightbench.servers.masks split` leaves in the folder it writes."""

WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.gguf")


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter: the name requests ask for it by, its folder or hub id, its rank where known."""

    name: str
    path: str
    rank: int | None


@dataclass(frozen=True, slots=True)
class Target:
    """`model` is a hub id, or the absolute path of a `folder`; `name` what it is served as.

    `billions` is the number of parameters (from the name, else from the size of bf16 weights on disk),
    None if unknown. `notes` are lines the user should see.
    """

    model: str
    name: str
    family: Family
    folder: Path | None = None
    billions: float | None = None
    adapters: tuple[Adapter, ...] = ()
    notes: tuple[str, ...] = ()


def resolve(
    given: str,
    table: Table,
    *,
    family: str | None = None,
    alias: str | None = None,
    adapters: tuple[str, ...] = (),
    weightless: bool = False,
) -> Target:
    """The target a name, hub id or path means; `adapters` are NAME=PATH.

    A folder of a training run stands for its last checkpoint-*, a folder with an adapter for its base model
    with that adapter. `alias` tells the family where the name does not. `weightless`: no weights are looked
    for (the engine makes up its own). Raises UsageError, with the nearest names for one nobody knows, or the
    reason why a folder cannot be served.
    """
    loras = tuple(_adapter(text) for text in adapters)
    path = Path(os.path.expanduser(given))
    # os.path says no of a name that no file can have; pathlib raises
    if not os.path.exists(path):
        if given.startswith(("/", ".", "~")):
            raise UsageError(f"{plain(given)}: there is no such folder")
        return _on_hub(given, table, family, alias, loras)
    if not path.is_dir():
        raise UsageError(f"{given} is a file: give the folder of the checkpoint")
    folder, notes = _checkpoint(path.resolve())
    if (folder / SPLIT).is_file():
        return Target(
            str(folder), folder.name, _family_of_split(folder, table, family), folder, adapters=loras
        )
    if not (folder / "config.json").is_file() and (folder / "adapter_config.json").is_file():
        base = _json(folder / "adapter_config.json").get("base_model_name_or_path")
        if not base:
            raise UsageError(f"{folder}/adapter_config.json does not name its base model: give it and --lora")
        own = _adapter(f"{folder.name}={folder}")
        served = resolve(str(base), table, family=family, alias=alias, weightless=weightless)
        note = f"{folder.name} is an adapter of {base}; it is served beside it"
        return Target(
            served.model,
            served.name,
            served.family,
            served.folder,
            served.billions,
            (own, *loras),
            (*notes, note),
        )
    if lacks := lacking(folder, weightless=weightless):
        raise UsageError(f"{folder}: {lacks}; download it again, that continues where it stopped")
    found_family, why = _family_of_folder(folder, table, family, alias)
    return Target(
        model=str(folder),
        name=_served_name(folder),
        family=found_family,
        folder=folder,
        billions=size_in_name(folder.name) or _size_on_disk(folder),
        adapters=loras,
        notes=(*notes, *why),
    )


def size_in_name(name: str) -> float | None:
    """Billions of parameters as the name says (`Qwen3-VL-30B-A3B`: 30), None if it does not."""
    size = _SIZE.search(name.rsplit("/", 1)[-1])
    return float(size[1]) if size else None


def known_id(given: str, table: Table) -> str | None:
    """The hub id that a name (`Qwen3-VL-8B-Instruct`, any case and punctuation) stands for."""
    wanted = _plain(given)
    for family in table.families:
        for model in family.models:
            if wanted in (_plain(model), _plain(model.rsplit("/", 1)[-1])):
                return model
    return None


def _plain(name: str) -> str:
    """A name without what people write differently: InternVL2-5, InternVL2_5 and InternVL2.5 are one."""
    return re.sub(r"[-_.]", "", name).lower()


def _on_hub(
    given: str, table: Table, family: str | None, alias: str | None, loras: tuple[Adapter, ...]
) -> Target:
    model = known_id(given, table) or given
    chosen = table.named(family) if family else table.of_name(model) or table.of_name(alias or "")
    if chosen is None or model.count("/") != 1:
        raise UsageError(_unknown(given, table, known=chosen is not None))
    return Target(model, model, chosen, billions=size_in_name(model), adapters=loras)


def _unknown(given: str, table: Table, *, known: bool) -> str:
    shown = plain(given, 300)
    if why := table.why_not(given):
        return f"{shown}: {why} (--family NAME serves it all the same)"
    every = [model for family in table.families for model in family.models]
    bare = {model.rsplit("/", 1)[-1].lower(): model for model in every}
    near = difflib.get_close_matches(given.rsplit("/", 1)[-1].lower(), bare, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(bare[name] for name in near)}?" if near else ""
    if known:
        return f"{shown}: neither a folder here nor ORGANISATION/NAME on the hub{hint or '.'}"
    return (
        f"{shown}: no family in sightbench/models.yaml has this name{hint or '.'} (--family NAME says which)"
    )


def _checkpoint(path: Path) -> tuple[Path, list[str]]:
    """The folder itself, or the last checkpoint-* in it if it is the output of a training run."""
    if any((path / name).is_file() for name in ("config.json", "adapter_config.json", SPLIT)):
        return path, []
    steps = {int(m[1]): p for p in path.iterdir() if p.is_dir() and (m := _CHECKPOINT.fullmatch(p.name))}
    if not steps:
        raise UsageError(f"{path} holds no config.json: not a checkpoint (nor checkpoint-* folders)")
    last = steps[max(steps)]
    return last, [f"{path.name} holds {len(steps)} checkpoints; taking {last.name}"]


def lacking(folder: Path, *, weightless: bool = False) -> str | None:
    """What a folder lacks to be a whole checkpoint, None if nothing. UsageError for a broken index."""
    if not (folder / "config.json").is_file():
        return "there is no config.json"
    if weightless:
        return None
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = sorted(set(_json(index).get("weight_map", {}).values()))
        missing = [name for name in shards if not os.path.isfile(folder / name)]
        return (
            f"weights are missing: {plain(missing[0], 200)} ({len(missing)} of {len(shards)} files)"
            if missing
            else None
        )
    if not any(any(folder.glob(pattern)) for pattern in WEIGHTS):
        return f"there are no weights ({', '.join(WEIGHTS)})"
    return None


def _family_of_folder(
    folder: Path, table: Table, family: str | None, alias: str | None
) -> tuple[Family, tuple[str, ...]]:
    """The family, and what the user should know about how it was found."""
    if family:
        return table.named(family), ()
    config = _json(folder / "config.json")
    architectures = [*(config.get("architectures") or []), config.get("model_type", "")]
    masks = _mask_family(config)
    for name in (str(folder), alias or ""):
        candidate = table.of_name(name)
        if candidate is not None and (masks is None or candidate.masks):
            fits = set(architectures) & set(candidate.serving.architectures)
            if fits and (masks is None or _base(candidate) == masks):
                return candidate, ()
    if masks is not None:
        return table.named(masks), ()
    why_not = table.why_not(str(folder)) or _old_template(config)
    if why_not is not None:
        raise UsageError(f"{folder}: {why_not} (--family NAME serves it all the same)")
    for architecture in architectures:
        candidate = table.of_architecture(architecture)
        if candidate is not None:
            what = f"{folder.name} is taken for {candidate.name} by its architecture; a model trained further"
            return candidate, (f"{what} may want another prompt (--family NAME, or --alias with its hub id)",)
    what = plain(" or ".join(filter(None, architectures)), 200) or "this name"
    raise UsageError(f"{folder}: no family in sightbench/models.yaml has {what} (--family NAME says which)")


def _mask_family(config: dict[str, Any]) -> str | None:
    """The family of a mask model by its configuration, whatever its folder is called."""
    architectures = {*(config.get("architectures") or []), config.get("model_type")}
    if architectures & {"PixelQwen2_5_VLForConditionalGeneration", "pixel_qwen2_5_vl"}:
        return "unipixel"
    if not architectures & {"Sa2VAChatModel", "Sa2VAChatModelQwen", "sa2va_chat"}:
        return None
    if "llm_config" in config:
        return "sa2va"
    third = "deepstack_visual_indexes" in (config.get("vision_config") or {})
    return "sa2va-qwen3-vl" if third else "sa2va-qwen2.5-vl"


def _base(family: Family) -> str:
    """The name that `_mask_family` has for this family: it does not tell InternVL's versions apart."""
    return "sa2va" if family.name.startswith("sa2va-internvl") else family.name


def _old_template(config: dict[str, Any]) -> str | None:
    """Why an InternVL checkpoint is of a version before 2.5, None if it is not."""
    template = config.get("template")
    if "InternVLChatModel" not in (config.get("architectures") or []) or template in (None, "internvl2_5"):
        return None
    return f"its conversation template is {template!r}, and ours is InternVL2.5's"


def _family_of_split(folder: Path, table: Table, family: str | None) -> Family:
    if family:
        return table.named(family)
    sidecar = _json(folder / SPLIT)
    bases = {"qwen3_vl": "sa2va-qwen3-vl", "qwen2_5_vl": "sa2va-qwen2.5-vl"}
    name = (
        "unipixel" if sidecar.get("decoder") == "unipixel" else bases.get(str(sidecar.get("family")), "sa2va")
    )
    return table.named(name)


def _served_name(folder: Path) -> str:
    """The folder's name; a checkpoint's with its run's before it, the hub's id in the hub's cache."""
    if known := hub_id(str(folder)):
        return known
    return f"{folder.parent.name}-{folder.name}" if _CHECKPOINT.fullmatch(folder.name) else folder.name


def _size_on_disk(folder: Path) -> float | None:
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return size / 2e9 or None


def _adapter(text: str) -> Adapter:
    name, separator, path = text.partition("=")
    if not (name and separator and path):
        raise UsageError(f"--lora {text}: write NAME=PATH")
    folder = Path(os.path.expanduser(path))
    if not folder.exists():
        if path.startswith(("/", ".", "~")) or path.count("/") != 1:
            raise UsageError(f"--lora {text}: there is no folder {path}")
        return Adapter(name, path, None)
    if not (folder / "adapter_config.json").is_file():
        raise UsageError(f"--lora {text}: {path} holds no adapter_config.json")
    rank = _json(folder / "adapter_config.json").get("r")
    return Adapter(name, str(folder.resolve()), rank if isinstance(rank, int) else None)


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        msgspec.convert(content, _Read)
    except RecursionError:
        raise UsageError(f"{path}: nested too deeply") from None
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise UsageError(f"{path}: not a file as checkpoints have it ({plain(error, 200)})") from error
    return content


class _Read(msgspec.Struct):
    """The types of what is read out of a checkpoint's JSON files."""

    architectures: list[str] | None = None
    model_type: str = ""
    template: str | None = None
    vision_config: dict[str, Any] | None = None
    weight_map: dict[str, str] = {}
    base_model_name_or_path: str | None = None
