"""Golden cases: cholesky, triangular-solve, fft and batch normalisation."""

import numpy as np

from golden_movement import shape
from hlo_case import Case
from xla_cpu import DTYPES

TOLERANCES = {"f32": "1e-5 of maximum", "c64": "1e-5 of maximum", "f64": "1e-13 of maximum", "c128": "1e-13 of maximum"}


def random_numbers(case, element_type, dims):
    values = case.random.normal(size=dims)
    if element_type in ("c64", "c128"):
        values = values + 1j * case.random.normal(size=dims)
    return values.astype(DTYPES[element_type])


def choleskys():
    for t in ("f32", "f64", "c64", "c128"):
        case = Case(
            "linear", f"cholesky_{t}", f"cholesky of {t}: the other triangle is neither read nor kept", TOLERANCES[t]
        )
        for dims in ((1, 1), (5, 5), (2, 3, 4, 4)):
            root = random_numbers(case, t, dims)
            matrix = root @ np.conj(np.swapaxes(root, -1, -2)) + np.eye(dims[-1], dtype=root.dtype) * dims[-1]
            for lower in (True, False):
                part = np.tril(matrix) if lower else np.triu(matrix)
                x = case.parameter(part.astype(DTYPES[t]))
                result = case.op(x.shape, "cholesky", x, attributes=f"lower={str(lower).lower()}")
                # What stands in the other triangle is not defined: keep ours.
                case.output(triangle(case, result, lower))
        yield case


def triangle(case, x, lower):
    """x with zeros in the other triangle."""
    rank = len(x.dims)
    rows = case.op(shape("s32", x.dims), "iota", attributes=f"iota_dimension={rank - 2}")
    columns = case.op(shape("s32", x.dims), "iota", attributes=f"iota_dimension={rank - 1}")
    direction = "GE" if lower else "LE"
    keep = case.op(shape("pred", x.dims), "compare", rows, columns, attributes=f"direction={direction}")
    zero = case.constant(f"{x.type}[]", "(0, 0)" if x.type[0] == "c" else "0")
    zeros = case.op(x.shape, "broadcast", zero, attributes="dimensions={}")
    return case.op(x.shape, "select", keep, x, zeros)


def triangular_solves():
    for t in ("f32", "f64", "c64", "c128"):
        case = Case(
            "linear",
            f"triangular_solve_{t}",
            f"triangular-solve of {t} from both sides, in all transposes",
            TOLERANCES[t],
        )
        for left in (True, False):
            for lower in (True, False):
                for transpose in ("NO_TRANSPOSE", "TRANSPOSE", "ADJOINT"):
                    unit = transpose == "TRANSPOSE"
                    a = random_numbers(case, t, (2, 4, 4)) * 0.3 + np.eye(4) * 2
                    b = random_numbers(case, t, (2, 4, 3) if left else (2, 3, 4))
                    a, b = case.parameter(a.astype(DTYPES[t])), case.parameter(b)
                    flags = {"left_side": left, "lower": lower, "unit_diagonal": unit}
                    text = ", ".join(f"{k}={str(v).lower()}" for k, v in flags.items())
                    attributes = f"{text}, transpose_a={transpose}"
                    case.output(case.op(b.shape, "triangular-solve", a, b, attributes=attributes))
        yield case


def ffts():
    rows = [
        ((8,), (8,)),
        ((3, 8), (8,)),
        ((2, 7), (7,)),
        ((2, 4, 6), (4, 6)),
        ((2, 3, 4, 5), (3, 4, 5)),
        ((4, 1), (1,)),
        ((12,), (12,)),
    ]
    for real, complex_ in (("f32", "c64"), ("f64", "c128")):
        case = Case(
            "linear",
            f"fft_{complex_}",
            "Fourier transforms over one to three dimensions, of any size",
            TOLERANCES[real],
        )
        for dims, lengths in rows:
            text = "fft_length={" + ",".join(map(str, lengths)) + "}"
            x = case.parameter(random_numbers(case, complex_, dims))
            for kind in ("FFT", "IFFT"):
                case.output(case.op(x.shape, "fft", x, attributes=f"fft_type={kind}, {text}"))
            r = case.parameter(random_numbers(case, real, dims))
            half = dims[:-1] + (dims[-1] // 2 + 1,)
            case.output(case.op(shape(complex_, half), "fft", r, attributes=f"fft_type=RFFT, {text}"))
            # A spectrum of real numbers.
            spectrum = np.fft.rfftn(random_numbers(case, real, dims), axes=range(-len(lengths), 0))
            h = case.parameter(spectrum.astype(DTYPES[complex_]))
            case.output(case.op(shape(real, dims), "fft", h, attributes=f"fft_type=IRFFT, {text}"))
        yield case


def batch_norms():
    case = Case("linear", "batch_norm", "batch normalisation: training, inference and gradient", "2e-6 of maximum")
    for dims, feature in (((4, 3, 5), 2), ((2, 3, 4, 5), 1)):
        count = dims[feature]
        x = case.parameter(random_numbers(case, "f32", dims))
        scale, offset = (case.parameter(random_numbers(case, "f32", (count,))) for _ in range(2))
        row = f"f32[{count}]"
        attributes = f"epsilon=0.001, feature_index={feature}"
        shapes = (x.shape, row, row)
        together = f"({', '.join(shapes)})"
        trained = case.op(together, "batch-norm-training", x, scale, offset, attributes=attributes)
        case.outputs_of(trained, shapes)
        mean = case.parameter(random_numbers(case, "f32", (count,)))
        variance = case.parameter(case.random.uniform(0.1, 2, (count,)).astype(np.float32))
        inferred = case.op(x.shape, "batch-norm-inference", x, scale, offset, mean, variance, attributes=attributes)
        case.output(inferred)
        gradient = case.parameter(random_numbers(case, "f32", dims))
        back = case.op(together, "batch-norm-grad", x, scale, mean, variance, gradient, attributes=attributes)
        for i, part in enumerate(shapes):
            case.output(case.op(part, "get-tuple-element", back, attributes=f"index={i}"), "2e-5 of maximum")
    return case


def cases():
    yield from choleskys()
    yield from triangular_solves()
    yield from ffts()
    yield batch_norms()
