#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: headers.sh <include folder> <compiler> <alone|together> [flags...]
# Every header compiles on its own, without warnings and without OpenMP: one line that includes it, two at a time.
# Together: all of them in one program, for a second compiler's warnings in a fraction of the time.
set -uo pipefail
include=$1 compiler=$2 way=$3
shift 3
flags=(-std=c++20 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror "-I$include" "$@")

compiles() { printf '#include <%s>\n' "$@" | "$compiler" "${flags[@]}" -x c++ -fsyntax-only -; }

# Folders and headers that need a library of their own: left out, aloud, where the library is absent.
left_out=()
needs() {  # <folder or header> <header of the library>...
  local folder=$1 header
  shift
  [[ -e $include/mmdl/$folder ]] || return 0
  for header in "$@"; do
    if ! printf '#include <cstdio>\n#include <%s>\n' "$header" |
      "$compiler" "${flags[@]}" -x c++ -fsyntax-only - 2>/dev/null; then
      echo "left out: mmdl/$folder, which needs <$header>"
      left_out+=(-path "$include/mmdl/$folder" -prune -o)
      return 0
    fi
  done
}
for cuda in "${CUDA_PATH:-}" "${CUDA_HOME:-}" /usr/local/cuda; do
  if [[ -n $cuda && -d $cuda/include ]]; then flags+=(-isystem "$cuda/include") && break; fi
done
needs data jpeglib.h png.h nlohmann/json.hpp
for header in backend/gpu/{cuda_libraries,cudnn_graph,cudnn_convolution,cuda_convolution,kernel_compiler,cuda_device}.hpp gpu.hpp; do
  needs "$header" cuda.h nvrtc.h cudnn.h
done
needs distributed mpi.h

mapfile -t headers < <(find "$include/mmdl" "${left_out[@]}" -name '*.hpp' -printf 'mmdl/%P\n' | sort)
if ((${#headers[@]} == 0)); then
  echo "no headers under $include/mmdl"
  exit 1
fi

if [[ $way == together ]]; then
  compiles "${headers[@]}" || exit 1
  echo "${#headers[@]} headers compile together"
  exit 0
fi

failed=0
check() {
  local messages
  if ! messages=$(compiles "$1" 2>&1); then
    printf '== <%s>\n%s\n' "$1" "$(head -n 20 <<<"$messages")"
    return 1
  fi
}
running=0
for header in "${headers[@]}"; do
  if ((running == 2)); then
    wait -n || failed=$((failed + 1))
    running=$((running - 1))
  fi
  check "$header" &
  running=$((running + 1))
done
while ((running > 0)); do
  wait -n || failed=$((failed + 1))
  running=$((running - 1))
done
echo "${#headers[@]} headers, $failed that do not compile on their own"
((failed == 0))
