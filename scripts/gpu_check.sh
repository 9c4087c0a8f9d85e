#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# On a machine with a GPU: builds what concerns it, runs every device test, and prints the tables beside PyTorch's.
# Usage: gpu_check.sh [--no-tables]; PYTHON names a Python with torch (default: python3), OUT a folder for the tables.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PYTHON=${PYTHON:-python3}
build=${BUILD:-build/gpu}
out=${OUT:-$build}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || echo "nvidia-smi: not found"
if command -v apt-get >/dev/null && ! [[ -e /usr/include/doctest/doctest.h ]]; then scripts/install_dependencies.sh || true; fi
# A Python wheel's CUDA does where there is no toolkit.
root=$("$PYTHON" -c 'import nvidia, os; print(list(nvidia.__path__)[0])' 2>/dev/null || true)
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DMMDL_GPU=ON ${root:+-DMMDL_CUDA_ROOT="$root"} \
  -DMMDL_BUILD_EXAMPLES=OFF -DMMDL_BUILD_BENCHMARKS=ON
cmake --build "$build" --parallel --target test_gpu test_gpu_cuda bench_gpu_networks bench_gpu_profile

status=0
MMDL_TEST_ON_GPU=1 "$build"/tests/test_gpu --no-intro=true || status=1
if command -v compute-sanitizer >/dev/null; then
  MMDL_TEST_ON_GPU=1 compute-sanitizer --error-exitcode 1 "$build"/tests/test_gpu --no-intro=true --test-case="*small network*,*residuals*,*LSTM*" ||
    status=1
else
  echo "compute-sanitizer: not found, not run"
fi
if [[ ${1:-} != --no-tables ]]; then
  mkdir -p "$out"
  "$build/bench/bench_gpu_profile" 128 bf16 | tee "$out/profile.txt" | head -n 40
  if "$PYTHON" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    bench/compare_gpu --python "$PYTHON" --program "$build/bench/bench_gpu_networks" --json "$out/gpu.json" --runs 3
  else
    echo "no torch with CUDA in $PYTHON: our own figures alone (seconds)"
    for row in "ms-cnn-resnet101:bf16 training 128 10" "ms-cnn-resnet101:bf16 inference 128 20" \
      "ms-cnn-resnet101:tf32 training 128 10" "ms-cnn-resnet101:tf32 inference 128 20" \
      "ms-cnn-resnet101:bf16 inference 1 200" "resnet50-32px:float32 training 128 20" "ms-cnn-resnet101:bf16 memory 128"; do
      printf '%s: ' "$row" && echo "$row" | "$build/bench/bench_gpu_networks"
    done
  fi
fi
exit $status
