#!/usr/bin/env bash
# The momento crate's published tests and our own beyond them, against the server the environment names (../README.md).
# `run.sh --build` only compiles: building needs no server.
set -euo pipefail
cd "$(dirname "$0")"

if [[ "${1:-}" == --build ]]; then
    exec cargo test --locked --no-run
fi

mapfile -t later < <(sed -e '/^#/d' -e 's/ .*//' later.txt)
skip=()
for test in "${later[@]}"; do
    skip+=(--skip "$test")
done

cargo test --locked --test published --test beyond -- --exact "${skip[@]}"

[[ ${#later[@]} -gt 0 ]] || exit 0
echo "The ${#later[@]} tests of later.txt, which must fail as yet:"
report=$(cargo test --quiet --locked --test published -- --exact "${later[@]}" 2>&1) || true
if ! grep -q "test result: FAILED. 0 passed; ${#later[@]} failed" <<<"$report"; then
    echo "$report"
    echo "later.txt names tests that pass or do not exist" >&2
    exit 1
fi
echo "all ${#later[@]} fail"
