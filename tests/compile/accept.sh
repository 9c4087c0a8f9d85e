#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Usage: accept.sh <program.cpp> <compiler> [flags...]
# Compiles the program as a user would, against the installed package, and runs it in a folder of its own.
set -euo pipefail
source=$1 compiler=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$compiler" -std=c++20 -O2 "$@" "$source" -o "$folder/program"
cd "$folder"
./program
