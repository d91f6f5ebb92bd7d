#!/usr/bin/env bash
# Shows what gshard does: with programs first, on a real module where one is at hand and on examples/hlo otherwise, and
# then by training a translator on real text. Each command is printed before it runs; the script fails where one of them
# does not do what is said. What was interrupted goes on when it is run again.
#
#   GSHARD_DEMO=quick     the example text and seconds of training: that it works, not what it is worth
#   GSHARD_DEMO_DIR=DIR   where text and model stand [demo]; what is done there is not done again
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/build:$PATH"
mode=${GSHARD_DEMO:-full}
dir=${GSHARD_DEMO_DIR:-demo}
[ "$mode" = full ] || dir=${GSHARD_DEMO_DIR:-demo/$mode}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. scripts/stages.sh

programs() {
  local example=examples/hlo/moe_layer.hlo
  local model=../shared/hlo/scaled/mixtral_8x7b_train.hlo
  [ -f "$model" ] || model=$example

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
  sed 's/wi), lhs_batch_dims={0}, lhs_contracting_dims={3}/wi), lhs_batch_dims={0}, lhs_contracting_dims={2}/' \
    "$example" > "$work/wrong.hlo"
  EXPECTED=3 try "gshard verify $work/wrong.hlo"
  EXPECTED=2 try "gshard vrify $example"

  say "The training step partitioned by its own annotations: the same numbers on eight virtual devices as on one"
  try "gshard check $model"

  say "The MoE layer on four: why its experts lie as they lie, and its two all-to-alls"
  try "gshard explain $example hidden"
  try "gshard explain $example --collectives"
}

# ---- a translator

languages=de,es,fr,it,nl,pl,ru,tr
sources=lo,lohelp,firefox,ddtp
config=examples/configs/demo.toml
settings="devices=2"
most=100
if [ "$mode" = quick ]; then
  sources=example
  settings="$settings stop.minutes=0.1 model.size=64 model.encoder_layers=2 model.decoder_layers=2 evaluate.bleu_sentences=16"
  most=2
fi

translator() {
  say "Real text in eight languages, cleaned, with sentences held out by their English"
  once fetch "gshard corpus fetch --languages $languages --sources $sources -o $dir/corpus"

  say "A vocabulary of 8,000 pieces, and token files"
  once vocabulary "gshard corpus vocab $dir/corpus --size 8000"
  once tokens "gshard corpus build $dir/corpus"

  say "A Transformer with mixtures of experts, partitioned for two virtual devices"
  try "gshard train $config corpus=$dir/corpus $settings --dry-run"

  say "Its training"
  once train "gshard train $config corpus=$dir/corpus output=$dir/run $settings"

  say "What it scores on sentences that it has never seen, beside copying the source and the nearest training sentence"
  once evaluate "gshard evaluate --model $dir/run/model --most $most"

  say "How the training went"
  try "gshard report $dir/run"

  say "Eight sentences"
  eight_sentences "$dir/run"
}

programs
translator
if [ "$mode" = full ]; then
  say "Six minutes of training are worth a BLEU of about 3 to 5, less than looking up the nearest training sentence."
  [ ! -f docs/results.md ] || echo "What two hours with the larger config give is in docs/results.md."
fi
say "Done. The page of the run: $dir/run/report.html"
