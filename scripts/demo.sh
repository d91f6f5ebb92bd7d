#!/usr/bin/env bash
# Shows what gshard does, on a real module where one is at hand and on examples/hlo otherwise. Each command is printed
# before it runs; the script fails where one of them does not do what is said.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/build:$PATH"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

example=examples/hlo/moe_layer.hlo
model=../shared/hlo/scaled/mixtral_8x7b_train.hlo
[ -f "$model" ] || model=$example

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$*"; }

# Prints a command and runs it; it must end with the exit code EXPECTED (0 unless said).
try() {
  printf '$ %s\n' "$*"
  local code=0
  eval "$*" 2>&1 || code=$?
  [ "$code" -eq "${EXPECTED:-0}" ] || {
    printf 'error: exit code %s, expected %s\n' "$code" "${EXPECTED:-0}" >&2
    exit 1
  }
}

say "What a program consists of and what it costs"
try "gshard stats $model | head -n 40"

say "Reading it, checking it, and writing it again: the text does not change any more"
try "gshard verify $model"
try "gshard print $model -o $work/once.hlo"
try "gshard print $work/once.hlo | cmp - $work/once.hlo"

say "GShard's mixture-of-experts layer as written, its products, and its size with calls inlined and simplified"
try "sed -n 3,6p $example"
try "gshard print $example --no-metadata | grep dot"
try "gshard print $example --simplify | gshard verify $example -"

say "Running a training step on one device, with random arguments that make sense"
try "gshard run $model --seed 1 --verbose | tail -n 6"

say "The same in double precision: what rounding changed"
try "gshard run $example --seed 1"
try "gshard run $example --seed 1 --f64"

say "A mistake is shown where it stands"
sed 's/wi), lhs_batch_dims={0}, lhs_contracting_dims={3}/wi), lhs_batch_dims={0}, lhs_contracting_dims={2}/' "$example" > "$work/wrong.hlo"
EXPECTED=3 try "gshard verify $work/wrong.hlo"
EXPECTED=2 try "gshard vrify $example"

say "The training step partitioned by its own annotations: the same numbers on eight virtual devices as on one"
try "gshard check $model"

say "The MoE layer on four: why its experts lie as they lie, and its two all-to-alls"
try "gshard explain $example hidden"
try "gshard explain $example --collectives"

say "Done."
