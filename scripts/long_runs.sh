#!/usr/bin/env bash
# The training behind docs/results.md that takes hours: thirty languages by one model for two hours, and beside it a smaller
# one for a shorter time, for all of them and for one pair at a time. What was interrupted goes on when it is run again; times
# are those of training, summed over resumptions.
#
#   GSHARD_RUNS_DIR=DIR     where text and models stand [long]
#   GSHARD_MINUTES=N        of the long run [120]
#   GSHARD_SHORT_MINUTES=N  of each of the shorter ones [20]
#   GSHARD_AT_ONCE=N        of the shorter ones run side by side, each with its share of the cores [1]
#   GSHARD_SOURCES=A,B      where text is from; "example" needs no network
#
# scripts/long_results.py makes tables of what came out. The comparison of experts with their dense twin is
# scripts/compare_runs.py.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/build:$PATH"
dir=${GSHARD_RUNS_DIR:-long}
minutes=${GSHARD_MINUTES:-120}
short=${GSHARD_SHORT_MINUTES:-20}
sources=${GSHARD_SOURCES:-lo,lohelp,firefox,ddtp,wesnoth}
languages=it,de,cs,ru,ca,nl,eu,id,sv,vi,sr,lt,cy,nn,af,gd,he,gn,pa,am,br,ta,hsb,sq,ne,te,kn,kab,cak,ug
pairs="it nn kab"  # much text, some, little
[ "$sources" != example ] || { languages=de,es,fr,it,nl,pl,ru,tr; pairs="de tr"; }
config=examples/configs/m4-small.toml
short_config=examples/configs/small.toml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. scripts/stages.sh

# NAME CONFIG MINUTES SETTING...: trains a model and scores it.
trained() {
  local name=$1 config=$2 minutes=$3
  shift 3
  say "$name: $minutes minutes"
  once "train-$name" "gshard train $config corpus=$dir/corpus output=$dir/$name stop.minutes=$minutes $*"
  once "scores-$name" "gshard evaluate --model $dir/$name/model --out $dir/$name/scores"
  try "gshard report $dir/$name"
}

say "Text, vocabularies, token files"
once fetch "gshard corpus fetch --languages $languages --sources $sources -o $dir/corpus"
once vocabulary "gshard corpus vocab $dir/corpus --source-size 24000 --target-size 8000"
once tokens "gshard corpus build $dir/corpus"
try "gshard corpus stats $dir/corpus"

trained m4-small "$config" "$minutes"
say "Eight sentences"
eight_sentences "$dir/m4-small"

# The name of a short run: all languages, or one pair.
short_run() {
  local settings=()
  [ "$1" = all ] || settings=("'model.directions=[\"$1:en\"]'")
  trained "short-$1" "$short_config" "$short" "${settings[@]}"
}

at_once=${GSHARD_AT_ONCE:-1}
read -ra cores < <(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)))')
share=$((${#cores[@]} / at_once))
[ "$share" -gt 0 ] || {
  printf 'error: GSHARD_AT_ONCE=%s is more than the %s cores\n' "$at_once" "${#cores[@]}" >&2
  exit 2
}
wait_for_all() {
  for process in "${running[@]}"; do wait "$process"; done
  running=()
}
running=()
for name in all $pairs; do
  own=("${cores[@]:${#running[@]} * share:share}")
  (
    taskset -cp "$(IFS=, && echo "${own[*]}")" "$BASHPID" > /dev/null
    short_run "$name"
  ) &
  running+=($!)
  [ "${#running[@]}" -lt "$at_once" ] || wait_for_all
done
wait_for_all
