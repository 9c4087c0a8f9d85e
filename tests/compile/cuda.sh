#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: cuda.sh <program.cu> [flags...]
# Compiles the program with nvcc, found by CUDACXX, the PATH, CUDA_PATH, CUDA_HOME or the usual place. Without
# nvcc it ends with status 77, which ctest counts as skipped.
set -euo pipefail
source=$1
shift
nvcc=
for candidate in "${CUDACXX:-}" "$(command -v nvcc || true)" "${CUDA_PATH:+$CUDA_PATH/bin/nvcc}" \
  "${CUDA_HOME:+$CUDA_HOME/bin/nvcc}" /usr/local/cuda/bin/nvcc; do
  if [[ -n $candidate && -x $candidate ]]; then nvcc=$candidate && break; fi
done
if [[ -z $nvcc ]]; then
  echo "skipped: nvcc was not found"
  exit 77
fi
"$nvcc" --version | sed -n 's/.*release/nvcc/p'
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$nvcc" -std=c++20 -O1 "$@" -c "$source" -o "$folder/program.o"
