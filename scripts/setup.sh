#!/usr/bin/env bash
# Builds or completes .venv from a hashed lock file. Safe to run again after any failure.
# Usage: scripts/setup.sh runtime|develop
set -euo pipefail
cd "$(dirname "$0")/.."
which=${1:?runtime or develop}
python=${PYTHON:-python3}
need_mib=4096

fail() { printf 'setup: %s\n' "$1" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 || fail "'$python' was not found. Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3.11 setup"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$("$python" --version) is too old. Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 setup"
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "this Python cannot make virtual environments. On Debian: apt-get install python3-venv"
if [ ! -e ".venv/.runtime-installed" ]; then
  free_mib=$(df -Pm . | awk 'NR==2 {print $4}')
  [ "$free_mib" -ge "$need_mib" ] || fail "only $free_mib MiB are free here and the environment needs $need_mib MiB. Free some space, then run the same command again."
fi

log=$(mktemp); trap 'rm -f "$log"' EXIT
step() { # step TEXT COMMAND...: quiet when it works, the whole output when it does not
  local text=$1; shift
  printf 'setup: %s ... ' "$text"
  local started=$SECONDS
  if "$@" >"$log" 2>&1; then printf 'done (%ds)\n' $((SECONDS - started)); else
    printf 'failed\n'; cat "$log" >&2
    fail "'$text' failed, the reason is above. Run the same command again: what is done is kept."
  fi
}

[ -x .venv/bin/python ] || step "virtual environment" "$python" -m venv --clear .venv
[ -x .venv/bin/uv ] || step "installer" .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
export VIRTUAL_ENV="$PWD/.venv" UV_NO_CONFIG=1
case $which in runtime) label="dependencies" ;; *) label="development tools" ;; esac
# --no-deps: the lock file is complete, and leaves out GPU libraries on purpose.
step "$label" .venv/bin/uv pip install --no-deps --require-hashes --compile-bytecode -r "requirements/$which.lock"
[ "$which" = develop ] || step "the churn command" .venv/bin/uv pip install --no-deps --no-build-isolation --no-index --editable .
touch ".venv/.$which-installed"
