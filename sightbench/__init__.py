"""sightbench: evaluate any served vision-language model, answers and masks."""

from pathlib import Path

_checkout = Path(__file__).resolve().parent.parent
if (_checkout / "launch_server.sh").exists():
    # In a checkout the rooms lie beside this folder; installed, they lie in it.
    __path__.append(str(_checkout))
