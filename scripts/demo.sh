#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole way on made-up scenes: draw them, train the annotator, evaluate it, and write a sheet of predictions.
# Usage: demo.sh [folder]   (default: build/demo). EPOCHS, SIZE, TRAIN and TEST change how much of each.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-build/demo}
size=${SIZE:-64} epochs=${EPOCHS:-10}

scripts/install_dependencies.sh
cmake -S . -B build/demo_program -DCMAKE_BUILD_TYPE=Release -DMMDL_BUILD_TESTS=OFF \
  -DMMDL_ANNOTATE_MODELS="small:$size" >/dev/null
cmake --build build/demo_program --parallel "$(nproc)" --target annotate
annotate=build/demo_program/examples/annotate

mkdir -p "$out"
if [[ ! -d $out/scenes ]]; then  # the same seed draws the same pictures
  "$annotate" scenes --out "$out/scenes" --train "${TRAIN:-2000}" --test "${TEST:-500}" --size "$size" --seed 1
fi
"$annotate" train --data "$out/scenes/train.json" --test "$out/scenes/test.json" --variant full --backbone small \
  --size "$size" --epochs "$epochs" --batch 32 --seed 1 --out "$out/model.safetensors"
"$annotate" evaluate --weights "$out/model.safetensors" --data "$out/scenes/test.json"
"$annotate" predict --weights "$out/model.safetensors" --data "$out/scenes/test.json" --count 24 \
  --sheet "$out/sheet.html" >/dev/null
echo "predictions: $out/sheet.html"
