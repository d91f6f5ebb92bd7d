#!/usr/bin/env python3
"""Runs gshard over a corpus that jax_corpus.py wrote, and compares it with XLA and JAX.

    python compare_corpus.py build/gshard FOLDER [NAME...]

Every module must verify; what `gshard print` prints must be a text that XLA reads as the same module; and where the
corpus has arguments, `gshard run` must give the results that JAX gave.
"""

import argparse
import pathlib
import re
import sys

import numpy as np

import xla_cpu
from gshard_tool import Gshard, ToolError, first_difference

# Results of random programs are compared exactly where they are integers, else relative to the largest.
TOLERANCE = 2e-5
# A narrow sum may be rounded at other places.
NARROW_TOLERANCE = {"bf16": 0.03, "f16": 4e-3, "f8": 0.2}


def tolerance_for(text):
    return max([TOLERANCE] + [t for name, t in NARROW_TOLERANCE.items() if re.search(rf"\b{name}", text)])


def check_text(gshard, path):
    gshard.call("verify", path)
    text = path.read_text()
    printed = gshard.call("print", path)
    if xla_cpu.parse(text).to_string() != xla_cpu.parse(printed).to_string():
        raise ToolError("print: XLA reads another module from it")


def check_values(gshard, path, arrays):
    tolerance = tolerance_for(path.read_text())
    with np.load(arrays) as archive:
        expected = [archive[f"result.{i}"] for i in range(sum(name.startswith("result.") for name in archive.files))]
    for i, (ours, theirs) in enumerate(zip(gshard.run(path, arrays), expected, strict=True)):
        if theirs.dtype == np.uint16 and ours.dtype == np.float32:
            theirs = theirs.view(xla_cpu.DTYPES["bf16"])
        difference = first_difference(ours, theirs, tolerance)
        if difference:
            raise ToolError(f"run: result {i}: {difference}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gshard")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help="only the modules with these names")
    options = parser.parse_args()
    gshard, failures = Gshard(options.gshard), 0
    paths = sorted(
        p for p in options.folder.glob("*.hlo") if not options.names or p.name.split(".")[0] in options.names
    )
    for path in paths:
        arrays = path.with_name(path.name.split(".")[0] + ".npz")
        try:
            check_text(gshard, path)
            if arrays.exists():
                check_values(gshard, path, arrays)
        except Exception as error:
            failures += 1
            print(f"{path.name}: {error}", flush=True)
    print(f"{len(paths)} modules, {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
