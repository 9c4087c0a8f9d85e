#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over all headers, through the test programs that include them. Usage: tidy.sh [files...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cmake -S . -B build/tidy -DCMAKE_CXX_COMPILER=clang++ -DMMDL_NATIVE=OFF >/dev/null
files=("$@")
if ((${#files[@]} == 0)); then
  mapfile -t files < <(git ls-files -- 'tests/*.cpp' 'examples/*.cpp' 'bench/*.cpp' |
    grep -vE '^(tests/(compile|consume|fuzz)|bench/compile_cost)')
fi
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" clang-tidy -p build/tidy --quiet --header-filter="$PWD/include/mmdl/.*" \
    --warnings-as-errors='*'
