"""Which sightbench this is."""

from __future__ import annotations

from pathlib import Path


def version() -> str:
    """The version of the installed package; of a checkout that is not installed, its pyproject.toml's."""
    from importlib import metadata

    try:
        return metadata.version("sightbench")
    except metadata.PackageNotFoundError:
        import tomllib

        with (Path(__file__).resolve().parent.parent / "pyproject.toml").open("rb") as file:
            return str(tomllib.load(file)["project"]["version"])
