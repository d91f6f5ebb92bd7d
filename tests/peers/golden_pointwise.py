"""Golden cases: ops that work element by element."""

import ml_dtypes
import numpy as np

import edge_values
from edge_values import COMPLEXES, FLOATS, FLOATS_8, INTEGERS, SMALL_INTEGERS
from hlo_case import Case, with_type
from xla_cpu import DTYPES

DIRECTIONS = ["EQ", "NE", "GE", "GT", "LE", "LT"]

# Rounded correctly by every implementation.
EXACT_FLOAT_UNARY = ["abs", "negate", "sign", "floor", "ceil", "round-nearest-afz", "round-nearest-even", "copy"]
INTEGER_UNARY = ["abs", "sign", "negate", "not", "popcnt", "count-leading-zeros", "copy"]
# Functions, each with an interval of arguments.
FUNCTIONS = {
    "exponential": (-80, 80),
    "exponential-minus-one": (-20, 20),
    "log": (0, 100),
    "log-plus-one": (-0.99, 50),
    "rsqrt": (0, 100),
    "cbrt": (-100, 100),
    "tanh": (-9, 9),
    "tan": (-1.5, 1.5),
    "sine": (-10, 10),
    "cosine": (-10, 10),
    "sinh": (-10, 10),
    "cosh": (-10, 10),
    "logistic": (-8, 15),
    "erf": (-3.5, 3.5),
    "acos": (-1, 1),
    "asin": (-1, 1),
    "acosh": (1, 50),
    "asinh": (-50, 50),
    "atanh": (-1, 1),
}
# What XLA's CPU client does not run has its golden values from numpy, computed in f64.
NOT_ON_CPU = {
    "sinh": np.sinh, "cosh": np.cosh, "acos": np.arccos, "asin": np.arcsin, "acosh": np.arccosh, "asinh": np.arcsinh,
    "atanh": np.arctanh,
}  # fmt: skip
EXACT_FLOAT_BINARY = ["add", "subtract", "multiply", "divide", "remainder"]
INTEGER_BINARY = ["add", "subtract", "multiply", "divide", "remainder", "maximum", "minimum", "and", "or", "xor"]
SHIFTS = ["shift-left", "shift-right-arithmetic", "shift-right-logical"]


def float_unary(element_type):
    case = Case("pointwise", f"unary_{element_type}", f"unary ops of {element_type} that round exactly, at edge values")
    x = case.parameter(edge_values.values(element_type))
    for op in EXACT_FLOAT_UNARY + ["sqrt"]:
        case.output(case.op(x.shape, op, x))
    case.output(case.op(with_type(x.shape, "pred"), "is-finite", x))
    return case


def float_functions(element_type):
    # XLA takes 1 / (1 + exp(-x)) for logistic, and rounds each step of it to f16.
    tolerance = {"bf16": "1 ulp", "f16": "2 ulp"}.get(element_type, "4 ulp")
    case = Case("pointwise", f"functions_{element_type}", f"transcendental functions of {element_type}", tolerance)
    for op, (low, high) in FUNCTIONS.items():
        points = np.concatenate([np.linspace(low, high, 61)[1:], case.random.uniform(-0.01, 0.01, 8).clip(low)])
        points = np.concatenate([points, [np.nan, np.inf, -np.inf, 0.0, 1.0, -1.0]])
        x = case.parameter(points.astype(DTYPES[element_type]))
        result = case.op(x.shape, op, x)
        with np.errstate(all="ignore"):
            expected = NOT_ON_CPU[op](x.array.astype(np.float64)).astype(x.array.dtype) if op in NOT_ON_CPU else None
        case.output(result, expected=expected)
    return case


def makes_denormals(x, y):
    """Where XLA's compiled code flushes a result that gshard does not."""
    if x.dtype == np.float16:
        return np.zeros(x.shape, bool)
    wide_x, wide_y = x.astype(np.longdouble), y.astype(np.longdouble)
    with np.errstate(all="ignore"):
        results = [wide_x + wide_y, wide_x - wide_y, wide_x * wide_y, wide_x / wide_y]
    tiny = float(ml_dtypes.finfo(x.dtype).tiny)
    return np.any([(r != 0) & (np.abs(r) < tiny) for r in results], axis=0)


def denormals(element_type):
    case = Case(
        "pointwise", f"denormals_{element_type}", f"denormals of {element_type} are kept, as operands and as results"
    )
    case.fold()
    x, y = (case.parameter(v) for v in edge_values.pairs(edge_values.denormals(element_type)))
    for op in ("add", "subtract", "multiply", "divide", "remainder"):
        case.output(case.op(x.shape, op, x, y))
    for direction in DIRECTIONS:
        case.output(case.op(with_type(x.shape, "pred"), "compare", x, y, attributes=f"direction={direction}"))
    for op in ("abs", "negate"):
        case.output(case.op(x.shape, op, x))
    for target in ("f64", "f32", "bf16", "f16"):
        case.output(case.op(with_type(x.shape, target), "convert", x))
    return case


def float_binary(element_type):
    case = Case("pointwise", f"binary_{element_type}", f"binary ops of {element_type}, for all pairs of edge values")
    xs, ys = edge_values.pairs(edge_values.values(element_type))
    kept = ~makes_denormals(xs, ys)
    xs, ys = xs[kept], ys[kept]
    x, y = case.parameter(xs), case.parameter(ys)
    for op in EXACT_FLOAT_BINARY:
        case.output(case.op(x.shape, op, x, y))
    for direction in DIRECTIONS:
        for suffix in ("", ", type=TOTALORDER"):
            attributes = f"direction={direction}{suffix}"
            case.output(case.op(with_type(x.shape, "pred"), "compare", x, y, attributes=attributes))
    # Which zero max(0, -0) gives is the implementation's choice.
    xs, ys = xs.copy(), ys.copy()
    both_zero = (xs == 0) & (ys == 0)
    ys[both_zero] = xs[both_zero]
    x, y = case.parameter(xs), case.parameter(ys)
    for op in ("maximum", "minimum"):
        case.output(case.op(x.shape, op, x, y))
    return case


def narrow_binary(element_type):
    case = Case("pointwise", f"binary_{element_type}", f"binary ops of {element_type} round once, for pairs of all values")
    codes = edge_values.all_codes(element_type)
    x, y = (case.parameter(case.random.choice(codes, 1500)) for _ in range(2))
    for op in ("add", "subtract", "multiply", "divide"):
        case.output(case.op(x.shape, op, x, y), "0 ulp")
    for direction in DIRECTIONS:
        case.output(case.op(with_type(x.shape, "pred"), "compare", x, y, attributes=f"direction={direction}"))
    choice = case.parameter(case.random.integers(0, 2, 1500).astype(bool))
    case.output(case.op(x.shape, "select", choice, x, y))
    return case


def float_power(element_type):
    case = Case(
        "pointwise", f"power_{element_type}", f"power and atan2 of {element_type}: zeros, infinities, NaN, odd powers"
    )
    bases = [0.0, -0.0, 0.5, 1.0, -1.0, -0.5, 2.0, -2.0, 3.7, -3.0, np.inf, -np.inf, np.nan]
    powers = [0.0, -0.0, 0.5, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 1 / 3, 7.0, np.inf, -np.inf, np.nan]
    xs, ys = edge_values.pairs(np.array(bases), np.array(powers))
    x, y = (case.parameter(v.astype(DTYPES[element_type])) for v in (xs, ys))
    tolerance = "16 ulp" if element_type in ("f32", "f64") else "1 ulp"
    case.output(case.op(x.shape, "power", x, y), tolerance)
    case.output(case.op(x.shape, "atan2", x, y), tolerance)
    return case


def float_ternary(element_type):
    case = Case(
        "pointwise", f"ternary_{element_type}", f"clamp and select of {element_type}, scalar and elementwise bounds"
    )
    values = edge_values.values(element_type)
    count = 4 * len(values)
    # Zeros of either sign compare equal: which one clamp gives is the implementation's choice.
    low, x, high = (case.random.choice(values, count) for _ in range(3))
    low, x, high = (np.where(v == 0, np.abs(v), v) for v in (low, x, high))
    low, high = np.where(low > high, high, low), np.where(low > high, low, high)
    low, x, high = (case.parameter(v) for v in (low, x, high))
    case.output(case.op(x.shape, "clamp", low, x, high))
    scalars = [case.parameter(np.array(v, dtype=DTYPES[element_type])) for v in (-1, 2)]
    case.output(case.op(x.shape, "clamp", scalars[0], x, scalars[1]))
    choice = case.parameter(case.random.integers(0, 2, count).astype(bool))
    case.output(case.op(x.shape, "select", choice, x, low))
    scalar_choice = case.parameter(np.array(True))
    case.output(case.op(x.shape, "select", scalar_choice, high, x))
    return case


def integer_unary(element_type):
    case = Case("pointwise", f"unary_{element_type}", f"unary ops of {element_type}, at the ends of its range too")
    x = case.parameter(edge_values.values(element_type))
    for op in INTEGER_UNARY:
        # XLA counts the bits of the byte in which it keeps a narrow integer.
        counts_too_many = op == "popcnt" and element_type in SMALL_INTEGERS
        if not counts_too_many and (op not in ("abs", "sign") or edge_values.is_signed(element_type)):
            case.output(case.op(x.shape, op, x))
    return case


def integer_binary(element_type):
    about = f"binary ops of {element_type}: wrapping, division by zero and overflow, negative powers"
    case = Case("pointwise", f"binary_{element_type}", about)
    x, y = (case.parameter(v) for v in edge_values.pairs(edge_values.values(element_type)))
    for op in INTEGER_BINARY:
        case.output(case.op(x.shape, op, x, y))
    for direction in DIRECTIONS:
        case.output(case.op(with_type(x.shape, "pred"), "compare", x, y, attributes=f"direction={direction}"))
    # XLA takes exponents modulo 64.
    exponents = np.arange(-3 if edge_values.is_signed(element_type) else 0, 40)
    exponents = exponents[exponents == exponents.astype(DTYPES[element_type]).astype(int)]
    x, y = edge_values.pairs(edge_values.values(element_type), exponents.astype(DTYPES[element_type]))
    x, y = case.parameter(x), case.parameter(y)
    case.output(case.op(x.shape, "power", x, y))
    return case


def integer_shifts(element_type):
    about = f"shifts of {element_type} by less than, exactly, and more than its width, and by negative amounts"
    case = Case("pointwise", f"shifts_{element_type}", about)
    bits = DTYPES[element_type].itemsize * 8 if element_type in INTEGERS else int(element_type[1:])
    top = 2 ** (bits - (1 if edge_values.is_signed(element_type) else 0)) - 1
    amounts = {0, 1, 2, bits // 2, bits - 1, bits, bits + 1, 2 * bits, top}
    if edge_values.is_signed(element_type):
        amounts |= {-1, -2, -bits, -top - 1}
    amounts = np.array(sorted(a for a in amounts if -top - 1 <= a <= top)).astype(DTYPES[element_type])
    x, y = (case.parameter(v) for v in edge_values.pairs(edge_values.values(element_type), amounts))
    for op in SHIFTS:
        case.output(case.op(x.shape, op, x, y))
    return case


def integer_ternary(element_type):
    case = Case("pointwise", f"ternary_{element_type}", f"clamp and select of {element_type}")
    values = edge_values.values(element_type)
    low, x, high = (case.random.choice(values, 60) for _ in range(3))
    low, high = np.where(low < high, low, high), np.where(low < high, high, low)
    low, x, high = (case.parameter(v) for v in (low, x, high))
    case.output(case.op(x.shape, "clamp", low, x, high))
    choice = case.parameter(case.random.integers(0, 2, 60).astype(bool))
    case.output(case.op(x.shape, "select", choice, x, low))
    return case


def predicates():
    case = Case("pointwise", "predicates", "logic of pred")
    x, y = (case.parameter(v) for v in edge_values.pairs(edge_values.values("pred")))
    for op in ("and", "or", "xor", "maximum", "minimum"):
        case.output(case.op(x.shape, op, x, y))
    for direction in DIRECTIONS:
        case.output(case.op(x.shape, "compare", x, y, attributes=f"direction={direction}"))
    case.output(case.op(x.shape, "not", x))
    case.output(case.op(x.shape, "select", x, y, case.op(x.shape, "not", y)))
    return case


COMPLEX_FUNCTIONS = [
    "exponential", "exponential-minus-one", "log", "log-plus-one", "sqrt", "rsqrt", "tanh", "sine", "cosine", "tan",
    "logistic", "sign",
]  # fmt: skip


def complex_functions(element_type):
    about = f"functions of {element_type} in all quadrants; components of an element are measured by its magnitude"
    case = Case("pointwise", f"functions_{element_type}", about)
    z = case.random.normal(size=(48,)) + 1j * case.random.normal(size=(48,))
    x = case.parameter(z.astype(DTYPES[element_type]))
    part = "f32" if element_type == "c64" else "f64"
    tolerance = "2e-6 of magnitude" if element_type == "c64" else "1e-14 of magnitude"
    for op in COMPLEX_FUNCTIONS:
        case.output(case.op(x.shape, op, x), tolerance)
    case.output(case.op(with_type(x.shape, part), "abs", x), tolerance)
    y = case.parameter(
        (case.random.normal(size=(48,)) + 1j * case.random.normal(size=(48,))).astype(DTYPES[element_type])
    )
    for op in ("multiply", "divide", "power", "atan2"):
        case.output(case.op(x.shape, op, x, y), tolerance)
    return case


def complex_exact(element_type):
    case = Case("pointwise", f"exact_{element_type}", f"ops of {element_type} that only move or add parts")
    part = "f32" if element_type == "c64" else "f64"
    xs, ys = edge_values.pairs(edge_values.values(element_type)[::3])
    x, y = case.parameter(xs), case.parameter(ys)
    for op in ("add", "subtract"):
        case.output(case.op(x.shape, op, x, y))
    case.output(case.op(x.shape, "negate", x))
    real = case.output(case.op(with_type(x.shape, part), "real", x))
    imag = case.output(case.op(with_type(x.shape, part), "imag", x))
    case.output(case.op(x.shape, "complex", imag, real))
    for direction in ("EQ", "NE"):
        case.output(case.op(with_type(x.shape, "pred"), "compare", x, y, attributes=f"direction={direction}"))
    return case


def real_parts(element_type):
    case = Case(
        "pointwise", f"real_imag_{element_type}", f"real and imag of {element_type}, which is its own real part"
    )
    x = case.parameter(edge_values.values(element_type))
    case.output(case.op(x.shape, "real", x))
    case.output(case.op(x.shape, "imag", x))
    return case


def reduce_precision(element_type, formats):
    about = f"rounding of {element_type} to fewer bits: ties, overflow to infinity, flushed denormals, NaN"
    case = Case("pointwise", f"reduce_precision_{element_type}", about)
    spread = case.random.normal(size=64) * np.exp2(case.random.uniform(-20, 20, 64))
    values = np.concatenate([edge_values.values(element_type), spread.astype(DTYPES[element_type])])
    x = case.parameter(values)
    for exponent, mantissa in formats:
        attributes = f"exponent_bits={exponent}, mantissa_bits={mantissa}"
        case.output(case.op(x.shape, "reduce-precision", x, attributes=attributes))
    return case


def cases():
    for t in ("bf16", "f32", "f64"):
        yield denormals(t)
    for t in FLOATS:
        yield from (
            make(t) for make in (float_unary, float_functions, float_binary, float_power, float_ternary, real_parts)
        )
    for t in INTEGERS + SMALL_INTEGERS:
        yield from (make(t) for make in (integer_unary, integer_binary, integer_shifts, integer_ternary))
    yield predicates()
    for t in FLOATS_8[:2]:
        yield from (make(t) for make in (float_unary, narrow_binary))
    for t in COMPLEXES:
        yield from (make(t) for make in (complex_functions, complex_exact))
    yield reduce_precision("f32", [(8, 7), (5, 10), (8, 23), (4, 3), (5, 2), (2, 1), (1, 0), (8, 0), (3, 20)])
    yield reduce_precision("f64", [(11, 52), (8, 23), (5, 10), (8, 7), (11, 10), (4, 52)])
    yield reduce_precision("bf16", [(8, 7), (5, 7), (8, 3), (4, 3)])
    yield reduce_precision("f16", [(5, 10), (5, 2), (4, 3), (3, 10)])
