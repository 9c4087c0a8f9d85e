#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Formats the sources with clang-format; with --check it only says which files differ, and fails if any does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
options=(-i)
if [[ ${1:-} == --check ]]; then options=(--dry-run --Werror); fi
# tests/compile/accept and reject are programs as users write them, in whatever style.
git ls-files -z --cached --others --exclude-standard -- '*.hpp' '*.cpp' '*.cu' ':!tests/compile/accept' ':!tests/compile/reject' |
  xargs -0 clang-format "${options[@]}"
