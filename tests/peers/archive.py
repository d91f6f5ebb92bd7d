"""Archives of arrays as gshard reads them: numpy's .npz, with codes where numpy has no type."""

import zipfile

import ml_dtypes
import numpy as np

SMALL_INTEGERS = {
    np.dtype(getattr(ml_dtypes, f"{sign}int{bits}")): np.dtype(f"{sign}int8") for sign in ("", "u") for bits in (2, 4)
}


def to_numpy_type(array):
    """Integers narrower than a byte as int8 or uint8, floats that numpy has not as their codes."""
    if array.dtype in SMALL_INTEGERS:
        return array.astype(SMALL_INTEGERS[array.dtype])
    if array.dtype.isbuiltin == 1:
        return array
    return array.view(f"uint{8 * array.dtype.itemsize}")


def write_archive(path, arrays):
    """Like numpy.savez_compressed, but the same bytes every time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), "w") as member:
                np.lib.format.write_array(member, np.asarray(to_numpy_type(array), order="C"))
