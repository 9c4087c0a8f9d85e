#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: reproduce.sh <the reproduce program>
# A study of few scenes with all its tables, killed and taken up again, and bad input: one line on stderr, a status other
# than 0, nothing overwritten.
set -uo pipefail
reproduce=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

failures=0
fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}
accepts() {
  "$@" >stdout.txt 2>stderr.txt || fail "status $? of: $*: $(tail -n 1 stderr.txt)"
}
# refuses <status> <pattern> <command...>: the pattern in the last line of stderr, and no file changed that was there.
refuses() {
  local status=$1 pattern=$2 before found
  shift 2
  before=$(find . -type f ! -name std\*.txt -exec md5sum {} + | sort)
  "$@" >stdout.txt 2>stderr.txt
  found=$?
  ((found == status)) || fail "status $found, expected $status, of: $*: $(tail -n 1 stderr.txt)"
  [[ ! -s stdout.txt ]] || fail "something on stdout of: $*"
  (($(grep -c '^reproduce: ' stderr.txt) == 1)) || fail "not one line of error of: $*: $(cat stderr.txt)"
  tail -n 1 stderr.txt | grep -Eq "^reproduce: .*$pattern" || fail "no '$pattern' of: $*: $(tail -n 1 stderr.txt)"
  [[ $(find . -type f ! -name std\*.txt -exec md5sum {} + | sort) == "$before" ]] || fail "files were changed by: $*"
}
contains() { grep -Eq -- "$2" "$1" || fail "no '$2' in $1: $(head -c 500 "$1")"; }
# The results without what differs between two runs of the same: times, and the run's folder.
numbers() { sed -E 's/"seconds": *[0-9.e+-]+/"seconds": 0/; s#"image_path": *"[^"]*/scenes/#"image_path": "#' "$1"; }

quick=(--data scenes --images 60 --epochs 1 --workers 1)

### A whole study
accepts "$reproduce" "${quick[@]}" --keep-rows --out whole
for table in I III V VI VII VIII X XI XII; do contains stdout.txt "^Table $table\b"; done
for row in 'Upper bound' 'MS-CNN\+Tags\+LQP' 'MS-CNN\+LQP' 'MS-CNN\+Tags' 'CNN'; do contains stdout.txt "$row"; done
for row in 'SR-CNN-RNN' 'SINN' 'TagNeighbour' 'RIA' 'CNN-RNN' 'CNN\+WARP' 'CNN\+Softmax' 'CNN\+Logistic'; do
  contains stdout.txt "^$row  "
  contains whole/report.html "$row"
done
contains stdout.txt 'made-up tags'
contains stderr.txt 'method-ria: training images C-F1 [0-9.]+, I-F1 [0-9.]+; held out C-F1 .*; test C-F1 [0-9.]+, I-F1 [0-9.]+$'
contains stderr.txt 'method-logistic: training images .*; with the true quantity C-F1 [0-9.]+, I-F1 [0-9.]+$'
contains whole/results.json '"format": "mmdl reproduce 1"'
contains whole/report.html '<svg'
contains whole/tables.md "\\| MS-CNN"
grep -q 'nan' stdout.txt && fail "a NaN in the tables"
[[ -f whole/seed-1/end-to-end.safetensors ]] || fail "no weights of the last stage"
# All of it is there: the second time nothing is trained, and the numbers are the same.
cp whole/results.json first.json
accepts "$reproduce" "${quick[@]}" --keep-rows --out whole
grep -q 'epochs, held-out' stderr.txt && fail "a stage was trained again: $(grep -m1 'epochs, held-out' stderr.txt)"
cmp -s <(numbers first.json) <(numbers whole/results.json) || fail "a second run gives other numbers"

### Killed twice, in a stage and between two, and taken up again: the same numbers to the last bit
mkdir cut
killed_after() {
  local file=$1 signal=$2
  "$reproduce" "${quick[@]}" --out cut >/dev/null 2>stderr.txt &
  local process=$!
  for _ in $(seq 600); do
    [[ -e cut/seed-1/$file ]] && break
    kill -0 $process 2>/dev/null || break
    sleep 0.1
  done
  kill "-$signal" $process 2>/dev/null || fail "it had ended before $file was there: $(tail -n 1 stderr.txt)"
  wait $process 2>/dev/null
}
killed_after pretrained.safetensors KILL
killed_after fusion-ms-cnn.safetensors TERM
accepts "$reproduce" "${quick[@]}" --out cut
cmp -s <(numbers first.json) <(numbers cut/results.json) || fail "a run that was killed gives other numbers"

### The backbone as it was pretrained: one stage less, other features, and no mixture of the two
mkdir -p frozen/seed-1
cp whole/seed-1/pretrained.safetensors frozen/seed-1/
accepts "$reproduce" "${quick[@]}" --freeze-backbone --tables I --out frozen
[[ ! -e frozen/seed-1/backbone.safetensors ]] || fail "a frozen backbone was fine-tuned"
contains frozen/results.json '"frozen_backbone": true'
contains whole/results.json '"frozen_backbone": false'
contains frozen/report.html 'as pretrained'
refuses 1 "features-cnn.train.rows: features of a backbone as pretrained" "$reproduce" "${quick[@]}" --tables I --out frozen
refuses 1 "backbone.safetensors: a fine-tuned backbone" "$reproduce" "${quick[@]}" --freeze-backbone --out whole
refuses 1 "found 'small' on 'abacus'" "$reproduce" "${quick[@]}" --device abacus --out none
refuses 1 "freeze-backbone: found no weights" "$reproduce" --data corel5k . --backbone small --weights none \
  --freeze-backbone --out none

### Some tables, several seeds
accepts "$reproduce" "${quick[@]}" --out seeds --tables i,x --seeds 4,5
contains stdout.txt '^Table I\b'
contains stdout.txt '^Table X\b'
contains stdout.txt '±'
grep -Eq '^Table (V|XI|XII)\b' stdout.txt && fail "a table that was not asked for"

accepts "$reproduce" "${quick[@]}" --out seeds --tables III --seeds 4 --without-methods ria,sinn
contains stdout.txt '^Table III\b'
contains stdout.txt '^SR-CNN-RNN  '
grep -Eq '^(RIA|SINN)  ' stdout.txt && fail "a method that was left out"

### Bad input
refuses 1 "without-methods: found lstm, expected some of: sr-cnn-rnn, sinn," "$reproduce" "${quick[@]}" --out seeds \
  --tables III --seeds 4 --without-methods ria,lstm
refuses 1 "'XX'.*VIII" "$reproduce" "${quick[@]}" --tables I,XX --out none
refuses 1 "seeds.*'1,1'" "$reproduce" "${quick[@]}" --seeds 1,1 --out none
refuses 1 "preset: found 'slow', expected quick or full" "$reproduce" "${quick[@]}" --preset slow --out none
refuses 1 "scenes: found a folder" "$reproduce" --data scenes whole --out none
refuses 1 "found no folder" "$reproduce" --data corel5k --out none
refuses 1 "'/no/such'" "$reproduce" --data corel5k /no/such --weights none --out none
refuses 1 "weights: found nothing" "$reproduce" --data corel5k . --backbone small --out none
refuses 1 "device: found 'vgg' on 'cpu'" "$reproduce" "${quick[@]}" --backbone vgg --out none
refuses 1 "train.json" "$reproduce" --data corel5k . --backbone small --weights none --out none
refuses 1 "Concepts81.txt" "$reproduce" --data nus-wide . --backbone small --weights none --out none
refuses 1 "instances_train2014.json" "$reproduce" --data coco . --backbone small --weights none --out none
refuses 1 "data: found 'flickr'" "$reproduce" --data flickr . --backbone small --weights none --out none
refuses 1 "/no/such.safetensors" "$reproduce" "${quick[@]}" --weights /no/such.safetensors --out whole
refuses 1 "a stage of other settings" "$reproduce" --data scenes --images 60 --epochs 2 --out whole
refuses 1 "scenes of other options.*found 60.*expected 61" "$reproduce" --data scenes --images 61 --epochs 1 --out whole
# Features of another network in the place of this one's.
cp seeds/seed-4/features-cnn.train.rows whole/seed-1/features-cnn.train.rows
refuses 1 "features-cnn.train.rows: cache of another network" "$reproduce" "${quick[@]}" --out whole
cp cut/seed-1/features-cnn.train.rows whole/seed-1/features-cnn.train.rows
# A method's file in the place of another's that was trained by the same recipe.
cp whole/seed-1/method-softmax.safetensors softmax.safetensors
cp whole/seed-1/method-logistic.safetensors whole/seed-1/method-softmax.safetensors
refuses 1 "method-softmax.safetensors: method: found .*logistic.*softmax" "$reproduce" "${quick[@]}" --out whole
cp softmax.safetensors whole/seed-1/method-softmax.safetensors
# Weights cut short.
head -c 1000 cut/seed-1/backbone.safetensors >whole/seed-1/backbone.safetensors
refuses 1 "backbone.safetensors" "$reproduce" "${quick[@]}" --out whole
mkdir -p bare
if [[ $(id -u) != 0 ]]; then
  chmod a-w bare
  refuses 1 "bare/none" "$reproduce" "${quick[@]}" --out bare/none
fi
refuses 2 "images" "$reproduce" --data scenes --images many

if ((failures > 0)); then
  echo "$failures failures" >&2
  exit 1
fi
echo "all as expected"
