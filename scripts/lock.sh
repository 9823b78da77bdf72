#!/usr/bin/env bash
# Resolves the three lock files: hashes, no address of any registry, one set for all platforms.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  .venv/bin/uv pip compile "$1" --no-config --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header --override requirements/overrides.txt --quiet -o "$2" "${@:3}"
}
compile requirements/runtime.in requirements/runtime.lock
compile requirements/develop.in requirements/develop.lock -c requirements/runtime.lock
