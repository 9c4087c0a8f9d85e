#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a program costs its compiler: the annotator over ResNet-101, predicting alone and training, in turn with the
# ResNet-101 trainer of dlib; and what it costs with the kernels compiled apart.
# Prints seconds and peak memory of each run, the medians and their ratio.
# Usage: compile_cost.sh [runs]   Environment: CXX (g++)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

runs=${1:-3}
compiler=${CXX:-g++}
flags=(-std=c++20 -O3 -march=native -fopenmp)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

if ! [[ -x /usr/bin/time ]]; then
  echo "GNU time is needed (Debian: time)" >&2
  exit 1
fi

has_dlib=1
if ! printf '#include <dlib/revision.h>\n' | "$compiler" -x c++ -fsyntax-only - 2>/dev/null; then
  echo "dlib was not found (Debian: libdlib-dev): only mmdl is measured"
  has_dlib=0
fi

"$compiler" --version | head -n 1
echo "flags: ${flags[*]}"
printf '%-6s %-28s %10s %12s\n' run program seconds 'peak MB'

# measure <run> <name> <arguments...>: one compilation, to an object file; its line goes to the table and to a file.
measure() {
  local run=$1 name=$2
  shift 2
  /usr/bin/time -f '%e %M' -o "$folder/time" "$compiler" "${flags[@]}" "$@" -c -o "$folder/object.o"
  read -r seconds kilobytes <"$folder/time"
  printf '%-6s %-28s %10s %12d\n' "$run" "$name" "$seconds" $((kilobytes / 1000))
  echo "$seconds" >>"$folder/$name.seconds"
  echo "$kilobytes" >>"$folder/$name.memory"
}
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

for ((run = 1; run <= runs; ++run)); do
  measure "$run" mmdl_annotator_resnet101 -Iinclude tests/compile/accept/03_annotator.cpp
  measure "$run" mmdl_annotator_trainer -Iinclude bench/compile_cost/annotator_trainer.cpp
  measure "$run" mmdl_annotator_kernels_apart -DMMDL_SEPARATE_KERNELS -Iinclude tests/compile/accept/03_annotator.cpp
  measure "$run" mmdl_trainer_kernels_apart -DMMDL_SEPARATE_KERNELS -Iinclude bench/compile_cost/annotator_trainer.cpp
  measure "$run" mmdl_kernels_of_float -Iinclude bench/compile_cost/kernels.cpp
  if ((has_dlib)); then measure "$run" dlib_resnet101 bench/compile_cost/dlib_resnet101.cpp; fi
done

for name in mmdl_annotator_resnet101 mmdl_annotator_trainer mmdl_annotator_kernels_apart mmdl_trainer_kernels_apart \
  mmdl_kernels_of_float dlib_resnet101; do
  [[ -f $folder/$name.seconds ]] || continue
  printf '%-6s %-28s %10.2f %12d\n' median "$name" "$(median "$folder/$name.seconds")" \
    "$(($(median "$folder/$name.memory" | cut -d. -f1) / 1000))"
done
if ((has_dlib)); then
  awk -v a="$(median "$folder/mmdl_annotator_trainer.seconds")" -v b="$(median "$folder/dlib_resnet101.seconds")" \
    -v c="$(median "$folder/mmdl_annotator_trainer.memory")" -v d="$(median "$folder/dlib_resnet101.memory")" \
    'BEGIN { printf "dlib / mmdl, trainers: %.2f times the seconds, %.2f times the memory\n", b / a, d / c }'
fi
