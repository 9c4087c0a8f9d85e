#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: convert_checkpoint.sh <scripts/convert_checkpoint.py>
# Checkpoints as training loops write them, and every bad one: one line on stderr, a status other than 0, no file left.
# PYTHON is an interpreter with torch and safetensors (default: python3); where there is none it says so, and ends with 77.
set -uo pipefail
convert=$(realpath "$1")
python=${PYTHON:-python3}
if ! "$python" -c 'import torch, safetensors.torch' 2>/dev/null; then
  echo "skipped: $python has no torch or no safetensors (set PYTHON)"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/files"
cd "$work/files" || exit 1
out=$work/stdout.txt err=$work/stderr.txt

"$python" - <<'PYTHON' || exit 1
import torch
weights = {"conv1.weight": torch.arange(24.0).reshape(2, 3, 2, 2).transpose(2, 3), "fc.bias": torch.ones(2).half(),
           "bn1.num_batches_tracked": torch.tensor(3)}
torch.save(weights, "plain.pth")
torch.save({"state_dict": {f"module.{name}": value for name, value in weights.items()}, "epoch": 3}, "wrapped.pt")
torch.save({"model": torch.nn.Linear(2, 2).state_dict(), "optimizer": {"step": 1}}, "model.pt")
torch.save(torch.nn.Linear(2, 2), "code.pt")
torch.save({"a": torch.tensor([1.0, float("nan")])}, "nan.pt")
torch.save({"a": torch.ones(2), "module.a": torch.ones(2)}, "twice.pt")
torch.save({"a": torch.ones(2), "b": 3}, "number.pt")
torch.save({"a": torch.ones(2, dtype=torch.complex64)}, "complex.pt")
torch.save([1, 2], "list.pt")
torch.save({}, "empty.pt")
open("cut.pt", "wb").write(open("plain.pth", "rb").read()[:500])
open("text.pt", "w").write("hello\n")
open("zero.pt", "w").close()
PYTHON

failures=0
fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}
refuses() {  # <pattern> <arguments...>
  local pattern=$1 before
  shift
  before=$(ls)
  "$python" "$convert" "$@" >"$out" 2>"$err" && fail "accepted: $*"
  [[ ! -s "$out" && $(wc -l <"$err") == 1 ]] || fail "not one line of: $*: $(cat "$err")"
  grep -Eq "^convert_checkpoint: .*$pattern" "$err" || fail "no '$pattern' of: $*: $(cat "$err")"
  [[ $(ls) == "$before" ]] || fail "files were left or taken by: $*"
}

for file in plain.pth wrapped.pt model.pt; do
  "$python" "$convert" $file $file.safetensors >/dev/null || fail "refused: $file"
done
cmp plain.pth.safetensors wrapped.pt.safetensors || fail "a wrapped checkpoint gave another file"
"$python" - <<'PYTHON' || fail "the tensors are others"
import torch
from safetensors.torch import load_file
made, weights = load_file("plain.pth.safetensors"), torch.load("plain.pth", weights_only=True)
assert made.keys() == weights.keys()
assert all(made[name].dtype == weights[name].dtype and torch.equal(made[name], weights[name]) for name in made)
PYTHON
refuses "code.pt: found no checkpoint of plain tensors" code.pt x
refuses "nan.pt: tensor 'a': found a number that is not finite" nan.pt x
refuses "twice.pt: found the tensor 'a' twice" twice.pt x
refuses "number.pt: entry 'b': found the type int, expected a tensor" number.pt x
refuses "complex.pt: tensor 'a': found torch.complex64" complex.pt x
refuses "list.pt: found the type list, expected a state_dict" list.pt x
refuses "empty.pt: found no tensors" empty.pt x
for file in cut.pt text.pt zero.pt; do refuses "$file: found no checkpoint of plain tensors, expected one" $file x; done
refuses "nowhere.pt: cannot read: No such file" nowhere.pt x
refuses "nowhere/x: cannot write: No such file" plain.pth nowhere/x
refuses "plain.pth: found the checkpoint itself" plain.pth plain.pth
refuses "found 1 arguments, expected two" plain.pth
if ((failures > 0)); then exit 1; fi
echo "all as expected"
