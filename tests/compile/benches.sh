#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: benches.sh <bench folder> <include folder> <compiler> [flags...]
# Every benchmark compiles, without warnings, two at a time. Those of peers that are not installed are left out, aloud.
set -uo pipefail
benches=$1 include=$2 compiler=$3
shift 3
source "${BASH_SOURCE[0]%/*}/checks.sh"
flags=(-std=c++20 -fopenmp "${warnings[@]}" "-I$include" "$@" "${cuda_flags[@]}")
if [[ -d /usr/include/eigen3 ]]; then flags+=(-isystem /usr/include/eigen3); fi

absent=()
for header in benchmark/benchmark.h Eigen/Core dnnl.hpp cuda.h nvrtc.h cudnn.h; do
  has_headers "$compiler" "${flags[@]}" -- "$header" || absent+=("$header")
done
if printf '#include <oneapi/dnnl/dnnl_version.h>\n#if DNNL_VERSION_MAJOR != 2\n#error\n#endif\n' |
  "$compiler" "${flags[@]}" -x c++ -fsyntax-only - 2>/dev/null; then
  flags+=(-DMMDL_BENCH_ONEDNN)
fi

check() {
  local messages header
  if messages=$("$compiler" "${flags[@]}" -fsyntax-only "$1" 2>&1); then
    echo "compiles: ${1##*/}"
    return 0
  fi
  for header in "${absent[@]}"; do
    if [[ $messages == *"fatal error: $header: No such file"* || $messages == *"fatal error: '$header' file not found"* ]]; then
      echo "left out: ${1##*/}, which needs <$header>"
      return 0
    fi
  done
  printf '== %s\n%s\n' "${1##*/}" "$(head -n 20 <<<"$messages")"
  return 1
}

sources=("$benches"/*.cpp)
two_at_a_time check "${sources[@]}"
echo "${#sources[@]} benchmarks, $failed that do not compile"
((failed == 0))
