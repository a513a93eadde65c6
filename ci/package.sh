#!/usr/bin/env bash
# The package as a stranger gets it: built as a source distribution, installed from that into a fresh environment,
# used outside the checkout, beside a folder of theirs that is called as one of our rooms is.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check build
"$work/venv/bin/python" -m build --quiet --sdist --outdir "$work" .
tar tzf "$work"/sightbench-*.tar.gz | sed 's#^[^/]*/##' | sort >"$work/packed"
git ls-files | grep -v '^\.gitignore$' | sort >"$work/tracked"
missing=$(comm -13 "$work/packed" "$work/tracked")
[ -z "$missing" ] || { echo "the source distribution lacks: $missing"; exit 1; }

"$work/venv/bin/pip" install --quiet --disable-pip-version-check "$work"/sightbench-*.tar.gz
mkdir -p "$work/elsewhere/client"
echo 'raise SystemExit("this client is somebody else'\''s")' >"$work/elsewhere/client/__init__.py"
cd "$work/elsewhere"
PATH="$work/venv/bin:$PATH"
sightbench --version
sightbench tasks mathvista >/dev/null
sightbench models --json >/dev/null
echo '{"prediction": "a cat", "gold": ["a cat"]}' | sightbench grade --metric anls | grep -q '"score":1.0'
sightbench-serve --dry-run Qwen/Qwen3-VL-8B-Instruct | grep -q 'vllm serve'
sightbench --scenes 2 --out run --quiet >/dev/null
sightbench score run >/dev/null
python -c 'import sightbench; assert sightbench.open_run("run").summary.complete and sightbench.__version__'
echo "the package works outside its checkout"
