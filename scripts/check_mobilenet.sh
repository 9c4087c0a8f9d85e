#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# MobileNet with real weights on real photographs: the same numbers go into Keras and into mmdl; the five most likely
# classes must be equal, and the logits to a ten-thousandth of the largest.
# Usage: check_mobilenet.sh [data folder] [check_mobilenet program]
# The folder (default: MMDL_SHARED_DATA) holds mobilenet_v1_075_224.safetensors and corel5k.tar. PYTHON is an interpreter
# with keras, a backend of it, and safetensors (default: python3). Where one is lacking it says so, and ends with 77.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/..
python=${PYTHON:-python3}
skip() {
  echo "skipped: $*"
  exit 77
}

data=${1:-${MMDL_SHARED_DATA:-}}
[[ -n $data ]] || skip "no data folder: neither an argument nor MMDL_SHARED_DATA names one"
weights=$data/mobilenet_v1_075_224.safetensors
for file in "$weights" "$data/corel5k.tar"; do [[ -f $file ]] || skip "$file is not there"; done
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
"$python" -c 'import keras, safetensors.numpy' 2>/dev/null || skip "$python has no keras or no safetensors (set PYTHON)"

program=${2:-}
if [[ -z $program ]]; then
  cmake -S "$here" -B "$here/build/default" >/dev/null
  cmake --build "$here/build/default" --target check_mobilenet >/dev/null
  program=$here/build/default/tests/check_mobilenet
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/photographs"
"$python" "$here/tests/golden/reference_mobilenet.py" photographs "$data/corel5k.tar" "$work/photographs"
"$program" inputs "$work/photographs" "$work/inputs.safetensors"
"$python" "$here/tests/golden/reference_mobilenet.py" logits "$weights" "$work/inputs.safetensors" \
  "$work/logits.safetensors" 2>"$work/messages" || { cat "$work/messages" >&2 && exit 1; }
"$program" compare "$weights" "$work/inputs.safetensors" "$work/logits.safetensors"
