#!/bin/sh
# Fuzz the mask core under ASan and UBSan: tests/fuzz/run.sh [inputs (1000000)] [seed (1)]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
"${CC:-cc}" -std=gnu11 -O1 -g -Wall -Wextra -Wno-psabi -fsanitize=address,undefined -fno-sanitize-recover=all \
    "$here/fuzz_boundary.c" -o "$built/fuzz_boundary"
"$built/fuzz_boundary" "$@"
