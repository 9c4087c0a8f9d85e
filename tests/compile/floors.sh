#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: floors.sh <folder of the headers>
# A folder of the library includes only itself and the folders below it, and the core keeps out the standard
# headers that cost the most to compile.
set -euo pipefail
cd "$1"

# The house from the ground up. backend/gpu and backend/cpu are one floor; the umbrella stands above everything.
floors=(core graph layers backend losses optim models training annotation io data distributed)

# Exceptions, as "including file : included file" (patterns): the format of weights and the names that other
# frameworks give them are pure core, and training saves and loads with them.
exceptions=(
  'training/* : io/@(safetensors|foreign_|names_)*.hpp'
  'annotation/* : io/safetensors*.hpp'
)
# Below these files nothing but core: what makes the exception above harmless.
core_only='io/@(safetensors|foreign_|names_)*.hpp'

forbidden='iostream|regex|ranges|format'
forbidden_folders=(core graph layers backend losses optim models training annotation)

declare -A height=()
for i in "${!floors[@]}"; do height[${floors[i]}]=$i; done

failed=0
complain() { echo "$1:$2: $3" && failed=1; }

checked=0
while IFS=: read -r file line text; do
  file=${file#./}
  [[ $file == */* ]] || continue  # the umbrella
  [[ $text =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*([\<\"])([^\>\"]+)[\>\"] ]] || continue
  checked=$((checked + 1))
  bracket=${BASH_REMATCH[1]} name=${BASH_REMATCH[2]}
  floor=${file%%/*}
  if [[ -z ${height[$floor]:-} ]]; then
    complain "$file" "$line" "the folder $floor is on no floor: add it to $0"
    continue
  fi
  if [[ $bracket == '"' ]]; then
    target=$(realpath -m --relative-to=. "$(dirname "$file")/$name")
  elif [[ $name == mmdl/* ]]; then
    target=${name#mmdl/}
  else
    if [[ $name =~ ^($forbidden)$ && " ${forbidden_folders[*]} " == *" $floor "* ]]; then
      complain "$file" "$line" "<$name> is kept out of the core"
    fi
    continue
  fi
  if [[ ! -f $target ]]; then
    complain "$file" "$line" "includes $target, which does not exist"
    continue
  fi
  below=${target%%/*}
  # shellcheck disable=SC2053  # patterns on purpose
  if [[ $file == $core_only ]]; then
    if [[ $below != core && $target != $core_only ]]; then
      complain "$file" "$line" "may depend on core alone, and includes $target"
    fi
    continue
  fi
  if [[ -z ${height[$below]:-} ]]; then
    complain "$file" "$line" "includes $target, which stands above all floors"
  elif ((height[$below] > height[$floor])); then
    allowed=0
    for exception in "${exceptions[@]}"; do
      # shellcheck disable=SC2053
      if [[ $file == ${exception%% : *} && $target == ${exception##* : } ]]; then allowed=1; fi
    done
    ((allowed)) || complain "$file" "$line" "$floor includes $target, a floor above it"
  fi
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include' --include='*.hpp' .)

if ((checked == 0)); then
  echo "no includes found under $1"
  exit 1
fi
echo "$checked includes checked"
exit $failed
