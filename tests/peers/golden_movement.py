"""Golden cases: ops that only move elements."""

import numpy as np

import edge_values
from hlo_case import Case, type_of, with_type
from xla_cpu import DTYPES

MOVED_TYPES = ["pred", "s4", "u4", "s8", "u16", "bf16", "f8e4m3fn", "f32", "s64", "c64", "c128"]
INDEX_TYPES = ["s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64"]


def dims_text(dims):
    return "{" + ",".join(map(str, dims)) + "}"


def shape(element_type, dims):
    return f"{element_type}[{','.join(map(str, dims))}]"


def numbered(dims, element_type="f32"):
    """1, 2, 3, ...: every element another one, and none of them zero."""
    return np.arange(1, 1 + int(np.prod(dims, dtype=int))).reshape(dims).astype(DTYPES[element_type])


# ---- static movement ----


def slices():
    case = Case("movement", "slice", "slices, strided and empty ones too")
    x = case.parameter(numbered((7, 9)))
    ranges = ["[0:7], [0:9]", "[1:4], [2:9]", "[0:7:2], [1:9:3]", "[3:3], [0:9]", "[6:7], [8:9:5]", "[0:7:7], [0:8:2]"]
    for text in ranges:
        dims = []
        for part in text.split(", "):
            start, limit, *stride = map(int, part.strip("[]").split(":"))
            dims.append(-(-(limit - start) // (stride[0] if stride else 1)))
        case.output(case.op(shape("f32", dims), "slice", x, attributes=f"slice={{{text}}}"))
    return case


def pads():
    case = Case("movement", "pad", "pads: low, high, interior, negative, and all of them at once")
    x = case.parameter(numbered((4, 5)))
    zero = case.parameter(np.float32(-7))
    for text in ("1_2x0_3", "0_0_1x1_1_2", "-1_0x0_-2", "-2_3_1x1_-4_2", "2_-1_2x-3_-3_1", "-2_-2x0_0", "-6_8_1x0_0"):
        dims = []
        for size, part in zip((4, 5), text.split("x")):
            low, high, *interior = map(int, part.split("_"))
            dims.append(low + high + size + (size - 1) * (interior[0] if interior else 0))
        case.output(case.op(shape("f32", dims), "pad", x, zero, attributes=f"padding={text}"))
    empty = case.parameter(np.zeros((0, 3), np.float32))
    case.output(case.op("f32[3,3]", "pad", empty, zero, attributes="padding=1_2_5x0_0"))
    return case


def reorderings():
    case = Case("movement", "reorder", "transpose, reverse, reshape, broadcast, concatenate and iota")
    x = case.parameter(numbered((2, 3, 4)))
    for order in ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]):
        dims = [x.dims[i] for i in order]
        case.output(case.op(shape("f32", dims), "transpose", x, attributes=f"dimensions={dims_text(order)}"))
    for reversed_dims in ([0], [1, 2], [2, 0], [0, 1, 2], []):
        case.output(case.op(x.shape, "reverse", x, attributes=f"dimensions={dims_text(reversed_dims)}"))
    for dims in ([24], [6, 4], [3, 8], [1, 24, 1], [2, 2, 2, 3]):
        case.output(case.op(shape("f32", dims), "reshape", x))
    row = case.parameter(numbered((3, 4)))
    for dims, mapping in (
        ([3, 4, 2], [0, 1]),
        ([5, 3, 4], [1, 2]),
        ([3, 2, 4], [0, 2]),
        ([4, 3], [1, 0]),
        ([0, 3, 4], [1, 2]),
    ):
        case.output(case.op(shape("f32", dims), "broadcast", row, attributes=f"dimensions={dims_text(mapping)}"))
    one = case.parameter(np.float32(2.5))
    case.output(case.op("f32[2,3]", "broadcast", one, attributes="dimensions={}"))
    parts = [
        x,
        case.parameter(numbered((2, 1, 4))),
        case.parameter(numbered((2, 0, 4))),
        case.parameter(numbered((2, 2, 4))),
    ]
    case.output(case.op("f32[2,6,4]", "concatenate", *parts, attributes="dimensions={1}"))
    case.output(case.op("f32[4,3,4]", "concatenate", x, x, attributes="dimensions={0}"))
    case.output(case.op("f32[2,3,4]", "concatenate", x, attributes="dimensions={2}"))
    return case


def iotas():
    case = Case("movement", "iota", "iota of every type; narrow types wrap or round")
    for t in (
        "s4",
        "u4",
        "s8",
        "u8",
        "s16",
        "u16",
        "s32",
        "u32",
        "s64",
        "u64",
        "bf16",
        "f16",
        "f32",
        "f64",
        "c64",
        "c128",
    ):
        size = {"s4": 8, "u4": 16, "s8": 100, "u8": 200}.get(t, 300)
        case.output(case.op(f"{t}[{size}]", "iota", attributes="iota_dimension=0"))
        case.output(case.op(f"{t}[2,3,4]", "iota", attributes="iota_dimension=1"))
    return case


def types():
    case = Case("movement", "types", "data movement of every width, parts of a byte too")
    for t in MOVED_TYPES:
        values = edge_values.values(t)
        if t in ("c64", "c128", "s64", "u16", "bf16", "f32"):
            values = values[np.isfinite(values.astype(np.complex128))]
        array = case.random.choice(values, (4, 6))
        x = case.parameter(array)
        fill = case.parameter(values[1])
        case.output(case.op(shape(t, (6, 4)), "transpose", x, attributes="dimensions={1,0}"))
        case.output(case.op(shape(t, (3, 3)), "slice", x, attributes="slice={[1:4], [0:6:2]}"))
        case.output(case.op(shape(t, (6, 11)), "pad", x, fill, attributes="padding=1_1x1_-1_1"))
        case.output(case.op(shape(t, (4, 6)), "reverse", x, attributes="dimensions={1}"))
        case.output(case.op(shape(t, (8, 6)), "concatenate", x, x, attributes="dimensions={0}"))
        case.output(case.op(shape(t, (3, 8)), "reshape", x))
        case.output(case.op(shape(t, (2, 4, 6)), "broadcast", x, attributes="dimensions={1,2}"))
        case.output(case.op(shape(t, (4, 6)), "copy", x))
    return case


# ---- dynamic slices ----


def index_values(element_type, size):
    info = np.iinfo(DTYPES[element_type])
    values = [0, 1, size - 1, size, size + 5, int(info.max)]
    if info.min < 0:
        values += [-1, -size, int(info.min)]
    return [np.array(v, dtype=DTYPES[element_type]) for v in values if info.min <= v <= info.max]


def dynamic_slices():
    for t in INDEX_TYPES:
        about = f"dynamic-slice and dynamic-update-slice move starts of {t} that would leave the array back into it"
        case = Case("movement", f"dynamic_slice_{t}", about)
        x = case.parameter(numbered((6, 7)))
        update = case.parameter(-numbered((2, 3)))
        starts = [case.parameter(v) for v in index_values(t, 6)]
        for i, start in enumerate(starts):
            pair = (start, starts[(i * 3 + 1) % len(starts)])
            case.output(case.op("f32[2,3]", "dynamic-slice", x, *pair, attributes="dynamic_slice_sizes={2,3}"))
            case.output(case.op("f32[6,7]", "dynamic-update-slice", x, update, *pair))
        yield case
    case = Case("movement", "dynamic_slice_whole", "slices as large as the array, and empty ones")
    x = case.parameter(numbered((3, 4)))
    start = case.parameter(np.int32(2))
    case.output(case.op("f32[3,4]", "dynamic-slice", x, start, start, attributes="dynamic_slice_sizes={3,4}"))
    case.output(case.op("f32[0,4]", "dynamic-slice", x, start, start, attributes="dynamic_slice_sizes={0,4}"))
    update = case.parameter(-numbered((3, 4)))
    case.output(case.op("f32[3,4]", "dynamic-update-slice", x, update, start, start))
    yield case


# ---- gather and scatter ----


class Indexing:
    """Dimension numbers of a gather, and of the scatter that undoes it.

    `offset` are the gather's offset_dims, `collapsed` its collapsed_slice_dims, `batching` pairs of operand and
    indices dimensions.
    """

    def __init__(self, name, operand, indices, vector_dim, index_map, slices, offset, collapsed=(), batching=()):
        self.name = name
        self.operand = operand
        self.indices = indices
        self.vector_dim = vector_dim
        self.index_map = index_map
        self.slices = slices
        self.offset = offset
        self.collapsed = collapsed
        self.batching = batching

    def result_dims(self):
        batch = [d for i, d in enumerate(self.indices) if i != self.vector_dim]
        operand_batching = [a for a, _ in self.batching]
        window = [d for i, d in enumerate(self.slices) if i not in self.collapsed and i not in operand_batching]
        rank = len(batch) + len(window)
        batch, window = iter(batch), iter(window)
        return [next(window) if i in self.offset else next(batch) for i in range(rank)]

    def random_indices(self, case, element_type):
        """Inside, at the edge, and outside of the operand."""
        values = np.zeros(self.indices, dtype=np.int64)
        vector_size = len(self.index_map)
        along = values.ndim > self.vector_dim
        for k in range(vector_size):
            size = self.operand[self.index_map[k]]
            low = -2 if edge_values.is_signed(element_type) else 0
            part = case.random.integers(
                low, size + 2, self.indices[: self.vector_dim] + self.indices[self.vector_dim + 1 :]
            )
            if along:
                values[(slice(None),) * self.vector_dim + (k,)] = part
            else:
                values = case.random.integers(low, size + 2, self.indices)
        return values.astype(DTYPES[element_type])

    def gather_attributes(self):
        named = [
            ("offset_dims", self.offset),
            ("collapsed_slice_dims", self.collapsed),
            ("start_index_map", self.index_map),
        ]
        if self.batching:
            named.append(("operand_batching_dims", [a for a, _ in self.batching]))
            named.append(("start_indices_batching_dims", [b for _, b in self.batching]))
        text = ", ".join(f"{name}={dims_text(dims)}" for name, dims in named)
        return f"{text}, index_vector_dim={self.vector_dim}, slice_sizes={dims_text(self.slices)}"

    def scatter_attributes(self):
        named = [("update_window_dims", self.offset), ("inserted_window_dims", self.collapsed)]
        named.append(("scatter_dims_to_operand_dims", self.index_map))
        if self.batching:
            named.append(("input_batching_dims", [a for a, _ in self.batching]))
            named.append(("scatter_indices_batching_dims", [b for _, b in self.batching]))
        return ", ".join(f"{name}={dims_text(dims)}" for name, dims in named) + f", index_vector_dim={self.vector_dim}"


INDEXINGS = [
    Indexing("rows", (7, 3), (5,), 1, (0,), (1, 3), (1,), (0,)),
    Indexing("rows_explicit_vector", (7, 3), (5, 1), 1, (0,), (1, 3), (1,), (0,)),
    Indexing("columns", (3, 7), (5,), 1, (1,), (3, 1), (0,), (1,)),
    Indexing("embedding_2d", (9, 4), (2, 3, 1), 2, (0,), (1, 4), (2,), (0,)),
    Indexing("elements", (5, 6), (7, 2), 1, (0, 1), (1, 1), (), (0, 1)),
    Indexing("elements_swapped", (5, 6), (7, 2), 1, (1, 0), (1, 1), (), (0, 1)),
    Indexing("vector_dim_first", (5, 6), (2, 7), 0, (0, 1), (1, 1), (), (0, 1)),
    Indexing("vector_dim_middle", (5, 6), (3, 2, 4), 1, (1, 0), (1, 2), (1,), (0,)),
    Indexing("windows", (6, 7), (4, 2), 1, (0, 1), (2, 3), (1, 2)),
    Indexing("windows_first", (6, 7), (4, 2), 1, (0, 1), (2, 3), (0, 1)),
    Indexing("windows_around", (6, 7), (4, 2), 1, (1, 0), (2, 3), (0, 2)),
    Indexing("one_window", (6, 7), (2,), 0, (0, 1), (3, 2), (0, 1)),
    Indexing("one_index", (6, 7), (), 0, (1,), (6, 2), (0, 1)),
    Indexing("middle_dimension", (3, 5, 4), (6,), 1, (1,), (2, 1, 4), (0, 2), (1,)),
    Indexing("window_of_part", (6, 5), (3, 1), 1, (0,), (2, 4), (1, 2)),
    Indexing("batching", (3, 5, 4), (3, 6, 1), 2, (1,), (1, 1, 4), (2,), (1,), ((0, 0),)),
    Indexing("batching_inner", (5, 3, 4), (6, 3), 2, (0,), (2, 1, 3), (0, 3), (), ((1, 1),)),
    Indexing("two_batchings", (2, 5, 3), (3, 4, 2, 1), 3, (1,), (1, 1, 1), (), (1,), ((0, 2), (2, 0))),
    Indexing("empty_indices", (5, 3), (0, 1), 1, (0,), (1, 3), (1,), (0,)),
    Indexing("empty_window", (5, 3), (4, 1), 1, (0,), (1, 0), (1,), (0,)),
]


def gathers():
    for indexing in INDEXINGS:
        case = Case("gather", indexing.name, "out-of-bounds starts are clamped so that the whole slice lies inside")
        x = case.parameter(numbered(indexing.operand))
        for t in ("s32", "u8", "s64"):
            indices = case.parameter(indexing.random_indices(case, t))
            result = shape("f32", indexing.result_dims())
            case.output(case.op(result, "gather", x, indices, attributes=indexing.gather_attributes()))
        yield case
    case = Case("gather", "types", "gather of every width")
    indexing = INDEXINGS[0]
    for t in MOVED_TYPES:
        values = edge_values.values(t)
        x = case.parameter(case.random.choice(values[values == values], indexing.operand))
        indices = case.parameter(indexing.random_indices(case, "s32"))
        result = shape(t, indexing.result_dims())
        case.output(case.op(result, "gather", x, indices, attributes=indexing.gather_attributes()))
    yield case
    case = Case("gather", "extreme_indices", "starts at the ends of the range of their type")
    x = case.parameter(numbered((5, 3)))
    for t in INDEX_TYPES:
        info = np.iinfo(DTYPES[t])
        indices = case.parameter(np.array([info.min, info.min + 1, 0, info.max // 2, info.max], DTYPES[t]))
        attributes = (
            "offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, slice_sizes={1,3}"
        )
        case.output(case.op("f32[5,3]", "gather", x, indices, attributes=attributes))
    yield case


def add_scatter(case, indexing, element_type, combiner, index_type="s32"):
    x = case.parameter(case.random.integers(1, 4, indexing.operand).astype(DTYPES[element_type]))
    indices = case.parameter(indexing.random_indices(case, index_type))
    updates = case.parameter(case.random.integers(1, 5, indexing.result_dims()).astype(DTYPES[element_type]))
    attributes = f"{indexing.scatter_attributes()}, to_apply={case.reducer(combiner, element_type)}"
    return case.output(case.op(x.shape, "scatter", x, indices, updates, attributes=attributes))


def scatters():
    for indexing in INDEXINGS:
        case = Case("scatter", indexing.name, "updates whose window would leave the operand are dropped whole")
        add_scatter(case, indexing, "f32", "add")
        add_scatter(case, indexing, "s32", "add", "u8")
        add_scatter(case, indexing, "s32", "maximum", "s64")
        yield case
    case = Case("scatter", "combiners", "scatter with every usual combiner")
    for t in ("s32", "f32", "u8", "s64"):
        for combiner in ("add", "multiply", "maximum", "minimum"):
            add_scatter(case, INDEXINGS[0], t, combiner)
    for t in ("pred", "s32"):
        for combiner in ("and", "or", "xor"):
            add_scatter(case, INDEXINGS[0], t, combiner)
    for t in ("bf16", "f16", "f64", "c64"):
        add_scatter(case, INDEXINGS[0], t, "add")
    yield case
    yield scatter_assignment()
    yield scatter_variadic()


def scatter_assignment():
    case = Case(
        "scatter", "assignment", "scatter that overwrites, at unique indices; and at equal ones with equal updates"
    )
    body = "old = {0}[] parameter(0); ROOT new = {0}[] parameter(1)"
    attributes = (
        "update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=1"
    )
    for t in ("f32", "s32", "bf16", "pred", "c64"):
        assign = case.computation(f"assign_{t}", body.format(t))
        values = edge_values.values(t)
        values = values[values == values]
        x = case.parameter(case.random.choice(values, (6, 3)))
        indices = case.parameter(np.array([4, 0, -1, 6, 2], np.int32))
        updates = case.parameter(case.random.choice(values, (5, 3)))
        unique = f"{attributes}, unique_indices=true, to_apply={assign}"
        case.output(case.op(x.shape, "scatter", x, indices, updates, attributes=unique))
    return case


def scatter_variadic():
    about = "scatter of two operands with one combiner: each element keeps the update with the largest key"
    case = Case("scatter", "variadic", about)
    combiner = case.computation(
        "larger_key",
        """old_key = s32[] parameter(0)
  old_value = f32[] parameter(1)
  new_key = s32[] parameter(2)
  new_value = f32[] parameter(3)
  take = pred[] compare(new_key, old_key), direction=GT
  key = s32[] select(take, new_key, old_key)
  value = f32[] select(take, new_value, old_value)
  ROOT both = (s32[], f32[]) tuple(key, value)""",
    )
    keys = case.parameter(case.random.integers(0, 50, (5, 2)).astype(np.int32))
    values = case.parameter(numbered((5, 2)))
    indices = case.parameter(case.random.integers(-1, 6, 12).astype(np.int32))
    new_keys = case.parameter(case.random.permutation(100)[:24].reshape(12, 2).astype(np.int32))
    new_values = case.parameter(-numbered((12, 2)))
    attributes = (
        "update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=1, "
        f"to_apply={combiner}"
    )
    operands = (keys, values, indices, new_keys, new_values)
    both = case.op("(s32[5,2], f32[5,2])", "scatter", *operands, attributes=attributes)
    case.outputs_of(both, ("s32[5,2]", "f32[5,2]"))
    return case


def cases():
    yield from (slices(), pads(), reorderings(), iotas(), types())
    yield from dynamic_slices()
    yield from gathers()
    yield from scatters()
