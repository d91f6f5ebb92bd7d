"""Golden cases: dot, ragged-dot and convolution.

The operands are small integers, so that every order of summation gives the same exact result.
"""

from hlo_case import Case
from xla_cpu import DTYPES


def small(case, element_type, dims):
    if element_type == "pred":
        return case.random.integers(0, 2, dims).astype(bool)
    low = 0 if element_type[0] == "u" else -3
    values = case.random.integers(low, 4, dims)
    if element_type in ("c64", "c128"):
        values = values + 1j * case.random.integers(low, 4, dims)
    return values.astype(DTYPES[element_type])


# ---- dot ----

# name, lhs, rhs, lhs batch, lhs contracting, rhs batch, rhs contracting dimensions
DOTS = [
    ("matmul", (5, 7), (7, 3), [], [1], [], [0]),
    ("matmul_transposed", (7, 5), (3, 7), [], [0], [], [1]),
    ("vectors", (9,), (9,), [], [0], [], [0]),
    ("matrix_vector", (4, 6), (6,), [], [1], [], [0]),
    ("vector_matrix", (6,), (6, 4), [], [0], [], [0]),
    ("outer", (3,), (4,), [], [], [], []),
    ("scalars", (), (), [], [], [], []),
    ("batch", (3, 4, 5), (3, 5, 2), [0], [2], [0], [1]),
    ("batch_last", (4, 5, 3), (5, 2, 3), [2], [1], [2], [0]),
    ("two_batches_crossed", (2, 3, 4, 5), (3, 5, 2, 6), [0, 1], [3], [2, 0], [1]),
    ("two_contracting", (4, 5, 6), (6, 3, 5), [], [1, 2], [], [2, 0]),
    ("batch_and_two_contracting", (2, 4, 3, 5), (5, 2, 6, 3), [0], [2, 3], [1], [3, 0]),
    ("contract_all", (4, 5), (5, 4), [], [0, 1], [], [1, 0]),
    ("only_batch", (4, 3), (4, 3), [0, 1], [], [0, 1], []),
    ("moe_dispatch", (2, 3, 4, 2), (2, 3, 5), [0], [1], [0], [1]),
    ("empty_contraction", (3, 0), (0, 4), [], [1], [], [0]),
    ("empty_result", (0, 3), (3, 4), [], [1], [], [0]),
]
# lhs, rhs, result
DOT_TYPES = [
    ("f32", "f32", "f32"),
    ("f64", "f64", "f64"),
    ("bf16", "bf16", "bf16"),
    ("f16", "f16", "f16"),
    ("bf16", "bf16", "f32"),
    ("f16", "f16", "f32"),
    ("c64", "c64", "c64"),
    ("c128", "c128", "c128"),
    ("s8", "s8", "s8"),
    ("s8", "s8", "s32"),
    ("u8", "u8", "u8"),
    ("u8", "u8", "s32"),
    ("s16", "s16", "s16"),
    ("s32", "s32", "s32"),
    ("u32", "u32", "u32"),
    ("s64", "s64", "s64"),
    ("u64", "u64", "u64"),
    ("pred", "pred", "pred"),
    ("bf16", "f32", "f32"),
    ("f16", "bf16", "f32"),
    ("f32", "f32", "bf16"),
    ("f32", "f32", "f64"),
    ("c64", "f32", "c64"),
    ("s8", "u8", "s32"),
    ("s16", "s16", "s32"),
    ("s32", "s32", "f32"),
    ("f8e4m3fn", "f8e5m2", "f32"),
    ("f8e4m3fn", "f8e4m3fn", "f8e4m3fn"),
    ("f8e5m2", "f8e5m2", "bf16"),
]


def dims_text(dims):
    return "{" + ",".join(map(str, dims)) + "}"


def dot_dims(lhs, rhs, lhs_batch, lhs_contract, rhs_batch, rhs_contract):
    lhs_free = [d for i, d in enumerate(lhs) if i not in lhs_batch + lhs_contract]
    rhs_free = [d for i, d in enumerate(rhs) if i not in rhs_batch + rhs_contract]
    return [lhs[i] for i in lhs_batch] + lhs_free + rhs_free


def dot_attributes(lhs_batch, lhs_contract, rhs_batch, rhs_contract):
    named = [("lhs_batch_dims", lhs_batch), ("lhs_contracting_dims", lhs_contract)]
    named += [("rhs_batch_dims", rhs_batch), ("rhs_contracting_dims", rhs_contract)]
    return ", ".join(f"{name}={dims_text(dims)}" for name, dims in named if dims or "contract" in name)


def add_dot(case, types, lhs, rhs, dimension_numbers, tolerance=None):
    x = case.parameter(small(case, types[0], lhs))
    y = case.parameter(small(case, types[1], rhs))
    dims = ",".join(map(str, dot_dims(lhs, rhs, *dimension_numbers)))
    result = case.op(f"{types[2]}[{dims}]", "dot", x, y, attributes=dot_attributes(*dimension_numbers))
    return case.output(result, tolerance)


def dot_dimension_numbers():
    for name, lhs, rhs, *dimension_numbers in DOTS:
        case = Case("dot", name, f"dot of {list(lhs)} and {list(rhs)}: {dot_attributes(*dimension_numbers)}", "0 ulp")
        add_dot(case, ("f32",) * 3, lhs, rhs, dimension_numbers)
        yield case


def dot_types():
    for types in DOT_TYPES:
        name = "_".join(types)
        case = Case("dot", f"types_{name}", f"dot of {types[0]} and {types[1]} to {types[2]}", "0 ulp")
        add_dot(case, types, (4, 6), (6, 3), ([], [1], [], [0]))
        add_dot(case, types, (2, 3, 5), (2, 5, 4), ([0], [2], [0], [1]))
        yield case


def dot_rounding():
    case = Case(
        "dot", "rounding", "dot of random numbers; bf16 and f16 are summed in f32 and rounded once", "2e-6 of maximum"
    )
    for t, tolerance in (("f32", "2e-6 of maximum"), ("bf16", "1 ulp"), ("f16", "1 ulp"), ("f64", "1e-14 of maximum")):
        x = case.parameter(case.random.uniform(0.5, 1.5, (6, 40)).astype(DTYPES[t]))
        y = case.parameter(case.random.uniform(0.5, 1.5, (40, 5)).astype(DTYPES[t]))
        result = case.op(f"{t}[6,5]", "dot", x, y, attributes="lhs_contracting_dims={1}, rhs_contracting_dims={0}")
        case.output(result, tolerance)
    return case


def dot_overflow():
    case = Case("dot", "integer_overflow", "dot of integers wraps")
    for t in ("s32", "u32", "s64", "u8", "s8"):
        info = DTYPES[t]
        values = [case.random.integers(0, 256, (3, 4 * info.itemsize), dtype="uint8").view(info) for _ in range(2)]
        x, y = (case.parameter(v) for v in values)
        attributes = "lhs_contracting_dims={1}, rhs_contracting_dims={1}"
        case.output(case.op(f"{t}[3,3]", "dot", x, y, attributes=attributes))
    return case


# ---- convolution ----


class Convolution:
    """A convolution's sizes: `labels` as in dim_labels, input and kernel sizes in the order of the labels."""

    def __init__(self, name, labels, input_dims, kernel_dims, window="", groups=(1, 1), types=("f32",) * 3):
        self.name = name
        self.labels = labels
        self.input_dims = input_dims
        self.kernel_dims = kernel_dims
        self.window = dict(part.split("=") for part in window.split())
        self.groups = groups
        self.types = types

    def spatial(self, key, default):
        rank = len(self.input_dims) - 2
        if key not in self.window:
            return [default] * rank
        return [tuple(map(int, p.split("_"))) if "_" in p else int(p) for p in self.window[key].split("x")]

    def output_dims(self):
        input_labels, rest = self.labels.split("_")
        kernel_labels, output_labels = rest.split("->")
        sizes = {"b": self.input_dims[input_labels.index("b")] // self.groups[1]}
        sizes["f"] = self.kernel_dims[kernel_labels.index("o")]
        rank = len(self.input_dims) - 2
        strides, pads = self.spatial("stride", 1), self.spatial("pad", (0, 0))
        bases, dilations = self.spatial("lhs_dilate", 1), self.spatial("rhs_dilate", 1)
        for i in range(rank):
            size = self.input_dims[input_labels.index(str(i))]
            kernel = self.kernel_dims[kernel_labels.index(str(i))]
            padded = (size - 1) * bases[i] + 1 + sum(pads[i]) if size else sum(pads[i])
            window = (kernel - 1) * dilations[i] + 1
            sizes[str(i)] = max(0, (padded - window) // strides[i] + 1)
        return [sizes[c] for c in output_labels]

    def attributes(self):
        kernel_labels = self.labels.split("_")[1].split("->")[0]
        rank = len(self.kernel_dims) - 2
        sizes = [self.kernel_dims[kernel_labels.index(str(i))] for i in range(rank)]
        parts = [f"size={'x'.join(map(str, sizes))}"] + [f"{k}={v}" for k, v in self.window.items()]
        text = f"window={{{' '.join(parts)}}}, " if rank else ""
        text += f"dim_labels={self.labels}"
        if self.groups[0] > 1:
            text += f", feature_group_count={self.groups[0]}"
        if self.groups[1] > 1:
            text += f", batch_group_count={self.groups[1]}"
        return text

    def case(self):
        case = Case("convolution", self.name, f"convolution with {self.attributes()}", "0 ulp")
        x = case.parameter(small(case, self.types[0], self.input_dims))
        kernel = case.parameter(small(case, self.types[1], self.kernel_dims))
        shape = f"{self.types[2]}[{','.join(map(str, self.output_dims()))}]"
        case.output(case.op(shape, "convolution", x, kernel, attributes=self.attributes()))
        return case


NHWC = "b01f_01io->b01f"
CONVOLUTIONS = [
    Convolution("plain", NHWC, (2, 6, 7, 3), (3, 3, 3, 4)),
    Convolution("same_padding", NHWC, (2, 5, 6, 2), (3, 3, 2, 3), "pad=1_1x1_1"),
    Convolution("uneven_padding", NHWC, (1, 5, 6, 2), (2, 3, 2, 3), "pad=0_2x3_1"),
    Convolution("negative_padding", NHWC, (1, 7, 8, 2), (2, 3, 2, 3), "pad=-1_0x1_-2"),
    Convolution("strides", NHWC, (2, 9, 8, 3), (3, 2, 3, 4), "stride=2x3 pad=1_1x0_1"),
    Convolution("window_dilation", NHWC, (1, 9, 9, 2), (3, 2, 2, 3), "rhs_dilate=2x3"),
    Convolution("base_dilation", NHWC, (1, 4, 5, 2), (3, 3, 2, 3), "pad=2_2x1_1 lhs_dilate=2x3"),
    Convolution(
        "both_dilations", NHWC, (1, 4, 5, 2), (2, 3, 2, 3), "stride=2x1 pad=1_2x3_0 lhs_dilate=3x2 rhs_dilate=2x2"
    ),
    Convolution("reversal", NHWC, (1, 6, 6, 2), (3, 2, 2, 3), "pad=1_0x0_1 rhs_reversal=1x1"),
    Convolution("reversal_of_one", NHWC, (1, 6, 6, 2), (3, 2, 2, 3), "stride=1x2 rhs_reversal=0x1"),
    Convolution("base_dilation_negative_padding", NHWC, (1, 4, 5, 2), (2, 2, 2, 3), "pad=-1_-1x-2_1 lhs_dilate=2x3"),
    Convolution("nchw", "bf01_oi01->bf01", (2, 3, 6, 5), (4, 3, 3, 2), "pad=1_1x0_0"),
    Convolution("mixed_labels", "0bf1_o1i0->1f0b", (6, 2, 3, 5), (4, 2, 3, 3)),
    Convolution("swapped_spatial", "b10f_01io->bf01", (2, 5, 6, 3), (3, 2, 3, 4), "stride=2x1 pad=1_1x0_0"),
    Convolution("feature_groups", NHWC, (2, 5, 5, 6), (3, 3, 2, 9), "pad=1_1x1_1", (3, 1)),
    Convolution("depthwise", NHWC, (2, 5, 6, 4), (3, 3, 1, 8), "stride=2x2 pad=1_1x1_1", (4, 1)),
    Convolution("batch_groups", NHWC, (6, 5, 5, 2), (3, 3, 2, 9), "pad=1_1x1_1", (1, 3)),
    Convolution("batch_groups_nchw", "fb01_io01->bf01", (2, 4, 6, 6), (2, 4, 5, 5), "pad=0_1x0_1", (1, 2)),
    Convolution("one_dimension", "b0f_0io->b0f", (2, 9, 3), (4, 3, 2), "stride=2 pad=2_1 rhs_dilate=2"),
    Convolution("causal", "b0f_0io->b0f", (2, 7, 4), (3, 1, 4), "pad=2_0", (4, 1)),
    Convolution(
        "three_dimensions", "b012f_012io->b012f", (1, 4, 5, 4, 2), (2, 3, 2, 2, 3), "stride=1x2x1 pad=0_1x1_1x1_0"
    ),
    Convolution("no_dimensions", "bf_io->bf", (3, 4), (4, 5)),
    Convolution("weight_gradient", "f01b_i01o->01bf", (3, 6, 6, 2), (3, 4, 4, 5), "pad=0_0x0_0"),
    Convolution(
        "input_gradient", "b01f_01oi->b01f", (2, 3, 3, 4), (3, 3, 5, 4), "pad=2_2x2_2 lhs_dilate=2x2 rhs_reversal=1x1"
    ),
    Convolution("kernel_of_one", NHWC, (2, 4, 4, 3), (1, 1, 3, 5), "stride=2x2"),
    Convolution("empty_window", NHWC, (1, 2, 2, 2), (3, 3, 2, 3)),
    Convolution("empty_batch", NHWC, (0, 4, 4, 2), (3, 3, 2, 3)),
    Convolution("types_f64", NHWC, (1, 5, 5, 2), (3, 3, 2, 3), "pad=1_1x1_1", types=("f64",) * 3),
    Convolution("types_bf16", NHWC, (1, 5, 5, 2), (3, 3, 2, 3), "pad=1_1x1_1", types=("bf16",) * 3),
    Convolution("types_f16", NHWC, (1, 5, 5, 2), (3, 3, 2, 3), "pad=1_1x1_1", types=("f16",) * 3),
    Convolution("types_bf16_to_f32", NHWC, (1, 5, 5, 2), (3, 3, 2, 3), "pad=1_1x1_1", types=("bf16", "bf16", "f32")),
    Convolution("types_s32", NHWC, (1, 5, 5, 2), (3, 3, 2, 3), "pad=1_1x1_1", types=("s32",) * 3),
    Convolution("types_s8_to_s32", NHWC, (1, 5, 5, 2), (3, 3, 2, 3), "pad=1_1x1_1", types=("s8", "s8", "s32")),
    Convolution("types_c64", NHWC, (1, 5, 5, 2), (3, 3, 2, 3), "pad=1_1x1_1", types=("c64",) * 3),
]


def cases():
    yield from dot_dimension_numbers()
    yield from dot_types()
    yield dot_rounding()
    yield dot_overflow()
    yield from (c.case() for c in CONVOLUTIONS)
