"""Golden cases: convert from every element type to every other, and bitcast-convert."""

import numpy as np

import edge_values
from edge_values import COMPLEXES, FLOATS, FLOATS_8, INTEGERS, SMALL_INTEGERS
from hlo_case import Case, with_type
from xla_cpu import DTYPES

REALS = ["pred"] + SMALL_INTEGERS + INTEGERS + FLOATS_8 + ["f4e2m1fn"] + FLOATS


def sources(case, element_type):
    """Edge values, and numbers around those at which rounding and saturation change."""
    values = edge_values.values(element_type)
    if element_type not in FLOATS:
        return values
    limits = [2.0**n for n in (1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64)]
    near = [s * (v + d) for v in limits for d in (-1.0, -0.5, 0.0, 0.5, 1.0) for s in (1, -1)]
    spread = case.random.normal(size=80) * np.exp2(case.random.uniform(-14, 14, 80))
    # Ties between two neighbours of bf16, f16 and the types of 8 bits.
    ties = [s * (1 + (2 * k + 1) * 2.0**-m) for m in (2, 3, 4, 8, 11) for k in (0, 1, 2) for s in (1, -1)]
    limits_8 = [
        57344.0,
        61440.0,
        65520.0,
        448.0,
        464.0,
        480.0,
        240.0,
        248.0,
        30.0,
        31.0,
        15.5,
        2.0**-9,
        2.0**-10,
        2.0**-17,
    ]
    with np.errstate(over="ignore"):
        return np.concatenate([values, np.array(near + ties + limits_8 + list(spread)).astype(DTYPES[element_type])])


def has_one_meaning(values, target):
    """False where XLA's answer is a quirk of its: the sign of NaN in a type without NaN, 6.0 of f4e2m1fn saturated."""
    if target == "f4e2m1fn":
        return values.dtype == DTYPES["pred"] or not np.any(np.isnan(values.astype(np.float64)))
    return values.dtype != DTYPES["f4e2m1fn"] or target in FLOATS + FLOATS_8


def convert(element_type):
    about = f"convert from {element_type}: ties, saturation of integers, overflow of floats, NaN"
    case = Case("convert", f"from_{element_type}", about)
    x = case.parameter(sources(case, element_type))
    for target in REALS:
        if target != element_type and has_one_meaning(x.array, target):
            case.output(case.op(with_type(x.shape, target), "convert", x))
    for target in COMPLEXES:
        case.output(case.op(with_type(x.shape, target), "convert", x))
    return case


def convert_to_powers():
    """f8e8m0fnu has no sign, no zero and no mantissa."""
    case = Case("convert", "powers_of_two", "convert of positive numbers to f8e8m0fnu, and back")
    for source in FLOATS:
        exponents = case.random.uniform(-14, 15, 40) if source == "f16" else case.random.uniform(-100, 120, 40)
        values = np.concatenate([np.exp2(exponents), [1.0, 1.25, 1.5, 1.75, 2.0, 3.0, 0.75, 0.5, 6.0, 5.0]])
        x = case.parameter(values.astype(DTYPES[source]))
        case.output(case.op(with_type(x.shape, "f8e8m0fnu"), "convert", x))
    y = case.parameter(edge_values.all_codes("f8e8m0fnu")[1:])  # the first is a denormal of f32
    for target in FLOATS + FLOATS_8:
        case.output(case.op(with_type(y.shape, target), "convert", y))
    return case


def convert_complex(element_type):
    case = Case("convert", f"from_{element_type}", f"convert from {element_type} to the other complex type")
    x = case.parameter(edge_values.complexes(element_type))
    case.output(case.op(with_type(x.shape, "c128" if element_type == "c64" else "c64"), "convert", x))
    return case


def bitcast_same_width():
    case = Case("convert", "bitcast_same_width", "bitcast-convert between types of one width keeps the bits")
    groups = [
        ["s8", "u8", "f8e4m3fn", "f8e5m2"],
        ["s16", "u16", "bf16", "f16"],
        ["s32", "u32", "f32"],
        ["s64", "u64", "f64"],
    ]
    groups += [["s4", "u4"]]
    for group in groups:
        values = edge_values.values(group[0])
        for source in group:
            x = case.parameter(values.view(DTYPES[source]) if group[0] != "s4" else edge_values.values(source))
            for target in group:
                if target != source and (source, target) not in (("s4", "u4"),):
                    case.output(case.op(with_type(x.shape, target), "bitcast-convert", x))
    return case


def bitcast_widths():
    case = Case(
        "convert", "bitcast_widths", "bitcast-convert splits the last dimension off, or takes it in, lowest bits first"
    )
    pairs = [
        ("s32", "u8"),
        ("f32", "s16"),
        ("f32", "bf16"),
        ("f64", "f32"),
        ("u64", "u8"),
        ("u16", "s8"),
        ("s64", "u32"),
    ]
    pairs += [("u8", "u4"), ("s8", "s4"), ("u32", "u4")]
    for wide, narrow in pairs:
        bits_wide, bits_narrow = (
            int("".join(c for c in t[1:] if c.isdigit()) if t != "bf16" else 16) for t in (wide, narrow)
        )
        values = case.random.integers(0, 256, (2, 3, 16), dtype=np.uint8).view(DTYPES[wide])
        values = np.ascontiguousarray(values)
        x = case.parameter(values)
        shape = f"{narrow}[{','.join(map(str, values.shape))},{bits_wide // bits_narrow}]"
        split = case.output(case.op(shape, "bitcast-convert", x))
        case.output(case.op(x.shape, "bitcast-convert", split))
    return case


def cases():
    for t in REALS:
        yield convert(t)
    for t in COMPLEXES:
        yield convert_complex(t)
    yield convert_to_powers()
    yield bitcast_same_width()
    yield bitcast_widths()
