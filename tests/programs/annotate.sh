#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: annotate.sh <the annotate program>
# The program from scenes to a sheet, and every bad input: one line on stderr, a status other than 0, no file left.
set -uo pipefail
annotate=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir tmp
export TMPDIR=$work/tmp

failures=0
fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

# accepts <command...>: it succeeds; what it wrote is in stdout.txt and stderr.txt.
accepts() {
  "$@" >stdout.txt 2>stderr.txt || fail "status $? of: $*: $(tail -n 1 stderr.txt)"
}

# refuses <status> <pattern> <command...>: that status, nothing on stdout, and the pattern in the one line that begins
# with "annotate: ", after which nothing comes; the folder's files are the same as before.
refuses() {
  local status=$1 pattern=$2 before found
  shift 2
  before=$(find . -type f ! -name std\*.txt | sort)
  "$@" >stdout.txt 2>stderr.txt
  found=$?
  ((found == status)) || fail "status $found, expected $status, of: $*: $(tail -n 1 stderr.txt)"
  [[ ! -s stdout.txt ]] || fail "something on stdout of: $*"
  (($(grep -c '^annotate: ' stderr.txt) == 1)) || fail "not one line of error of: $*: $(cat stderr.txt)"
  tail -n 1 stderr.txt | grep -Eq "^annotate: .*$pattern" || fail "no '$pattern' of: $*: $(tail -n 1 stderr.txt)"
  [[ $(find . -type f ! -name std\*.txt | sort) == "$before" ]] || fail "files were left or taken by: $*"
}

contains() { grep -Eq -- "$2" "$1" || fail "no '$2' in $1: $(head -c 500 "$1")"; }

### The way it is meant to be used
accepts "$annotate" scenes --out scenes --train 24 --test 8 --size 64 --seed 3
quick=(--batch 8 --epochs 1 --warm-up 0 --workers 1)
train=("$annotate" train --data scenes/train.json "${quick[@]}")
accepts "${train[@]}" --test scenes/test.json --validation 0.25 --log log.csv --out full.safetensors
contains stdout.txt '^by quantity +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$'
contains stdout.txt '^true quantity '
contains stdout.txt '^5 most frequent '
contains stdout.txt 'mAP .*quantity right'
contains log.csv '^epoch,step,learning_rate,'
(($(wc -l <log.csv) == 4)) || fail "log.csv has $(wc -l <log.csv) lines, expected a header, two steps, one epoch"
for variant in cnn ms-cnn ms-cnn+tags ms-cnn+lqp cnn+tags+lqp; do
  accepts "${train[@]}" --variant $variant --out $variant.safetensors
done
accepts "${train[@]}" --precision bfloat16 --out narrow.safetensors
accepts "$annotate" evaluate --weights narrow.safetensors --data scenes/test.json
accepts "$annotate" evaluate --weights narrow.safetensors --data scenes/test.json --precision bfloat16 --device cpu
accepts "$annotate" predict --weights ms-cnn+lqp.safetensors scenes/images/000025.jpg --precision bfloat16
accepts "$annotate" train --data scenes --scenes-train 16 --scenes-test 4 "${quick[@]}" --optimizer adamw --out a.safetensors
[[ -z $(ls tmp) ]] || fail "--data scenes left files in TMPDIR"
accepts "$annotate" evaluate --weights full.safetensors --data scenes/test.json --json
contains stdout.txt '"h_f1": [0-9.]+'
for selection in "top-k --k 2" "threshold --threshold 0.3" quantity; do
  # shellcheck disable=SC2086
  accepts "$annotate" evaluate --weights full.safetensors --data scenes/test.json --select $selection
done
accepts "$annotate" evaluate --weights cnn.safetensors --data scenes/test.json
contains stdout.txt '^top 3 '
images=(scenes/images/000025.jpg scenes/images/000026.jpg)
accepts "$annotate" predict --weights full.safetensors "${images[@]}" --tags "sky bird" --tags "" --sheet sheet.html
contains stdout.txt '^scenes/images/000026.jpg: .*\(quantity -?[0-9.]+\)$'
contains sheet.html '<html'
accepts "$annotate" predict --weights full.safetensors --data scenes/test.json --count 3 --json
contains stdout.txt '"missed"'
contains stdout.txt '"correct": (true|false)'
printf '000025.jpg sky holiday\nother.jpg sky\n' >tags.txt
accepts "$annotate" predict --weights full.safetensors "${images[@]}" --tags-file tags.txt --json

# Compared methods, over the backbone of a variant: trained, and used from their file like any other.
method=("$annotate" train --data scenes/train.json --batch 8 --epochs 2 --workers 1 --backbone-weights cnn.safetensors)
for name in logistic softmax warp tag-neighbour sinn cnn-rnn ria ria-frequent-first sr-cnn-rnn; do
  accepts "${method[@]}" --method $name --test scenes/test.json --validation 0.25 --out $name.safetensors
  contains stdout.txt '^by the method '
  contains stderr.txt 'epoch 2/2: loss [0-9.]+; validation loss [0-9.]+'
  cp stdout.txt trained.txt
  accepts "$annotate" evaluate --weights $name.safetensors --data scenes/test.json
  cmp -s stdout.txt trained.txt || fail "$name: evaluate says other than the test after training"
done
[[ ! -e warp.safetensors.method ]] || fail "a part of a method's file was left"
accepts "$annotate" evaluate --weights warp.safetensors --data scenes/test.json --select top-k --k 2
contains stdout.txt '^top 2 '
accepts "$annotate" predict --weights sinn.safetensors "${images[@]}" --tags "sky bird" --tags "" --json
contains stdout.txt '"label": '
accepts "${method[@]}" --method warp --no-augmentation --out warp2.safetensors
accepts "${method[@]}" --method warp --no-augmentation --out warp3.safetensors
cmp warp2.safetensors warp3.safetensors || fail "two equal runs of a method gave different files"
refuses 2 "method: found 'svm', expected one of .*warp" "${method[@]}" --method svm --out x.safetensors
refuses 2 'excludes --' "${method[@]}" --method warp --variant cnn --out x.safetensors
refuses 2 'excludes --' "${method[@]}" --method warp --checkpoint run.checkpoint --out x.safetensors
refuses 2 'excludes --' "${method[@]}" --method warp --log x.csv --out x.safetensors
refuses 2 'excludes --' "${method[@]}" --method warp --precision bfloat16 --out x.safetensors
refuses 1 'found both --pretrained and --backbone-weights' "${method[@]}" --method warp --pretrained cnn.safetensors --out x.safetensors
refuses 1 'the method warp over small at 65 px' "${method[@]}" --method warp --size 65 --out x.safetensors
LC_ALL=C sed 's/warp, 256/sinn, 256/' warp.safetensors >other.safetensors
refuses 1 'other.safetensors: method: found .*sinn, 256.*warp, 256' "$annotate" evaluate --weights other.safetensors --data scenes/test.json
refuses 2 'backbone-weights requires --method' "${train[@]}" --backbone-weights cnn.safetensors --out x.safetensors
refuses 1 'no weights of the backbone' "$annotate" train --data scenes/train.json --method warp --out x.safetensors
refuses 1 'nowhere.safetensors' "$annotate" train --data scenes/train.json --method warp --backbone-weights nowhere.safetensors --out x.safetensors
refuses 1 'quantity: found a network without' "$annotate" evaluate --weights warp.safetensors --data scenes/test.json --select quantity
refuses 1 'found a network without tags' "$annotate" predict --weights warp.safetensors "${images[0]}" --tags "a"
printf '{"labels": ["sky"], "samples": [{"image": "images/000001.jpg", "labels": ["sky"], "tags": []}]}' >untagged.json
refuses 1 'found no tags' "$annotate" train --data untagged.json --root scenes --method sinn --backbone-weights cnn.safetensors --out x.safetensors
rm -f ria.safetensors ria-frequent-first.safetensors other.safetensors sr-cnn-rnn.safetensors untagged.json

# The same seed gives the same file; so does a run that was cut off and resumed.
accepts "${train[@]}" --validation 0.25 --out again.safetensors
cmp full.safetensors again.safetensors || fail "two equal runs gave different weights"
long=("$annotate" train --data scenes/train.json --batch 8 --epochs 4 --workers 1 --validation 0.25 --patience 4)
accepts "${long[@]}" --out whole.safetensors --log whole.csv
"${long[@]}" --out resumed.safetensors --log resumed.csv --checkpoint run.checkpoint >stdout.txt 2>stderr.txt &
for _ in $(seq 500); do
  [[ -e run.checkpoint ]] && break
  sleep 0.02
done
kill -TERM $! 2>/dev/null
wait $! && echo "note: the run ended before it could be cut off"
accepts "${long[@]}" --out resumed.safetensors --log resumed.csv --checkpoint run.checkpoint --resume
contains stderr.txt '^resumed after epoch [1-4]'
cmp whole.safetensors resumed.safetensors || fail "a resumed run gave different weights"
cmp <(cut -d, -f1-5,7- whole.csv) <(cut -d, -f1-5,7- resumed.csv) || fail "a resumed run gave a different log"
refuses 1 'settings: found .* as in this run' "${long[@]}" --momentum 0.5 --out x.safetensors --checkpoint run.checkpoint --resume
refuses 1 'seed' "${long[@]}" --seed 9 --out x.safetensors --checkpoint run.checkpoint --resume
rm run.checkpoint run.checkpoint.best

# Photographs that cannot be used are left out, counted and named; with --strict they end the run.
cp -r scenes broken
head -c 700 scenes/images/000002.jpg >broken/images/000002.jpg
echo "no picture" >broken/images/000003.jpg
rm broken/images/000004.jpg
accepts "$annotate" train --data broken/train.json "${quick[@]}" --out some.safetensors
contains stderr.txt '^annotate: left out 3 images'
contains stderr.txt '000003.jpg: found 11 bytes that begin with'
refuses 1 '00000[234].jpg' "$annotate" train --data broken/train.json "${quick[@]}" --strict --out x.safetensors
rm broken/images/*
refuses 1 'found 24 images that cannot be used' "$annotate" train --data broken/train.json "${quick[@]}" --out x.safetensors

### Bad images
predict=("$annotate" predict --weights full.safetensors)
head -c 700 scenes/images/000002.jpg >cut.jpg
: >empty.jpg
refuses 1 'nowhere.jpg: cannot open: No such file' "${predict[@]}" scenes/images/000001.jpg nowhere.jpg --sheet s.html
refuses 1 'cut.jpg: ' "${predict[@]}" cut.jpg
refuses 1 'log.csv: found [0-9]+ bytes that begin with .*, expected a JPEG or PNG image' "${predict[@]}" log.csv
refuses 1 'empty.jpg: found an empty file' "${predict[@]}" empty.jpg
refuses 1 'found no images' "${predict[@]}"
refuses 1 'scenes/images/000001.jpg: found an image that .* has not' "${predict[@]}" --data scenes/test.json scenes/images/000001.jpg
refuses 1 '--tags: found 1 times, expected once for each' "${predict[@]}" "${images[@]}" --tags "a"
refuses 1 'found a network without tags' "$annotate" predict --weights cnn.safetensors "${images[0]}" --tags "a"
echo "other.jpg sky" >other_tags.txt
refuses 1 'none about these pictures' "${predict[@]}" "${images[@]}" --tags-file other_tags.txt

### Bad manifests
manifest() { printf '{"labels": ["sky", "grass"], "samples": [%s]}' "$1" >bad.json; }
bad=("$annotate" train --data bad.json --root scenes "${quick[@]}" --out x.safetensors)
one='{"image": "images/000001.jpg", "labels": ["sky"], "tags": ["a"]}'
refuses 1 'nowhere.json: cannot open' "$annotate" train --data nowhere.json --out x.safetensors
manifest "$one, {\"image\": \"images/000002.jpg\", \"labels\": [\"fish\"]}"
refuses 1 "bad.json: sample 1.*'fish'" "${bad[@]}"
manifest "$one, $one"
refuses 1 'bad.json: sample 1.*000001.jpg' "${bad[@]}"
manifest '{"image": 7, "labels": ["sky"]}'
refuses 1 'bad.json: sample 0' "${bad[@]}"
manifest '{"image": "../outside.jpg", "labels": ["sky"]}'
refuses 1 'bad.json: sample 0.*outside' "${bad[@]}"
manifest '{"image": "/etc/hostname", "labels": ["sky"]}'
refuses 1 'bad.json: sample 0.*absolute' "${bad[@]}"
manifest ''
refuses 1 'bad.json' "${bad[@]}"
manifest '{"image": "images/000001.jpg", "labels": ["sky"]}'
refuses 1 'found no tags, expected tags' "${bad[@]}"
head -c 100 scenes/train.json >bad.json
refuses 1 'bad.json' "${bad[@]}"
printf '{"labels": ["fish"], "samples": [{"image": "images/000001.jpg", "labels": ["fish"]}]}' >bad.json
refuses 1 "bad.json: found the label 'fish'" "$annotate" evaluate --weights full.safetensors --data bad.json --root scenes
refuses 1 'log.csv: .*none about an image of' "${train[@]}" --tags-file log.csv --out x.safetensors --test scenes/test.json --test-tags-file tags.txt
refuses 1 'nowhere.txt: cannot open' "${train[@]}" --tags-file nowhere.txt --out x.safetensors
{ printf '{"labels": ["l0"'; printf ', "l%d"' $(seq 999); printf '], "samples": [%s]}' "${one/sky/l0}"; } >bad.json
refuses 1 'found 1000 labels, expected at most' "${bad[@]}"

### Bad weight files
evaluate=("$annotate" evaluate --data scenes/test.json)
# rewritten <sed expression>: full.safetensors with a changed header, filled up to its old length, in bad.safetensors.
header=$(od -An -t u8 -N 8 full.safetensors | tr -d ' ')
rewritten() {
  local text
  text=$(head -c $((8 + header)) full.safetensors | tail -c "$header" | sed "$1")
  [[ $text != "$(head -c $((8 + header)) full.safetensors | tail -c "$header")" ]] || fail "sed '$1' changes nothing"
  {
    head -c 8 full.safetensors
    printf "%-${header}s" "$text"
    tail -c +$((9 + header)) full.safetensors
  } >bad.safetensors
}
refuses 1 'nowhere.safetensors: cannot open' "${evaluate[@]}" --weights nowhere.safetensors
refuses 1 'log.csv: ' "${evaluate[@]}" --weights log.csv
for size in 0 5 $((header / 2)) $((header + 8)) $(($(stat -c %s full.safetensors) - 4)); do
  head -c "$size" full.safetensors >bad.safetensors
  refuses 1 'bad.safetensors: ' "${evaluate[@]}" --weights bad.safetensors
done
cp full.safetensors bad.safetensors
printf '\xff\xff\xff\xff' | dd of=bad.safetensors conv=notrunc status=none
refuses 1 'bad.safetensors: found a header length of' "${evaluate[@]}" --weights bad.safetensors
cp full.safetensors bad.safetensors
printf '\x00\x00\xc0\x7f' | dd of=bad.safetensors bs=1 seek=$((8 + header + 400)) conv=notrunc status=none
refuses 1 "bad.safetensors: tensor '.*': number 100: found -?nan" "${evaluate[@]}" --weights bad.safetensors
rewritten 's/"annotate.size":"64"/"annotate.size":"65"/'
refuses 1 'bad.safetensors: found the network full over small at 65 px in float32, expected one that' "${evaluate[@]}" --weights bad.safetensors
rewritten 's/"annotate.variant":"full"/"annotate.variant":"cnn"/'
refuses 1 'bad.safetensors: .*extra' "${evaluate[@]}" --weights bad.safetensors
rewritten 's/"annotate.labels":"\[/"annotate.labels":"/'
refuses 1 "bad.safetensors: metadata 'annotate.labels'" "${evaluate[@]}" --weights bad.safetensors
rewritten 's/"annotate.mean":"[^"]*"/"annotate.mean":"[]"/'
refuses 1 "bad.safetensors: metadata 'annotate.mean'" "${evaluate[@]}" --weights bad.safetensors
rewritten 's/"annotate.version":"1"/"annotate.version":"2"/'
refuses 1 "bad.safetensors: metadata 'annotate.version'" "${evaluate[@]}" --weights bad.safetensors
rewritten 's/annotate.labels/annotate.lables/'
refuses 1 "bad.safetensors: metadata 'annotate.labels': found nothing" "${evaluate[@]}" --weights bad.safetensors
rewritten 's/"shape":\[3,3,3,32\]/"shape":[3,3,3,33]/'
refuses 1 'bad.safetensors: ' "${evaluate[@]}" --weights bad.safetensors
refuses 1 'checkpoint' "${train[@]}" --out x.safetensors --checkpoint full.safetensors --resume

### Bad options
refuses 2 "epochs: found '0', expected a whole number from 1" "${train[@]}" --epochs 0 --out x.safetensors
refuses 2 "batch: found '1e3'" "${train[@]}" --batch 1e3 --out x.safetensors
refuses 2 "learning-rate: found 'nan'" "${train[@]}" --learning-rate nan --out x.safetensors
refuses 2 "learning-rate: found '-1'" "${train[@]}" --learning-rate -1 --out x.safetensors
refuses 2 "variant: found 'fish', expected one of" "${train[@]}" --variant fish --out x.safetensors
refuses 2 "select: found 'fish'" "${evaluate[@]}" --weights full.safetensors --select fish
refuses 2 "threshold: found '2'" "${evaluate[@]}" --weights full.safetensors --threshold 2
refuses 2 "size: found '16'" "$annotate" scenes --out x --size 16
refuses 2 '--out is required' "${train[@]}"
refuses 2 "found 'fish', expected a command: train, evaluate, predict or scenes" "$annotate" fish
refuses 2 'found nothing, expected a command' "$annotate"
refuses 1 'found the network cnn over small at 64 px in bfloat16, expected one that' "${train[@]}" --precision bfloat16 --variant cnn --out x.safetensors
refuses 1 'found the network full over fish at 64 px in float32, expected one that' "${train[@]}" --backbone fish --out x.safetensors
refuses 1 'nowhere.safetensors: cannot open' "${train[@]}" --pretrained nowhere.safetensors --out x.safetensors
refuses 1 'full.safetensors: found tensors .visual.*, expected the names of' "${train[@]}" --pretrained full.safetensors --out x.safetensors
refuses 1 'without a quantity regressor' "${evaluate[@]}" --weights cnn.safetensors --select quantity
refuses 1 'no --validation' "${train[@]}" --patience 2 --out x.safetensors
refuses 1 'no --checkpoint' "${train[@]}" --resume --out x.safetensors
refuses 1 'scenes: found something there already' "$annotate" scenes --out scenes

### Devices
refuses 2 "device: found 'fish', expected one of cpu, gpu" "${train[@]}" --device fish --out x.safetensors
refuses 2 "device: found 'GPU', expected one of cpu, gpu" "${evaluate[@]}" --weights full.safetensors --device GPU
refuses 2 "precision: found 'fp8', expected one of float32, bfloat16" "${predict[@]}" --precision fp8 scenes/images/000001.jpg
refuses 2 'excludes --' "${method[@]}" --method warp --device gpu --out x.safetensors
refuses 1 'the method warp over small at 64 px in float32 on gpu, expected .*\(float32 on cpu\)' "${evaluate[@]}" --weights warp.safetensors --device gpu
refuses 1 'cnn.safetensors: found the network cnn over .* on gpu, expected .*small at 64 px in float32 \(cpu.*the GPU: full, ms-cnn.lqp\)' "${evaluate[@]}" --weights cnn.safetensors --device gpu
refuses 1 'found the network full over small at 65 px in float32 on gpu, expected one that' "${train[@]}" --size 65 --device gpu --out x.safetensors
on_gpu=(--weights full.safetensors --device gpu)
if ! grep -q 'small at 64 px in float32 (cpu, gpu)' stderr.txt; then  # not built for GPUs
  refuses 1 'full.safetensors: found the network full over .* on gpu, expected .*float32 \(cpu\)' "${evaluate[@]}" "${on_gpu[@]}"
elif ! "${evaluate[@]}" "${on_gpu[@]}" >stdout.txt 2>stderr.txt; then  # no GPU, or none that can be used
  no_gpu='(found no library that loads|GPU driver: |GPU: number |GPU: cannot (start|ask|count|open))'
  refuses 1 "$no_gpu" "${evaluate[@]}" "${on_gpu[@]}"
  refuses 1 "$no_gpu" "$annotate" predict "${on_gpu[@]}" scenes/images/000001.jpg --sheet x.html
  refuses 1 "$no_gpu" "${train[@]}" --device gpu --out x.safetensors --checkpoint x.checkpoint --log x.csv
  refuses 1 "$no_gpu" "$annotate" train --data scenes --scenes-train 4 --scenes-test 2 "${quick[@]}" --device gpu --out x.safetensors
  [[ -z $(ls tmp) ]] || fail "--data scenes left files in TMPDIR"
else
  contains stdout.txt '^by quantity '
  accepts "${train[@]}" --validation 0.25 --device gpu --out gpu.safetensors --checkpoint run.checkpoint --log gpu.csv
  accepts "${train[@]}" --validation 0.25 --device gpu --out gpu.safetensors --checkpoint run.checkpoint --resume
  refuses 1 'settings: found .* on gpu' "${train[@]}" --validation 0.25 --out x.safetensors --checkpoint run.checkpoint --resume
  accepts "${evaluate[@]}" --weights gpu.safetensors
  accepts "${evaluate[@]}" --weights ms-cnn+lqp.safetensors --device gpu
  refuses 1 'training step .*: (loss|norm of the gradient): found -?(inf|nan), expected a finite number' "${train[@]}" --device gpu --learning-rate 1e10 --out x.safetensors
fi

### A loss that is not finite, and places that cannot be written
refuses 1 'training step .*: loss: found -?(inf|nan), expected a finite number' "${train[@]}" --learning-rate 1e10 --out x.safetensors
refuses 1 'nowhere/x.safetensors: cannot' "${train[@]}" --out nowhere/x.safetensors
refuses 1 'tmp: found something that is not a regular file' "${train[@]}" --out tmp
# shellcheck disable=SC2016
refuses 1 'standard output: cannot write' bash -c '"$0" "$@" >/dev/full' "${evaluate[@]}" --weights full.safetensors
# shellcheck disable=SC2016
limited=(bash -c 'trap "" XFSZ; ulimit -f 64; exec "$0" "$@"')  # no file above 64 KiB: as a disk that is full
refuses 1 'x.safetensors: cannot write' "${limited[@]}" "${train[@]}" --out x.safetensors
refuses 1 'x.checkpoint: cannot write' "${limited[@]}" "${train[@]}" --out x.safetensors --checkpoint x.checkpoint
refuses 1 'x.html: cannot write' "${limited[@]}" "${predict[@]}" --data scenes/train.json --sheet x.html
# shellcheck disable=SC2016
refuses 1 'cannot write' bash -c 'trap "" XFSZ; ulimit -f 1; exec "$0" "$@"' "$annotate" scenes --out x --train 4 --test 2

if ((failures > 0)); then
  echo "$failures failures" >&2
  exit 1
fi
echo "all as expected"
