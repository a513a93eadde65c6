#!/usr/bin/env bash
# Starts a server for a model by its name: ./launch_server.sh MODEL [--engine ...] [-- engine flags]; --help
# lists all. Runs on any Python from 3.11 on that has PyYAML and msgspec, as engines' have: PYTHON=..., .venv, the
# engine's, or the system's.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suits='import sys, yaml, msgspec; sys.exit(sys.version_info < (3, 11))'
for python in ${PYTHON:+"$PYTHON"} "$root/.venv/bin/python" ${VIRTUAL_ENV:+"$VIRTUAL_ENV/bin/python"} \
  ${ENGINE_VENV:+"$ENGINE_VENV/bin/python"} python3 python python3.13 python3.12 python3.11; do
  if "$python" -c "$suits" 2>/dev/null; then
    # Not by PYTHONPATH, which the engine would inherit: our folders' names are common ones.
    exec "$python" -c 'import sys; sys.path.insert(0, sys.argv.pop(1)); import sightbench.servers.launch as launch
sys.argv[0] = "launch_server.sh"
sys.exit(launch.main())' "$root" "$@"
  fi
done
echo "error: no Python from 3.11 on with PyYAML and msgspec was found: run 'make demo' once, or set PYTHON" >&2
exit 2
