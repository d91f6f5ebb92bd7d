"""Makes data/*.npz and data/vector.npy, the files of npz_test.cc, as numpy writes them.

Needs numpy and ml_dtypes. The values are those that the test expects.
"""

import pathlib

import ml_dtypes
import numpy as np

data = pathlib.Path(__file__).parent / "data"
data.mkdir(exist_ok=True)
matrix = np.arange(6, dtype=np.float32).reshape(2, 3) / 4

arrays = {
    "f32": matrix,
    "f64": matrix.astype(np.float64),
    "f16": matrix.astype(np.float16),
    "s64": np.array([1, -2, 3000000000], dtype=np.int64),
    "s32": np.array([1, -2, 3], dtype=np.int32),
    "u8": np.array([0, 255], dtype=np.uint8),
    "pred": np.array([True, False, True]),
    "c64": np.array([1 + 2j, -0.5j], dtype=np.complex64),
    "scalar": np.float32(2.5),
    "empty": np.zeros((0, 4), dtype=np.float32),
    "fortran": np.asfortranarray(matrix),
    "big_endian": matrix.astype(">f4"),
    "bf16": matrix.astype(ml_dtypes.bfloat16),
    "bf16_codes": matrix.astype(ml_dtypes.bfloat16).view(np.uint16),
    "f8": matrix.astype(ml_dtypes.float8_e4m3fn),
}
np.savez(data / "stored.npz", **arrays)
np.savez_compressed(data / "deflated.npz", **arrays, zeros=np.zeros(100000, dtype=np.float32))
np.savez(data / "odd.npz", text=np.array(["a", "b"]), records=np.zeros(2, dtype=[("x", "<f4"), ("y", "<i4")]))
np.save(data / "vector.npy", np.array([1.5, 2.5], dtype=np.float32))
