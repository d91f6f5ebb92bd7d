#!/usr/bin/env python3
"""Proves that XLA's own parser accepts what `gshard print` writes, and prints the same text again.

    pip install -r tests/peers/requirements.txt
    tests/peers/check_text.py [--gshard build/gshard] FILE_OR_FOLDER...

For each module: what gshard prints is read and printed by XLA. The two texts must be the same, where only may differ
  - the order of instructions and computations, and the names that XLA makes unique in the whole module,
  - the numbering of the source tables, which XLA rebuilds from what is used.
What XLA printed must come back from gshard byte for byte.
"""

import argparse
import collections
import multiprocessing
import pathlib
import re
import sys
import tempfile

from gshard_tool import Gshard, ToolError


def xla_print(text, pipe):
    from jaxlib import _hlo

    options = _hlo.HloPrintOptions()
    options.print_large_constants = True
    try:
        pipe.send(("text", _hlo.hlo_module_from_text(text).to_string(options)))
    except Exception as error:  # jaxlib's own type is not public
        pipe.send(("error", str(error)))


def through_xla(text):
    """XLA aborts on some bad modules, so it runs in a process of its own."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=xla_print, args=(text, there))
    process.start()
    there.close()
    try:
        kind, result = here.recv()
    except EOFError:
        kind, result = "error", "XLA crashed"
    process.join()
    if kind == "error":
        raise ToolError("XLA refuses what gshard printed: " + result[:2000])
    return result


TABLES = re.compile(r"^(FileNames|FunctionNames|FileLocations|StackFrames)\n(\d+ .*\n)*", re.M)


def without_numbering(text):
    return re.sub(r" ?stack_frame_id=\d+", "", TABLES.sub("", text)).replace(", metadata={}", "")


def bag_of_lines(text):
    """The lines without names and order."""
    # XLA reads the -0 that it prints as 0.
    lines = re.sub(r"(?<=[{( ])-0(?=[,)} ])", "0", without_numbering(text)).splitlines()
    return collections.Counter(re.sub(r"%[\w.-]+|[\w.-]+: ", "%", line.strip()) for line in lines if line.strip())


def check(gshard, path, folder):
    """Says how the texts agree; raises ToolError where they do not."""
    printed = gshard.call("print", path)
    from_xla = through_xla(printed)
    copy = pathlib.Path(folder) / "from_xla.hlo"
    copy.write_text(from_xla)
    if gshard.call("print", copy) != from_xla:
        raise ToolError("gshard changes what XLA printed")
    if printed == from_xla:
        return "the same"
    if without_numbering(printed) == without_numbering(from_xla):
        return "the same but for the numbering of source tables"
    difference = bag_of_lines(printed)
    difference.subtract(bag_of_lines(from_xla))
    lines = [("- " if count > 0 else "+ ") + line for line, count in difference.items() if count]
    if lines:
        raise ToolError("XLA prints it otherwise:\n" + "\n".join(line[:500] for line in sorted(lines)[:6]))
    return "the same but for order and names"


def files_of(places):
    for place in map(pathlib.Path, places):
        yield from sorted(place.rglob("*.hlo")) if place.is_dir() else [place]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="+", help="files, or folders that are searched for *.hlo")
    parser.add_argument("--gshard", default="build/gshard", help="the command (default: %(default)s)")
    arguments = parser.parse_args()
    gshard = Gshard(arguments.gshard)
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for path in files_of(arguments.places):
            try:
                print(f"{path}: {check(gshard, path, folder)}")
                passed += 1
            except ToolError as error:
                print(f"{path}: FAILED: {error}")
                failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
