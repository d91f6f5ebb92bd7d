"""Golden cases: reduce, reduce-window, select-and-scatter, map, sort, topk, scan."""

import numpy as np

import edge_values
from golden_movement import dims_text, shape
from hlo_case import Case
from xla_cpu import DTYPES


def small(case, element_type, dims):
    """Integers whose sums and products are exact in every type."""
    low = 0 if element_type[0] in "up" else -2
    values = case.random.integers(low, 3, dims)
    if element_type in ("c64", "c128"):
        values = values + 1j * case.random.integers(low, 3, dims)
    return values.astype(DTYPES[element_type])


def neutral(opcode, element_type):
    dtype = DTYPES[element_type]
    if opcode in ("maximum", "minimum"):
        sign = -1 if opcode == "maximum" else 1
        if element_type in edge_values.INTEGERS:
            info = np.iinfo(dtype)
            return np.array(info.min if sign < 0 else info.max, dtype)
        return np.array(sign * np.inf, dtype)
    if opcode == "and":
        return np.array(True) if element_type == "pred" else np.array(-1, np.int64).astype(dtype)
    return np.array(1 if opcode == "multiply" else 0, dtype)


# ---- reduce ----


def reduce_dimensions():
    case = Case("reduce", "dimensions", "sums over every set of dimensions, empty ones too", "0 ulp")
    x = case.parameter(small(case, "f32", (2, 3, 4)))
    zero = case.parameter(np.float32(0))
    add = case.reducer("add", "f32")
    for over in ([0], [1], [2], [0, 1], [0, 2], [2, 1], [0, 1, 2], []):
        dims = [d for i, d in enumerate(x.dims) if i not in over]
        attributes = f"dimensions={dims_text(over)}, to_apply={add}"
        case.output(case.op(shape("f32", dims), "reduce", x, zero, attributes=attributes))
    start = case.parameter(np.float32(7))
    empty = case.parameter(np.zeros((3, 0), np.float32))
    case.output(case.op("f32[3]", "reduce", empty, start, attributes=f"dimensions={{1}}, to_apply={add}"))
    case.output(case.op("f32[0]", "reduce", empty, start, attributes=f"dimensions={{0}}, to_apply={add}"))
    case.output(case.op("f32[2,4]", "reduce", x, start, attributes=f"dimensions={{1}}, to_apply={add}"))
    return case


def reduce_reducers(element_type):
    case = Case("reduce", f"reducers_{element_type}", f"every usual reducer of {element_type}", "0 ulp")
    if element_type == "pred":
        opcodes = ["and", "or", "xor", "maximum", "minimum"]
    elif element_type in edge_values.INTEGERS:
        opcodes = ["add", "multiply", "maximum", "minimum", "and", "or", "xor"]
    elif element_type in edge_values.COMPLEXES:
        opcodes = ["add", "multiply"]
    else:
        opcodes = ["add", "multiply", "maximum", "minimum"]
    for opcode in opcodes:
        x = case.parameter(small(case, element_type, (4, 6)))
        init = case.parameter(neutral(opcode, element_type))
        attributes = f"dimensions={{1}}, to_apply={case.reducer(opcode, element_type)}"
        case.output(case.op(shape(element_type, (4,)), "reduce", x, init, attributes=attributes))
    return case


def reduce_nan():
    case = Case("reduce", "nan", "NaN and infinities pass through maximum, minimum and sums")
    rows = [
        [1, np.nan, 3],
        [np.nan, 1, 2],
        [-np.inf, np.inf, 0],
        [np.inf, np.inf, 1],
        [1, 2, np.nan],
        [-np.inf, -3, -4],
    ]
    for t in ("f32", "f64", "bf16", "f16"):
        x = case.parameter(np.array(rows).astype(DTYPES[t]))
        for opcode in ("maximum", "minimum", "add", "multiply"):
            init = case.parameter(neutral(opcode, t))
            attributes = f"dimensions={{1}}, to_apply={case.reducer(opcode, t)}"
            case.output(case.op(shape(t, (6,)), "reduce", x, init, attributes=attributes))
    return case


ARGMAX = """best = f32[] parameter(0)
  best_at = s32[] parameter(1)
  x = f32[] parameter(2)
  x_at = s32[] parameter(3)
  larger = pred[] compare(best, x), direction=GT
  is_nan = pred[] compare(best, best), direction=NE
  keep = pred[] or(larger, is_nan)
  equal = pred[] compare(best, x), direction=EQ
  before = pred[] compare(best_at, x_at), direction=LT
  tie = pred[] and(equal, before)
  keep_at = pred[] or(keep, tie)
  value = f32[] select(keep, best, x)
  at = s32[] select(keep_at, best_at, x_at)
  ROOT both = (f32[], s32[]) tuple(value, at)"""


def reduce_argmax():
    case = Case("reduce", "argmax", "a reduce of two operands: the largest element and where it stands")
    case.computation("argmax", ARGMAX)
    values = case.random.integers(0, 6, (5, 8)).astype(np.float32)
    values[2, 3] = np.nan
    x = case.parameter(values)
    at = case.op("s32[5,8]", "iota", attributes="iota_dimension=1")
    low, zero = case.parameter(np.float32(-np.inf)), case.parameter(np.int32(0))
    attributes = "dimensions={1}, to_apply=argmax"
    both = case.op("(f32[5], s32[5])", "reduce", x, at, low, zero, attributes=attributes)
    case.outputs_of(both, ("f32[5]", "s32[5]"))
    attributes = "dimensions={0,1}, to_apply=argmax"
    both = case.op("(f32[], s32[])", "reduce", x, at, low, zero, attributes=attributes)
    case.outputs_of(both, ("f32[]", "s32[]"))
    return case


def reduce_mixed_precision():
    case = Case(
        "reduce",
        "rounding",
        "sums of many numbers; narrow sums are taken in f32 by the program itself",
        "1e-6 of maximum",
    )
    x = case.parameter(case.random.uniform(0, 1, (3, 400)).astype(np.float32))
    zero = case.parameter(np.float32(0))
    case.output(
        case.op("f32[3]", "reduce", x, zero, attributes=f"dimensions={{1}}, to_apply={case.reducer('add', 'f32')}")
    )
    narrow = case.parameter(case.random.uniform(0, 1, (3, 400)).astype(DTYPES["bf16"]))
    wide = case.op("f32[3,400]", "convert", narrow)
    total = case.op(
        "f32[3]", "reduce", wide, zero, attributes=f"dimensions={{1}}, to_apply={case.reducer('add', 'f32')}"
    )
    case.output(case.op("bf16[3]", "convert", total), "1 ulp")
    return case


def reduce_general():
    case = Case("reduce", "general", "a reducer that is no single op: x + 2y, from the first element to the last")
    case.computation(
        "shifted_sum",
        "a = s32[] parameter(0); b = s32[] parameter(1); two = s32[] constant(2); c = s32[] multiply(b, two); "
        "ROOT r = s32[] add(a, c)",
    )
    x = case.parameter(case.random.integers(-9, 9, (4, 5)).astype(np.int32))
    zero = case.parameter(np.int32(3))
    for over, dims in (([0], (5,)), ([1], (4,))):
        attributes = f"dimensions={dims_text(over)}, to_apply=shifted_sum"
        case.output(case.op(shape("s32", dims), "reduce", x, zero, attributes=attributes))
    return case


# ---- reduce-window ----

# name, dims, window
WINDOWS = [
    ("pool", (1, 6, 6, 2), "size=1x2x2x1 stride=1x2x2x1"),
    ("overlap", (7, 8), "size=3x2 stride=2x1"),
    ("padding", (5, 6), "size=3x3 pad=1_1x0_2"),
    ("negative_padding", (7, 8), "size=2x3 pad=-1_0x0_-2"),
    ("window_dilation", (9, 8), "size=3x2 rhs_dilate=2x3"),
    ("base_dilation", (4, 5), "size=2x3 pad=1_0x1_1 lhs_dilate=3x2"),
    ("all", (5, 6), "size=2x3 stride=2x1 pad=2_1x1_3 lhs_dilate=2x3 rhs_dilate=3x2"),
    ("cumulative", (3, 7), "size=1x7 pad=0_0x6_0"),
    ("cumulative_backwards", (3, 7), "size=1x7 pad=0_0x0_6"),
    ("whole", (4, 5), "size=4x5"),
    ("empty", (2, 3), "size=3x1"),
    ("one_element", (3, 3), "size=1x1"),
    ("three_dimensions", (3, 4, 5), "size=2x2x3 stride=1x2x2 pad=1_0x0_1x1_1"),
]


def window_dims(dims, window):
    """The sizes of the result of a reduce-window."""
    parts = dict(part.split("=") for part in window.split())
    numbers = lambda key: [int(v) for v in parts[key].split("x")] if key in parts else [1] * len(dims)
    pads = [tuple(map(int, p.split("_"))) for p in parts["pad"].split("x")] if "pad" in parts else [(0, 0)] * len(dims)
    result = []
    for i, size in enumerate(dims):
        padded = (size - 1) * numbers("lhs_dilate")[i] + 1 + sum(pads[i]) if size else sum(pads[i])
        extent = (numbers("size")[i] - 1) * numbers("rhs_dilate")[i] + 1
        result.append(max(0, (padded - extent) // numbers("stride")[i] + 1))
    return result


def reduce_windows():
    for name, dims, window in WINDOWS:
        case = Case("reduce_window", name, f"reduce-window with window={{{window}}}", "0 ulp")
        for t, opcode in (("f32", "add"), ("f32", "maximum"), ("s32", "minimum"), ("s32", "add")):
            x = case.parameter(case.random.integers(-20, 20, dims).astype(DTYPES[t]))
            init = case.parameter(neutral(opcode, t))
            attributes = f"window={{{window}}}, to_apply={case.reducer(opcode, t)}"
            case.output(case.op(shape(t, window_dims(dims, window)), "reduce-window", x, init, attributes=attributes))
        yield case
    case = Case("reduce_window", "types", "reduce-window of many types; the initial value is not neutral", "0 ulp")
    for t in ("f64", "bf16", "f16", "u8", "s8", "u32", "s64", "c64"):
        x = case.parameter(small(case, t, (5, 6)))
        init = case.parameter(np.array(1, DTYPES[t]))
        attributes = f"window={{size=2x3 stride=1x2 pad=0_0x1_1}}, to_apply={case.reducer('add', t)}"
        case.output(case.op(shape(t, (4, 3)), "reduce-window", x, init, attributes=attributes))
    yield case
    case = Case("reduce_window", "variadic", "reduce-window of two operands: the largest element and where it stands")
    case.computation("argmax", ARGMAX)
    x = case.parameter(case.random.permutation(48).reshape(6, 8).astype(np.float32))
    at = case.op("s32[6,8]", "iota", attributes="iota_dimension=1")
    low, zero = case.parameter(np.float32(-np.inf)), case.parameter(np.int32(0))
    attributes = "window={size=2x3 stride=2x2 pad=0_0x1_0}, to_apply=argmax"
    both = case.op("(f32[3,4], s32[3,4])", "reduce-window", x, at, low, zero, attributes=attributes)
    case.outputs_of(both, ("f32[3,4]", "s32[3,4]"))
    yield case


def select_and_scatters():
    rows = [
        ("pool", (6, 8), "size=2x2 stride=2x2"),
        ("overlap", (7, 7), "size=3x3 stride=2x2"),
        ("padding", (5, 6), "size=2x3 stride=2x2 pad=1_0x1_1"),
        ("images", (2, 6, 6, 2), "size=1x3x3x1 stride=1x2x2x1 pad=0_0x0_1x1_0x0_0"),
    ]
    for name, dims, window in rows:
        about = f"select-and-scatter with window={{{window}}}; among equals the first of the window is selected"
        case = Case("select_and_scatter", name, about, "0 ulp")
        for t, direction in (("f32", "GE"), ("f32", "LE"), ("s32", "GE"), ("bf16", "GE")):
            select = case.computation(
                f"{direction.lower()}_{t}",
                f"a = {t}[] parameter(0); b = {t}[] parameter(1); ROOT r = pred[] compare(a, b), direction={direction}",
            )
            x = case.parameter(case.random.integers(-4, 5, dims).astype(DTYPES[t]))
            source = case.parameter(case.random.integers(1, 5, window_dims(dims, window)).astype(DTYPES[t]))
            init = case.parameter(np.array(0, DTYPES[t]))
            attributes = f"window={{{window}}}, select={select}, scatter={case.reducer('add', t)}"
            case.output(case.op(x.shape, "select-and-scatter", x, source, init, attributes=attributes))
        yield case


# ---- sort, topk, map ----


def comparator(case, types, direction="LT", kind=""):
    """Orders by the first operand alone."""
    lines, name = [], f"{direction.lower()}_{'_'.join(types)}{kind.lower()}"
    for i, t in enumerate(types):
        lines += [f"a{i} = {t}[] parameter({2 * i})", f"b{i} = {t}[] parameter({2 * i + 1})"]
    tail = f", type={kind}" if kind else ""
    lines.append(f"ROOT r = pred[] compare(a0, b0), direction={direction}{tail}")
    return case.computation(name, "; ".join(lines))


def sorts():
    case = Case("sort", "one_operand", "sorts of every type, along either dimension")
    for t in ("f32", "f64", "bf16", "f16", "s8", "s32", "s64", "u8", "u32", "u64"):
        x = case.parameter(case.random.permutation(100)[:30].reshape(5, 6).astype(DTYPES[t]))
        for direction in ("LT", "GT"):
            for dimension in (0, 1):
                attributes = f"dimensions={{{dimension}}}, to_apply={comparator(case, [t], direction)}"
                case.output(case.op(x.shape, "sort", x, attributes=attributes))
    yield case
    case = Case("sort", "total_order", "a sort by total order: -NaN, -inf, ..., -0, 0, ..., inf, NaN")
    for t in ("f32", "f64", "bf16", "f16"):
        values = edge_values.floats(t)
        x = case.parameter(case.random.permutation(values))
        attributes = f"dimensions={{0}}, to_apply={comparator(case, [t], 'LT', 'TOTALORDER')}"
        case.output(case.op(x.shape, "sort", x, attributes=attributes))
    yield case
    case = Case("sort", "stable", "a stable sort keeps equal keys in order, whatever goes with them")
    keys = case.parameter(case.random.integers(0, 5, (3, 20)).astype(np.int32))
    at = case.op("s32[3,20]", "iota", attributes="iota_dimension=1")
    floats = case.parameter(case.random.normal(size=(3, 20)).astype(np.float32))
    attributes = f"dimensions={{1}}, is_stable=true, to_apply={comparator(case, ['s32', 's32', 'f32'])}"
    shapes = ("s32[3,20]", "s32[3,20]", "f32[3,20]")
    case.outputs_of(case.op(f"({', '.join(shapes)})", "sort", keys, at, floats, attributes=attributes), shapes)
    yield case
    case = Case("sort", "two_keys", "a comparator of two keys: ascending the first, descending the second")
    case.computation(
        "two_keys",
        """a0 = s32[] parameter(0)
  b0 = s32[] parameter(1)
  a1 = f32[] parameter(2)
  b1 = f32[] parameter(3)
  first = pred[] compare(a0, b0), direction=LT
  equal = pred[] compare(a0, b0), direction=EQ
  second = pred[] compare(a1, b1), direction=GT
  tie = pred[] and(equal, second)
  ROOT r = pred[] or(first, tie)""",
    )
    keys = case.parameter(case.random.integers(0, 4, (15,)).astype(np.int32))
    floats = case.parameter(case.random.permutation(15).astype(np.float32))
    sorted_both = case.op("(s32[15], f32[15])", "sort", keys, floats, attributes="dimensions={0}, to_apply=two_keys")
    case.outputs_of(sorted_both, ("s32[15]", "f32[15]"))
    yield case
    case = Case("sort", "sizes", "sorts of nothing, of one element and of many")
    for dims, dimension in (((0,), 0), ((1,), 0), ((3, 0), 1), ((0, 3), 1), ((2, 1), 1), ((300,), 0), ((2, 3, 4), 1)):
        values = case.random.permutation(int(np.prod(dims))).reshape(dims).astype(np.int32)
        x = case.parameter(values)
        attributes = f"dimensions={{{dimension}}}, to_apply={comparator(case, ['s32'])}"
        case.output(case.op(x.shape, "sort", x, attributes=attributes))
    yield case


def topks():
    case = Case("sort", "topk", "topk: the largest elements of each row and where they stand")
    x = case.parameter(case.random.permutation(60).reshape(3, 20).astype(np.float32))
    ties = case.parameter(case.random.integers(0, 4, (2, 12)).astype(np.float32))
    row = case.parameter(case.random.permutation(9).astype(np.int32))
    for value, k in ((x, 1), (x, 5), (x, 20), (ties, 7), (row, 4)):
        shapes = [shape(t, value.dims[:-1] + (k,)) for t in (value.type, "s32")]
        both = case.op(f"({', '.join(shapes)})", "topk", value, attributes=f"k={k}, largest=true")
        case.outputs_of(both, shapes)
    return case


def topk_custom_call():
    case = Case("sort", "topk_custom_call", "the custom call TopK: values and where they stand, ties in order")
    x = case.parameter(case.random.permutation(60).reshape(3, 20).astype(np.float32))
    ties = case.parameter(case.random.integers(0, 4, (2, 12)).astype(np.float32))
    for value, k in ((x, 1), (x, 6), (ties, 7)):
        shapes = [shape(t, value.dims[:-1] + (k,)) for t in (value.type, "s32")]
        attributes = 'custom_call_target="TopK", called_computations={' + comparator(case, ["f32", "s32"], "GT") + "}"
        case.outputs_of(case.op(f"({', '.join(shapes)})", "custom-call", value, attributes=attributes), shapes)
    return case


def maps():
    case = Case("map", "map", "map of computations of one and two operands")
    case.computation(
        "polynomial",
        "x = f32[] parameter(0); y = f32[] parameter(1); c = f32[] constant(3); xx = f32[] multiply(x, x); "
        "cy = f32[] multiply(c, y); ROOT r = f32[] subtract(xx, cy)",
    )
    case.computation("double", "x = s32[] parameter(0); ROOT r = s32[] add(x, x)")
    case.computation(
        "is_odd",
        "x = s32[] parameter(0); one = s32[] constant(1); b = s32[] and(x, one); "
        "ROOT r = pred[] compare(b, one), direction=EQ",
    )
    x, y = (case.parameter(case.random.integers(-9, 9, (3, 4)).astype(np.float32)) for _ in range(2))
    n = case.parameter(case.random.integers(-99, 99, (7,)).astype(np.int32))
    case.output(case.op("f32[3,4]", "map", x, y, attributes="dimensions={0,1}, to_apply=polynomial"))
    case.output(case.op("s32[7]", "map", n, attributes="dimensions={0}, to_apply=double"))
    case.output(case.op("pred[7]", "map", n, attributes="dimensions={0}, to_apply=is_odd"))
    return case


def cases():
    yield reduce_dimensions()
    for t in ("pred", *edge_values.INTEGERS, *edge_values.FLOATS, *edge_values.COMPLEXES):
        yield reduce_reducers(t)
    yield from (reduce_nan(), reduce_argmax(), reduce_mixed_precision(), reduce_general())
    yield from reduce_windows()
    yield from select_and_scatters()
    yield from sorts()
    yield topks()
    yield topk_custom_call()
    yield maps()
