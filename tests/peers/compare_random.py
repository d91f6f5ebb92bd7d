#!/usr/bin/env python3
"""Evaluates random modules with gshard and with XLA's CPU client, and stops at the first disagreement.

    pip install -r requirements.txt
    python compare_random.py build/gshard --count 1000 [--first SEED] [--save FOLDER] [--keep-going]

A disagreement is saved as FOLDER/seed_N.hlo and seed_N.npz (arguments, and XLA's results).
"""

import argparse
import concurrent.futures
import concurrent.futures.process
import pathlib
import sys
import tempfile

from archive import write_archive
from gshard_tool import Gshard, ToolError, first_difference
from random_modules import random_case


def expected_outputs(seed):
    """Runs in a process of its own: XLA may abort."""
    import xla_cpu

    case = random_case(seed)
    return xla_cpu.run(case.text(), case.inputs)


class Xla:
    def __init__(self):
        self.pool = concurrent.futures.ProcessPoolExecutor(1)

    def outputs(self, seed):
        """None where XLA does not run the module."""
        try:
            return self.pool.submit(expected_outputs, seed).result(timeout=120)
        except concurrent.futures.process.BrokenProcessPool:
            self.pool = concurrent.futures.ProcessPoolExecutor(1)
        except Exception as error:
            print(f"seed {seed}: XLA: {str(error)[:300]}", flush=True)
        return None


def tolerance_of(case, output):
    words = case.tolerances.get(output, case.tolerance)
    return float(words.split()[0]) if words.endswith("of maximum") else 0.0


def disagreement(gshard, case, expected, folder):
    """Words for what is wrong, or None; leaves the module in the folder."""
    hlo, arrays = folder / f"{case.name}.hlo", folder / f"{case.name}.npz"
    hlo.write_text(case.text())
    inputs = {f"arg{i}": x for i, x in enumerate(case.inputs)}
    write_archive(arrays, inputs | {f"result.{i}": x for i, x in enumerate(expected)})
    try:
        results = gshard.run(hlo, arrays)
    except ToolError as error:
        return str(error)
    if len(results) != len(expected):
        return f"{len(results)} results, expected {len(expected)}"
    for i, (ours, theirs) in enumerate(zip(results, expected)):
        difference = first_difference(ours, theirs, tolerance_of(case, i))
        if difference:
            return f"result {i} ({case.outputs[i]}, {case.outputs[i].shape}): {difference}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gshard")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--save", type=pathlib.Path, default=pathlib.Path("random-failures"))
    parser.add_argument("--keep-going", action="store_true")
    options = parser.parse_args()
    gshard, xla, failures, skipped = Gshard(options.gshard), Xla(), 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(options.first, options.first + options.count):
            case, expected = random_case(seed), xla.outputs(seed)
            if expected is None:
                skipped += 1
                continue
            words = disagreement(gshard, case, expected, pathlib.Path(scratch))
            if words is None:
                continue
            failures += 1
            options.save.mkdir(parents=True, exist_ok=True)
            disagreement(gshard, case, expected, options.save)
            print(f"seed {seed}: {words}", flush=True)
            if not options.keep_going:
                break
    print(f"{options.count} modules, {failures} disagreements, {skipped} not run by XLA")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
