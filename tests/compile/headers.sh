#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: headers.sh <include folder> <compiler> <alone|together> [flags...]
# Every header compiles on its own, without warnings and without OpenMP: one line that includes it, two at a time.
# Together: all of them in one program, for a second compiler's warnings in a fraction of the time.
set -uo pipefail
include=$1 compiler=$2 way=$3
shift 3
source "${BASH_SOURCE[0]%/*}/checks.sh"
flags=(-std=c++20 "${warnings[@]}" "-I$include" "$@" "${cuda_flags[@]}")

compiles() { printf '#include <%s>\n' "$@" | "$compiler" "${flags[@]}" -x c++ -fsyntax-only -; }

# Folders and headers that need a library of their own: left out, aloud, where the library is absent.
left_out=()
needs() {  # <folder or header> <header of the library>...
  local folder=$1 header
  shift
  [[ -e $include/mmdl/$folder ]] || return 0
  for header in "$@"; do
    if ! has_headers "$compiler" "${flags[@]}" -- "$header"; then
      echo "left out: mmdl/$folder, which needs <$header>"
      left_out+=(-path "$include/mmdl/$folder" -prune -o)
      return 0
    fi
  done
}
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

check() {
  local messages
  if ! messages=$(compiles "$1" 2>&1); then
    printf '== <%s>\n%s\n' "$1" "$(head -n 20 <<<"$messages")"
    return 1
  fi
}
two_at_a_time check "${headers[@]}"
echo "${#headers[@]} headers, $failed that do not compile on their own"
((failed == 0))
