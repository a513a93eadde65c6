"""Runs one of our modules in any Python: `PYTHON run_module.py servers.masks split ...`.

An engine's environment has no sightbench in it. With our folder on PYTHONPATH everything beside it, all of
site-packages where we are installed, would go before the engine's own; so the package is loaded by its path.
"""

from __future__ import annotations

import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def module_command(python: str, module: str) -> tuple[str, ...]:
    """The words that run `module` (`servers.masks`) in the interpreter `python`; its arguments follow."""
    return (python, str(PACKAGE / "run_module.py"), module)


def main() -> None:
    """Runs the module named by the first argument as `__main__`, with the rest as its arguments."""
    import runpy
    from importlib.util import module_from_spec, spec_from_file_location

    # Python put this file's folder first, where our module names would hide others.
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != PACKAGE]
    spec = spec_from_file_location(
        PACKAGE.name, PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)]
    )
    assert spec is not None and spec.loader is not None
    package = module_from_spec(spec)
    sys.modules[PACKAGE.name] = package
    spec.loader.exec_module(package)
    module = sys.argv.pop(1)
    runpy.run_module(f"{PACKAGE.name}.{module}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
