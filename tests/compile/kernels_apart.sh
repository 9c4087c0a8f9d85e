#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: kernels_apart.sh <program.cpp> <compiler> [flags...]
# Compiled for kernels that another file has, a program has none of its own, and its object names those that it wants:
# the linker refuses kernels for other vectors, or those without OpenMP for a file that has it.
set -euo pipefail
source=$1 compiler=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# symbols <flags...>: the names in the program's object.
symbols() {
  "$compiler" -std=c++20 -O1 -Wall -Wextra -Werror -DMMDL_SEPARATE_KERNELS "$@" -c "$source" -o "$folder/object.o"
  nm --demangle "$folder/object.o"
}
# wants <what is expected> <flags...>: that it names these tables, as undefined, and has no kernels.
wants() {
  local expected="U mmdl::detail::SeparateKernels<$1>::forward"
  shift
  symbols "$@" >"$folder/symbols"
  if ! grep -qF "$expected" "$folder/symbols"; then
    printf '%s: found\n%s\nexpected %s\n' "$*" "$(grep -F SeparateKernels "$folder/symbols")" "$expected"
    exit 1
  fi
  if grep -F 'CpuKernel<mmdl::operators::' "$folder/symbols"; then
    echo "$*: found these kernels in the program, expected none"
    exit 1
  fi
}

if [[ $(uname -m) == x86_64 ]]; then
  wants 'float, 16, false' -march=x86-64-v2 "$@"
  wants 'float, 32, true' -march=x86-64-v3 -fopenmp "$@"
else
  wants 'float, 16, false' "$@"
  wants 'float, 16, true' -fopenmp "$@"
fi
