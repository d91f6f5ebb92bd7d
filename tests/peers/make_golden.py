#!/usr/bin/env python3
"""Makes tests/golden: small HLO modules, their inputs, and the outputs that XLA's CPU client gives for them.

    pip install -r requirements.txt
    python make_golden.py                  # all cases
    python make_golden.py convolution/     # those whose name starts so

Each case is <family>/<case>.hlo, with its tolerance in a comment, and <case>.npz beside it: arg0, arg1, ..., and
result, or result.0, result.1, ... of a tuple. Types that numpy has not are stored as their codes (floats) or as int8
and uint8 (integers). tests/runtime/golden_test.cc runs the evaluator over them; it needs no Python.
"""

import argparse
import pathlib

import golden_contract
import golden_control
import golden_convert
import golden_linear
import golden_movement
import golden_pointwise
import golden_reduce
import xla_cpu
from archive import write_archive
from xla_cpu import DTYPES

FAMILIES = [
    golden_pointwise, golden_convert, golden_contract, golden_movement, golden_reduce, golden_linear, golden_control,
]  # fmt: skip
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"


def check(case, results):
    for value, result in zip(case.outputs, results, strict=True):
        if result.shape != value.dims or result.dtype != DTYPES[value.type]:
            raise ValueError(
                f"{case.family}/{case.name}: {value} is {value.shape}, XLA gave {result.dtype}{result.shape}"
            )
    xla_cpu.parse(case.text())


def write(case):
    results = case.evaluate(xla_cpu.run)
    check(case, results)
    folder = GOLDEN / case.family
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{case.name}.hlo").write_text(case.text())
    arrays = {f"arg{i}": x for i, x in enumerate(case.inputs)}
    names = ["result"] if len(results) == 1 else [f"result.{i}" for i in range(len(results))]
    write_archive(folder / f"{case.name}.npz", arrays | dict(zip(names, results)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prefix", nargs="?", default="", help="write only the cases whose family/name starts so")
    prefix = parser.parse_args().prefix
    count = 0
    for family in FAMILIES:
        for case in family.cases():
            if f"{case.family}/{case.name}".startswith(prefix):
                write(case)
                count += 1
    print(f"{count} cases in {GOLDEN}")


if __name__ == "__main__":
    main()
