#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the build and the tests need on Debian 12 (or a relative of it): only what is missing.
# Usage: install_dependencies.sh [--benchmarks]
set -euo pipefail

packages=(build-essential cmake clang libomp-dev doctest-dev libjpeg-dev libpng-dev
  nlohmann-json3-dev libcli11-dev libbenchmark-dev)
if [[ ${1:-} == --benchmarks ]]; then packages+=(libeigen3-dev libdlib-dev libdnnl-dev time); fi

missing=()
for package in "${packages[@]}"; do
  if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed'; then
    missing+=("$package")
  fi
done
if ((${#missing[@]} == 0)); then exit 0; fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "missing packages: ${missing[*]}; install them as root (no sudo found)" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q </dev/null
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null
