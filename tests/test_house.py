"""The house: arrows run downward, there are no circles, and no room is crowded."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.paths import ROOT

MIDDLE = {"tasks", "client", "scorers", "servers"}
BELOW: dict[str, set[str]] = {
    "sightbench": set(),
    **{room: {"sightbench"} for room in MIDDLE},
    "reports": {"sightbench", "scorers"},
    "evaluation": {"sightbench", "reports", *MIDDLE},
    "commands": {"sightbench", "reports", "evaluation", *MIDDLE},
}
"""Room -> the rooms it may import from."""

DOORS = {"sightbench.__main__"}
"""Front doors, as bench.py is one: not of the room they lie in."""

CROWDED = 20


def modules() -> dict[str, Path]:
    """Module name (`client.pool`, `sightbench.rle`) -> its file."""
    found = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for room in BELOW
        for path in sorted((ROOT / room).rglob("*.py"))
    }
    return {name: path for name, path in found.items() if name not in DOORS}


def imported(path: Path) -> Iterator[str]:
    """What a file imports of ours, at its top or inside a function; what only types need is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows() -> dict[str, set[str]]:
    """Module -> the modules of ours it imports."""
    known = modules()
    graph: dict[str, set[str]] = {name: set() for name in known}
    for name, path in known.items():
        for target in imported(path):
            if not target.startswith("sightbench"):
                continue
            for candidate in (target.removeprefix("sightbench."), target):
                if candidate in known and candidate != name:
                    graph[name].add(candidate)
                    break
    return graph


def test_arrows_run_downward() -> None:
    wrong = [
        f"{name} -> {target}"
        for name, targets in arrows().items()
        for target in sorted(targets)
        if (room := name.split(".")[0]) != (other := target.split(".")[0]) and other not in BELOW[room]
    ]
    assert not wrong, "\n".join(wrong)


def test_there_are_no_circles() -> None:
    # A package's own file stands for nothing but its name.
    graph = {
        name: {target for target in targets if not name.startswith(f"{target}.")}
        for name, targets in arrows().items()
    }
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_room_is_crowded() -> None:
    folders: dict[Path, int] = {}
    for path in modules().values():
        folders[path.parent] = folders.get(path.parent, 0) + (path.name != "__init__.py")
    crowded = {str(folder.relative_to(ROOT)): n for folder, n in folders.items() if n > CROWDED}
    assert not crowded
