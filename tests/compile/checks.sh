# SPDX-License-Identifier: Apache-2.0
# For scripts that compile many files one by one; they source this.

warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)

# Where CUDA's headers are, as flags; none if they are not there.
cuda_flags=()
for cuda in "${CUDA_PATH:-}" "${CUDA_HOME:-}" /usr/local/cuda; do
  if [[ -n $cuda && -d $cuda/include ]]; then cuda_flags=(-isystem "$cuda/include") && break; fi
done

# has_headers <compiler and flags...> -- <header>...: whether a program that includes them compiles.
has_headers() {
  local command=()
  while [[ $1 != -- ]]; do command+=("$1") && shift; done
  shift
  { echo '#include <cstdio>' && printf '#include <%s>\n' "$@"; } | "${command[@]}" -x c++ -fsyntax-only - 2>/dev/null
}

# two_at_a_time <function> <argument>...: calls the function with each argument; `failed` is how often it failed.
two_at_a_time() {
  local check=$1 running=0 argument
  shift
  failed=0
  for argument in "$@"; do
    if ((running == 2)); then
      wait -n || failed=$((failed + 1))
      running=$((running - 1))
    fi
    "$check" "$argument" &
    running=$((running + 1))
  done
  while ((running > 0)); do
    wait -n || failed=$((failed + 1))
    running=$((running - 1))
  done
}
