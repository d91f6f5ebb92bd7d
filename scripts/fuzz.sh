#!/usr/bin/env bash
# Fuzzes the reader of HLO text: scripts/fuzz.sh [SECONDS], 60 by default. What the fuzzer finds is kept in
# build-fuzz/corpus; an input that breaks something is written to build-fuzz/ and named.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}

scripts/deps.sh packages-dev.txt
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target gshard_fuzz_parse -j "$(nproc)"

mkdir -p build-fuzz/corpus
sed -n 's/^GSHARD_\(OP\|TYPE\)([^"]*\("[^"]*"\).*/\2/p' src/ir/ops.inc src/ir/types.inc > build-fuzz/words
grep -o 'd("[a-z_]*"\|n("[a-z_]*"\|l("[a-z_]*"' src/ir/attributes.h | sed 's/.*(//' | sort -u >> build-fuzz/words
build-fuzz/gshard_fuzz_parse -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 \
  -dict=build-fuzz/words -artifact_prefix=build-fuzz/ -print_final_stats=1 \
  build-fuzz/corpus tests/fuzz/corpus tests/text/printed tests/errors
