#!/usr/bin/env bash
# Prints the path of a Chromium for `make test-browser`, installing Debian's headless shell where that is
# possible. Exit code 1, with a line that says why, where there is none.
set -euo pipefail
find_browser() {
  if [ -n "${SIGHTBENCH_BROWSER:-}" ]; then echo "$SIGHTBENCH_BROWSER"; return; fi
  for name in chromium-headless-shell chromium google-chrome; do command -v "$name" && return; done
  return 1
}
find_browser && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "no Chromium here, and no right to install one: apt-get install chromium-headless-shell" >&2
  exit 1
fi
{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
  chromium-headless-shell fonts-dejavu-core; } >&2 || { echo "apt-get could not install chromium-headless-shell" >&2; exit 1; }
find_browser
