#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds everything in a folder of its own (the examples at -O1, annotate and reproduce
# for fewer networks than a user's build) and runs every test, the sanitized ones too; ends with ctest's summary.
# Usage: test.sh [ctest options...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_dependencies.sh

jobs=$(nproc)
# A compiler process takes up to 1.5 GB: no more of them than the memory has room for.
memory_jobs=$(awk '/MemAvailable/ { print int($2 / 1500000) }' /proc/meminfo)
if ((memory_jobs < 1)); then memory_jobs=1; fi
if ((jobs > memory_jobs)); then jobs=$memory_jobs; fi

cmake --preset test
cmake --build --preset test --parallel "$jobs"
exec ctest --preset test --parallel "$jobs" --no-tests=error "$@" </dev/null
