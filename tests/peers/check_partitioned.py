#!/usr/bin/env python3
"""Proves that XLA's own parser accepts what `gshard partition` writes, and prints the same text again.

    pip install -r tests/peers/requirements.txt
    tests/peers/check_partitioned.py [--gshard build/gshard] [--trials 3] FILE_OR_FOLDER...

Modules without annotations get random ones on the values of their entry, `--trials` times over. With --check every
program is also run, whole and partitioned, by `gshard check`: the modules that jax_corpus.py writes are good ones.
"""

import argparse
import math
import pathlib
import random
import re
import sys
import tempfile

from check_text import check, files_of
from gshard_tool import Gshard, ToolError

MESHES = [(2,), (4,), (6,), (8,), (2, 2), (2, 3), (4, 2), (2, 2, 2)]
VALUE = re.compile(r"^(\s+(?:ROOT )?[%\w.-]+ = \w+\[([\d,]+)\](?:\{[\d,]*\})? ([\w-]+)\(.*)$", re.M)


def random_sharding(dice, mesh, rank):
    """Whole axes, each on one dimension or none, in the order of the mesh."""
    axes = [[] for _ in range(rank)]
    copies = []
    for axis in range(len(mesh)):
        dice.choice([*axes, copies]).append(axis)
    if not any(axes):
        return "{replicated}"
    product = lambda chosen: math.prod(mesh[axis] for axis in chosen)
    tiles = [product(chosen) for chosen in axes] + ([product(copies)] if copies else [])
    order = [axis for chosen in axes for axis in chosen] + copies
    sizes = ",".join(map(str, mesh))
    turned = "" if order == sorted(order) else "T(" + ",".join(map(str, order)) + ")"
    devices = f"[{product(range(len(mesh)))}]" if not turned else f"[{sizes}]"
    last = " last_tile_dim_replicate" if copies else ""
    return f"{{devices=[{','.join(map(str, tiles))}]<={devices}{turned}{last}}}"


def annotated(text, seed):
    dice = random.Random(seed)
    mesh = dice.choice(MESHES)
    entry = text.index("\nENTRY")

    def annotate(match):
        if dice.random() > (0.75 if match[3] == "parameter" else 0.3):
            return match[1]
        return match[1] + ", sharding=" + random_sharding(dice, mesh, len(match[2].split(",")))

    head = re.sub(r"^(HloModule [\w.-]+)", rf"\1, num_partitions={math.prod(mesh)}", text[:entry], count=1, flags=re.M)
    return head + VALUE.sub(annotate, text[entry:])


def variants(path, trials):
    text = path.read_text().split("// ---- expect")[0]
    if "sharding={" in text:
        yield text
    else:
        yield from (annotated(text, seed) for seed in range(trials))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="+", help="files, or folders that are searched for *.hlo")
    parser.add_argument("--gshard", default="build/gshard", help="the command (default: %(default)s)")
    parser.add_argument("--trials", type=int, default=3, help="annotations of each module without (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="run every program as well")
    parser.add_argument("--machine", default="balanced", help="that plans are made for (default: %(default)s)")
    arguments = parser.parse_args()
    machine = ("--machine", arguments.machine)
    gshard = Gshard(arguments.gshard)
    passed, refused, failed = 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        whole, parts = pathlib.Path(folder) / "whole.hlo", pathlib.Path(folder) / "parts.hlo"
        for path in files_of(arguments.places):
            for number, text in enumerate(variants(path, arguments.trials)):
                whole.write_text(text)
                try:
                    gshard.call("partition", whole, *machine, "--out", parts)
                except ToolError as error:
                    print(f"{path} #{number}: refused: {str(error)[:200]}")
                    refused += 1
                    continue
                try:
                    check(gshard, parts, folder)
                    if arguments.check:
                        gshard.call("check", "--allow-constant", "--allow-nonfinite", *machine, whole)
                    passed += 1
                except ToolError as error:
                    print(f"{path} #{number}: FAILED: {error}")
                    failed += 1
    print(f"{passed} passed, {refused} refused, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
