#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: benches.sh <bench folder> <include folder> <compiler> [flags...]
# Every benchmark compiles, without warnings, two at a time. Those of peers that are not installed are left out, aloud.
set -uo pipefail
benches=$1 include=$2 compiler=$3
shift 3
flags=(-std=c++20 -fopenmp -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror "-I$include" -fsyntax-only "$@")
for cuda in "${CUDA_PATH:-}" "${CUDA_HOME:-}" /usr/local/cuda; do
  if [[ -n $cuda && -d $cuda/include ]]; then flags+=(-isystem "$cuda/include") && break; fi
done
if [[ -d /usr/include/eigen3 ]]; then flags+=(-isystem /usr/include/eigen3); fi
if printf '#include <oneapi/dnnl/dnnl_version.h>\n#if DNNL_VERSION_MAJOR != 2\n#error\n#endif\n' |
  "$compiler" "${flags[@]}" -x c++ - 2>/dev/null; then
  flags+=(-DMMDL_BENCH_ONEDNN)
fi

peers='(benchmark|Eigen|oneapi)/[^ ]*|cuda[^ ]*\.h|nvrtc\.h|cudnn[^ ]*\.h'
check() {  # <source>: its line; the answer is what the compiler's was, 0 for a missing peer
  local messages
  if messages=$("$compiler" "${flags[@]}" "$1" 2>&1); then
    echo "compiles: ${1##*/}"
  elif [[ $messages =~ fatal\ error:\ \'?($peers) ]]; then
    echo "left out: ${1##*/}, which needs <${BASH_REMATCH[1]%[\':]}>"
  else
    printf '== %s\n%s\n' "${1##*/}" "$(head -n 20 <<<"$messages")"
    return 1
  fi
}

sources=("$benches"/*.cpp)
failed=0
running=0
for source in "${sources[@]}"; do
  if ((running == 2)); then
    wait -n || failed=$((failed + 1))
    running=$((running - 1))
  fi
  check "$source" &
  running=$((running + 1))
done
while ((running > 0)); do
  wait -n || failed=$((failed + 1))
  running=$((running - 1))
done
echo "${#sources[@]} benchmarks, $failed that do not compile"
((failed == 0))
