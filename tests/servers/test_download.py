"""Downloads, with a hub that is not there: what is fetched where, what is said, and what is never said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sightbench.errors import SightbenchError, UsageError
from sightbench.servers import download as module
from sightbench.servers.download import download, source

SECRET = "hf_abcdefghijklmnop"


class RepositoryNotFoundError(Exception):
    pass


class GatedRepoError(RepositoryNotFoundError):
    pass


class Hub:
    """snapshot_download of a hub that has one small model; interrupted as often as told."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.asked: list[dict[str, Any]] = []

    def __call__(self, **asked: Any) -> str:
        self.asked.append(asked)
        folder = Path(asked["local_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text("{}")
        index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        (folder / "one.safetensors").touch()
        if self.error is not None:
            raise self.error
        (folder / "two.safetensors").touch()
        return str(folder)


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.chdir(tmp_path)


def test_a_model_goes_into_models_under_its_name() -> None:
    hub = Hub()
    assert download("qwen3-vl-8b-instruct", fetch=hub) == Path("models/Qwen--Qwen3-VL-8B-Instruct")
    (asked,) = hub.asked
    assert (asked["repo_id"], asked["repo_type"]) == ("Qwen/Qwen3-VL-8B-Instruct", "model")


def test_a_data_set_of_the_hub_goes_into_data_under_its_name(tmp_path: Path) -> None:
    hub = Hub()
    assert download("someone/set", "dataset", fetch=hub) == Path("data/someone--set")
    assert download("someone/set", "dataset", tmp_path / "all", fetch=hub) == tmp_path / "all"
    assert [(a["repo_type"], a["local_dir"]) for a in hub.asked] == [
        ("dataset", "data/someone--set"),
        ("dataset", str(tmp_path / "all")),
    ]


class CachingHub(Hub):
    """Keeps what it has as the hub's own programs do, and says where."""

    def __call__(self, **asked: Any) -> str:
        place = Path(asked["cache_dir"]) / "models--a--b/snapshots/abc"
        return super().__call__(**asked, local_dir=str(place))


def test_with_a_cache_the_files_lie_there_and_the_folder_has_links(tmp_path: Path) -> None:
    hub = CachingHub()
    for _ in range(2):
        folder = download("a/b", cache=tmp_path / "cache", fetch=hub)
        assert folder == Path("models/a--b")
        assert (folder / "one.safetensors").is_symlink()
        assert (folder / "one.safetensors").resolve().is_relative_to(tmp_path / "cache")
    Path("elsewhere").mkdir()
    Path("elsewhere/config.json").write_text("{}")
    with pytest.raises(SightbenchError, match=r"elsewhere/config.json is there and no link"):
        download("a/b", dest=Path("elsewhere"), cache=tmp_path / "cache", fetch=hub)


def test_a_name_nobody_knows_is_a_mistake() -> None:
    with pytest.raises(UsageError, match=r"neither a model .* nor a benchmark; `sightbench tasks` lists"):
        source("nothing")


def test_an_interrupted_download_is_told_and_continued() -> None:
    with pytest.raises(SightbenchError, match=r"a/b: stopped; the same command continues in models/a--b"):
        download("a/b", fetch=Hub(KeyboardInterrupt()))
    assert not Path("models/a--b/two.safetensors").exists()
    assert download("a/b", fetch=Hub()) == Path("models/a--b")


def test_offline_only_looks_whether_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub()
    download("a/b", fetch=hub)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert download("a/b", fetch=hub) == Path("models/a--b") and len(hub.asked) == 1
    Path("models/a--b/one.safetensors").unlink()
    with pytest.raises(SightbenchError, match=r"weights are missing: one.safetensors \(1 of 2 files\)"):
        download("a/b", fetch=hub)
    with pytest.raises(SightbenchError, match="there is no such folder; unset it"):
        download("c/d", fetch=hub)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (GatedRepoError(SECRET), "accept its licence at https://huggingface.co/a/b and set HF_TOKEN"),
        (RepositoryNotFoundError(SECRET), "the hub has no such model, or it is private"),
        (ConnectionError(f"proxy said {SECRET}"), "the hub cannot be reached .*continues in models/a--b"),
        (OSError(28, "No space left on device"), "no space left for models/a--b; .*it continues"),
        (RuntimeError(f"Authorization: Bearer {SECRET}"), r"download failed \(RuntimeError\)"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_line_without_the_token(error, said, capsys, monkeypatch) -> None:
    monkeypatch.setattr(module, "_snapshot_download", lambda: Hub(error))
    assert module.main(["a/b"]) == 1
    out, err = capsys.readouterr()
    assert err.startswith("error: a/b: ") and err.count("\n") == 1 and SECRET not in out + err
    import re

    assert re.search(said, err), err


def test_without_the_hubs_client_it_says_what_to_install(capsys, monkeypatch) -> None:
    import builtins

    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "huggingface_hub":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert module.main(["a/b"]) == 2
    assert "pip install 'sightbench[download]'" in capsys.readouterr().err
