# Shared by the scripts here: find Swift, install Debian and PyPI packages that are missing.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD

say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

need_swift() {
  command -v swift >/dev/null 2>&1 || fail "Swift 6.2 or later is needed and not on PATH: see https://www.swift.org/install"
}

# need_packages PACKAGE…: Debian packages, installed when dpkg does not know them yet.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null 2>&1 || fail "please install: ${missing[*]} (Debian names)"
  say "installing ${missing[*]}"
  local sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# need_python PACKAGE…: PyPI packages in a virtual environment of the project's own; sets PYTHON.
need_python() {
  PYTHON="$ROOT/.build/python/bin/python"
  if [ ! -x "$PYTHON" ]; then
    say "making a Python environment in .build/python"
    python3 -m venv "$ROOT/.build/python"
  fi
  local stamp="$ROOT/.build/python/installed" wanted="$*"
  if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    "$PYTHON" -m pip install --quiet --disable-pip-version-check "$@"
    printf '%s' "$wanted" >"$stamp"
  fi
}

# need_python_alone PACKAGE…: into the same environment, after need_python, without what they depend on.
need_python_alone() {
  local stamp="$ROOT/.build/python/installed-alone" wanted="$*"
  if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps "$@"
    printf '%s' "$wanted" >"$stamp"
  fi
}

build_packages=(libc-ares-dev pkg-config zlib1g-dev)
