"""Safetensors between gshard and the format's own library, both ways, for every type that both know.

    python3 tests/peers/check_safetensors.py --gshard build/gshard

A module that returns its parameters reads a file that the library wrote, and writes one that the library reads back.
"""

import argparse
import pathlib
import tempfile

import ml_dtypes
import numpy as np
import safetensors.numpy

from gshard_tool import Gshard

# numpy's type by HLO's, and the type that the library's numpy part reads what gshard wrote as.
TYPES = {
    "pred": np.bool_,
    "s8": np.int8,
    "u8": np.uint8,
    "s16": np.int16,
    "u16": np.uint16,
    "s32": np.int32,
    "u32": np.uint32,
    "s64": np.int64,
    "u64": np.uint64,
    "f16": np.float16,
    "f32": np.float32,
    "f64": np.float64,
    "bf16": ml_dtypes.bfloat16,
}


def module_of(types, dims):
    shape = lambda name: f"{name}[{','.join(map(str, dims))}]"
    lines = [f"  x{i} = {shape(name)} parameter({i})" for i, name in enumerate(types)]
    result = f"({', '.join(map(shape, types))}) tuple({', '.join(f'x{i}' for i in range(len(types)))})"
    return "HloModule m\nENTRY main {\n" + "\n".join(lines) + f"\n  ROOT t = {result}\n}}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gshard", default="build/gshard")
    gshard = Gshard(parser.parse_args().gshard)
    random = np.random.default_rng(0)
    for dims in [(), (3,), (2, 0, 4), (2, 3, 5)]:
        arrays = {f"x{i}": np.asarray(random.integers(0, 2, dims)).astype(t) for i, t in enumerate(TYPES.values())}
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "m.hlo").write_text(module_of(list(TYPES), dims))
            safetensors.numpy.save_file(arrays, folder / "in.safetensors", {"format": "np"})
            gshard.call(
                "run", folder / "m.hlo", "--args", folder / "in.safetensors", "--out", folder / "out.safetensors"
            )
            back = safetensors.numpy.load_file(folder / "out.safetensors")
        for i, (name, array) in enumerate(arrays.items()):
            result = back[f"result.{i}"]
            assert result.dtype == array.dtype and result.shape == array.shape, (name, result.dtype, array.dtype)
            assert result.tobytes() == array.tobytes(), (name, result, array)
        print(f"{len(arrays)} arrays of {list(dims)} are the same")


if __name__ == "__main__":
    main()
