"""What a mask model's engine is started with."""

from __future__ import annotations

import os
import venv
from pathlib import Path

import pytest

from sightbench.servers.masks.engine import PLUGIN_DIR, PLUGINS, installed_plugins, vllm_environment


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment with a platform plugin and an endpoint plugin for vLLM."""
    folder = tmp_path_factory.mktemp("engine")
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python3*/site-packages")
    info = packages / "somebodys_platform-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys-platform\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[vllm.platform_plugins]\nsomebodys = os:getcwd\n[vllm.endpoint_plugins]\nroutes = os:getcwd\n"
    )
    return str(folder / "bin" / "python")


def test_plugins_of_the_engine_stay_switched_on(engine: str) -> None:
    assert installed_plugins(engine) == ("somebodys",)
    made = vllm_environment({"PYTHONPATH": "/mine"}, installed_plugins(engine))
    assert made["VLLM_PLUGINS"] == ",".join(("somebodys", *PLUGINS))
    assert made["PYTHONPATH"] == f"{PLUGIN_DIR}{os.pathsep}/mine"


def test_a_list_the_user_made_is_kept_and_only_ours_are_added(engine: str) -> None:
    made = vllm_environment({"VLLM_PLUGINS": "one,two"}, installed_plugins(engine))
    assert made["VLLM_PLUGINS"] == ",".join(("one", "two", *PLUGINS))
    assert vllm_environment({"VLLM_PLUGINS": ""}, ("somebodys",))["VLLM_PLUGINS"] == ",".join(PLUGINS)


def test_an_interpreter_that_is_not_there_has_no_plugins(tmp_path: Path) -> None:
    assert installed_plugins(str(tmp_path / "python")) == ()


def test_the_engines_path_holds_the_plugins_and_nothing_else_of_ours() -> None:
    # An engine imports by common names (tests, tasks, client); only what starts with seg_ may stand there.
    modules = {path.stem for path in PLUGIN_DIR.glob("*.py")}
    assert modules and all(name.startswith("seg_") for name in modules)
