#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: reject.sh <program.cpp> <compiler> [flags...]
# The program must not compile, and the compiler's message must contain the words that the program's first line
# names ("contains: a | b | c"); with g++ the message has at most 40 lines. Words are looked for in what the
# compiler says, not in the program's own lines that it quotes nor in its path.
set -uo pipefail
source=$1 compiler=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$source" "$folder/program.cpp"
cd "$folder" || exit 1

if "$compiler" -std=c++20 "$@" -c program.cpp -o program.o 2>whole.txt; then
  echo "$source compiles, and must not"
  exit 1
fi
cat whole.txt
status=0
lines=$(wc -l <whole.txt)
if [[ $("$compiler" --version | head -n 1) != *clang* ]] && ((lines > 40)); then
  echo "FAILED: the message has $lines lines; at most 40 are wanted"
  status=1
fi

grep -E '^[^ ]+:[0-9]+:[0-9]+: +(error|note|required|fatal error)' whole.txt |
  sed -E 's/^[^ ]+:[0-9]+:[0-9]+: +//' >said.txt
first=$(head -n 1 program.cpp)
if [[ $first != *"contains: "* ]]; then
  echo "FAILED: the first line of $source names no words (contains: a | b)"
  exit 1
fi
IFS='|' read -ra words <<<"${first#*contains: }"
for word in "${words[@]}"; do
  word=$(sed -E 's/^ +| +$//g' <<<"$word")
  if ! grep -qF -- "$word" said.txt; then
    echo "FAILED: the message does not contain '$word'"
    status=1
  fi
done
exit $status
