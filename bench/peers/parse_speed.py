#!/usr/bin/env python3
"""Reads and prints HLO text with XLA's own parser and with gshard, side by side.

    python3 -m venv .cache/peers && .cache/peers/bin/pip install -r bench/peers/requirements.txt
    .cache/peers/bin/python bench/peers/parse_speed.py build-bench/gshard_bench FILE...

For every file: MB of text per second for reading and for printing, XLA's beside ours, and the ratio ours / XLA's.
Ours is measured by the benchmark program over the same file in the same minute.
"""
import json
import pathlib
import subprocess
import sys
import time

from jaxlib import _hlo


def rate(action, size, seconds=1.0):
    """Bytes per second of `action`, which handles `size` bytes, over at least `seconds`."""
    runs, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        action()
        runs += 1
    return runs * size / (time.perf_counter() - start)


def ours(benchmark, stem):
    out = subprocess.run(
        [benchmark, f"--benchmark_filter=^(parse|print)/{stem}$", "--benchmark_format=json"],
        check=True, capture_output=True, text=True).stdout
    return {b["name"].split("/")[0]: b["bytes_per_second"] for b in json.loads(out)["benchmarks"]}


def main():
    benchmark, files = sys.argv[1], sys.argv[2:]
    print(f"{'file':32} {'parse XLA':>10} {'ours':>8} {'ratio':>6} {'print XLA':>10} {'ours':>8} {'ratio':>6}")
    for file in files:
        text = pathlib.Path(file).read_text()
        module = _hlo.hlo_module_from_text(text)
        xla_parse = rate(lambda: _hlo.hlo_module_from_text(text), len(text)) / 1e6
        xla_print = rate(module.to_string, len(module.to_string())) / 1e6
        stem = pathlib.Path(file).stem.replace("_8x7b", "")
        mine = ours(benchmark, stem)
        if not mine:
            print(f"{file}: the benchmark program has no case for it", file=sys.stderr)
            continue
        parse, prints = mine["parse"] / 1e6, mine["print"] / 1e6
        print(f"{stem:32} {xla_parse:10.0f} {parse:8.0f} {parse / xla_parse:6.1f} "
              f"{xla_print:10.0f} {prints:8.0f} {prints / xla_print:6.1f}")


if __name__ == "__main__":
    main()
