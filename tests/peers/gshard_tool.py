"""The gshard command, and how near its numbers are to other ones."""

import pathlib
import subprocess
import tempfile

import numpy as np


class ToolError(Exception):
    pass


class Gshard:
    def __init__(self, path, timeout=120):
        self.path = path
        self.timeout = timeout

    def call(self, *arguments):
        try:
            done = subprocess.run(
                [self.path, *map(str, arguments)],
                capture_output=True,
                text=True,
                timeout=self.timeout,
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            raise ToolError(f"{arguments[0]}: no end after {self.timeout} s") from None
        if done.returncode != 0:
            raise ToolError(f"{arguments[0]}: exit code {done.returncode}: {done.stderr.strip()[:1000]}")
        return done.stdout

    def run(self, hlo, arguments):
        """The results in the order of a flattened tuple."""
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out.npz"
            self.call("run", hlo, "--args", arguments, "--out", out)
            with np.load(out) as archive:
                position = lambda name: [int(part) for part in name.split(".")[1:]]
                return [archive[name] for name in sorted(archive.files, key=position)]


def wide(array):
    """As numbers that numpy can subtract."""
    array = np.asarray(array)
    if array.dtype.kind in "biu":
        return array.astype(object)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def first_difference(actual, expected, tolerance):
    """Words for the first element that lies further off than `tolerance` times the largest magnitude; or None."""
    if actual.shape != expected.shape:
        return f"has shape {actual.shape}, expected {expected.shape}"
    if expected.dtype.kind in "biu" or expected.dtype.name in ("int2", "int4", "uint2", "uint4"):
        a, b = actual.astype(np.int64), expected.astype(np.int64)
        near = a == b
    else:
        a, b = wide(actual), wide(expected)
        finite = np.abs(b[np.isfinite(b)])
        limit = tolerance * (finite.max() if finite.size else 0)
        with np.errstate(all="ignore"):
            near = (a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= limit)
    if near.all():
        return None
    at = tuple(int(i) for i in np.argwhere(~near)[0])
    return f"{np.sum(~near)} of {near.size} elements differ, first {list(at)}: {actual[at]}, expected {expected[at]}"
