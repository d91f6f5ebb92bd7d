"""The values at which arithmetic goes wrong first, per element type."""

import ml_dtypes
import numpy as np

from xla_cpu import DTYPES

INTEGERS = ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64"]
SMALL_INTEGERS = ["s2", "s4", "u2", "u4"]
FLOATS = ["bf16", "f16", "f32", "f64"]
FLOATS_8 = ["f8e4m3fn", "f8e5m2", "f8e4m3", "f8e3m4", "f8e4m3b11fnuz", "f8e4m3fnuz", "f8e5m2fnuz"]
COMPLEXES = ["c64", "c128"]


def is_signed(element_type):
    return not element_type.startswith(("u", "pred"))


def all_codes(element_type):
    """All values of a type of at most 8 bits."""
    dtype = DTYPES[element_type]
    if element_type in SMALL_INTEGERS:
        info = ml_dtypes.iinfo(dtype)
        return np.arange(int(info.min), int(info.max) + 1).astype(dtype)
    bits = 4 if element_type == "f4e2m1fn" else 8
    return np.arange(2**bits, dtype=np.uint8).view(dtype)


def integers(element_type):
    """Around zero, around the ends of the range, and a few in between."""
    info = np.iinfo(DTYPES[element_type])
    low, high = int(info.min), int(info.max)
    values = [0, 1, 2, 3, 7, 10, 16, 31, 64, high // 3, high // 2, high - 1, high]
    if low < 0:
        values += [-1, -2, -3, -8, -31, -33, low // 3, low // 2, low + 1, low]
    return np.array(sorted(set(v for v in values if low <= v <= high)), dtype=DTYPES[element_type])


def floats(element_type):
    """Zeros, ones, halves, the ends of the range, infinities and NaN.

    Denormals only of f16: XLA's CPU client takes those of f32, f64 and bf16 for zero.
    """
    dtype = DTYPES[element_type]
    info = ml_dtypes.finfo(dtype)
    big, tiny, eps = float(info.max), float(info.tiny), float(info.eps)
    magnitudes = [0.0, 0.5, 0.75, 1.0, 1 - eps / 2, 1 + eps, 1.5, 2.5, 3.0, 10.0, big, big / 2]
    magnitudes += [tiny * 4, 1 / eps, float("inf")]
    if element_type == "f16":
        magnitudes += [tiny, tiny / 2, float(info.smallest_subnormal)]
    return np.array([s * m for m in magnitudes for s in (1, -1)] + [float("nan")]).astype(dtype)


def denormals(element_type):
    info = ml_dtypes.finfo(DTYPES[element_type])
    tiny, smallest = float(info.tiny), float(info.smallest_subnormal)
    magnitudes = [0.0, smallest, 3 * smallest, tiny / 2, tiny - smallest, tiny, 1.5 * tiny, 0.5, 1.0, 2.0]
    return np.array([s * m for m in magnitudes for s in (1, -1)]).astype(DTYPES[element_type])


def complexes(element_type):
    parts = [0.0, -0.0, 1.0, -1.0, 0.5, -2.25, 20.0, 1e-3]
    return np.array([complex(a, b) for a in parts for b in parts]).astype(DTYPES[element_type])


def values(element_type):
    if element_type == "pred":
        return np.array([False, True])
    if element_type in COMPLEXES:
        return complexes(element_type)
    if element_type in INTEGERS:
        return integers(element_type)
    if element_type in FLOATS:
        return floats(element_type)
    return all_codes(element_type)


def pairs(array, other=None):
    """Two arrays that run through all pairs of elements."""
    other = array if other is None else other
    x, y = np.meshgrid(array, other, indexing="ij")
    return x.ravel(), y.ravel()
