#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the autograder's image: a compiler for the submissions.
set -euo pipefail
missing=()
for tool in gcc g++ ld; do command -v "$tool" >/dev/null || missing=(g++ binutils); done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
fi
# The other half of a student's monitor, compiled once.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
g++ -std=c++20 -O1 -I"$here/labs/api" -c "$here/labs/api/client.cpp" -o "$here/client.o"
chmod +x "$here/lib/ld.so" "$here/ringside" "$here/run_autograder"
