"""Golden cases: control flow, called computations, random bits, collectives of one device, odd jobs."""

import numpy as np

import edge_values
from hlo_case import Case
from xla_cpu import DTYPES

# ---- control flow ----


def while_loops():
    case = Case("control", "while", "loops over a tuple: sums, a trip count known only at run time, no trip at all")
    case.computation(
        "below",
        "s = (s32[], s32[], f32[4]) parameter(0); i = s32[] get-tuple-element(s), index=0; "
        "n = s32[] get-tuple-element(s), index=1; ROOT go = pred[] compare(i, n), direction=LT",
    )
    case.computation(
        "step",
        "s = (s32[], s32[], f32[4]) parameter(0); i = s32[] get-tuple-element(s), index=0; "
        "n = s32[] get-tuple-element(s), index=1; x = f32[4] get-tuple-element(s), index=2; "
        "one = s32[] constant(1); next = s32[] add(i, one); y = f32[4] add(x, x); "
        "ROOT t = (s32[], s32[], f32[4]) tuple(next, n, y)",
    )
    x = case.parameter(np.float32([1, 2, 3, -4]))
    zero = case.constant("s32[]", "0")
    state = "(s32[], s32[], f32[4])"
    for trips in (0, 1, 7, -3):
        n = case.parameter(np.int32(trips))
        start = case.op(state, "tuple", zero, n, x)
        end = case.op(state, "while", start, attributes="condition=below, body=step")
        case.outputs_of(end, ("s32[]", "s32[]", "f32[4]"))
    return case


def nested_loops():
    case = Case("control", "nested_while", "a loop in a loop: a triangle of Pascal by dynamic slices")
    case.computation(
        "inner_go",
        "s = (s32[], s32[], s32[8]) parameter(0); j = s32[] get-tuple-element(s), index=0; one = s32[] constant(1); "
        "ROOT go = pred[] compare(j, one), direction=GE",
    )
    case.computation(
        "inner",
        "s = (s32[], s32[], s32[8]) parameter(0); j = s32[] get-tuple-element(s), index=0; "
        "i = s32[] get-tuple-element(s), index=1; row = s32[8] get-tuple-element(s), index=2; one = s32[] constant(1); "
        "before = s32[] subtract(j, one); a = s32[1] dynamic-slice(row, j), dynamic_slice_sizes={1}; "
        "b = s32[1] dynamic-slice(row, before), dynamic_slice_sizes={1}; c = s32[1] add(a, b); "
        "new = s32[8] dynamic-update-slice(row, c, j); ROOT t = (s32[], s32[], s32[8]) tuple(before, i, new)",
    )
    case.computation(
        "outer_go",
        "s = (s32[], s32[8]) parameter(0); i = s32[] get-tuple-element(s), index=0; n = s32[] constant(7); "
        "ROOT go = pred[] compare(i, n), direction=LT",
    )
    case.computation(
        "outer",
        "s = (s32[], s32[8]) parameter(0); i = s32[] get-tuple-element(s), index=0; "
        "row = s32[8] get-tuple-element(s), index=1; "
        "one = s32[] constant(1); next = s32[] add(i, one); t0 = (s32[], s32[], s32[8]) tuple(next, i, row); "
        "w = (s32[], s32[], s32[8]) while(t0), condition=inner_go, body=inner; "
        "new = s32[8] get-tuple-element(w), index=2; ROOT t = (s32[], s32[8]) tuple(next, new)",
    )
    row = case.parameter(np.int32([1, 0, 0, 0, 0, 0, 0, 0]))
    zero = case.constant("s32[]", "0")
    start = case.op("(s32[], s32[8])", "tuple", zero, row)
    end = case.op("(s32[], s32[8])", "while", start, attributes="condition=outer_go, body=outer")
    case.outputs_of(end, ("s32[]", "s32[8]"))
    return case


def conditionals():
    case = Case(
        "control", "conditional", "conditionals on pred and on an index; an index out of range takes the last branch"
    )
    for name, opcode in (("twice", "add"), ("square", "multiply"), ("nothing", "subtract")):
        case.computation(name, f"x = f32[3] parameter(0); ROOT y = f32[3] {opcode}(x, x)")
    case.computation(
        "parts",
        "t = (f32[3], f32[3]) parameter(0); a = f32[3] get-tuple-element(t), index=0; "
        "b = f32[3] get-tuple-element(t), index=1; "
        "ROOT y = f32[3] divide(a, b)",
    )
    x, y = case.parameter(np.float32([1, -2, 3])), case.parameter(np.float32([5, 6, -7]))
    for value in (True, False):
        p = case.parameter(np.array(value))
        attributes = "true_computation=twice, false_computation=square"
        case.output(case.op("f32[3]", "conditional", p, x, y, attributes=attributes))
    both = case.op("(f32[3], f32[3])", "tuple", x, y)
    for index in (0, 1, 2, 3, 100, -1, -(2**31)):
        i = case.parameter(np.int32(index))
        attributes = "branch_computations={twice, parts, square, nothing}"
        case.output(case.op("f32[3]", "conditional", i, x, both, y, x, attributes=attributes))
    return case


def calls():
    case = Case("control", "call", "call, nested and with several operands, and fusion, which means the same")
    case.computation("difference", "x = s32[4] parameter(0); y = s32[4] parameter(1); ROOT d = s32[4] subtract(x, y)")
    case.computation(
        "pair",
        "x = s32[4] parameter(0); y = s32[4] parameter(1); d = s32[4] call(x, y), to_apply=difference; "
        "e = s32[4] call(y, d), to_apply=difference; ROOT t = (s32[4], s32[4]) tuple(d, e)",
    )
    x, y = (case.parameter(case.random.integers(-99, 99, 4).astype(np.int32)) for _ in range(2))
    both = case.op("(s32[4], s32[4])", "call", x, y, attributes="to_apply=pair")
    case.outputs_of(both, ("s32[4]", "s32[4]"))
    case.output(case.op("s32[4]", "fusion", x, y, attributes="kind=kLoop, calls=difference"))
    return case


def asynchronous():
    case = Case(
        "control", "async", "async-start, -update and -done are a call in parts; copy-start and -done are a copy"
    )
    case.computation("difference", "x = s32[4] parameter(0); y = s32[4] parameter(1); ROOT d = s32[4] subtract(x, y)")
    x, y = (case.parameter(case.random.integers(-99, 99, 4).astype(np.int32)) for _ in range(2))
    state = "((s32[4], s32[4]), s32[4], s32[])"
    start = case.op(state, "async-start", x, y, attributes="calls=difference")
    updated = case.op(state, "async-update", start)
    case.output(case.op("s32[4]", "async-done", updated), expected=x.array - y.array)
    copying = case.op("(s32[4], s32[4], u32[])", "copy-start", x)
    case.output(case.op("s32[4]", "copy-done", copying), expected=x.array)
    return case


def orders():
    case = Case("control", "order", "ops that only order others: opt-barrier, after-all, add-dependency")
    x = case.parameter(case.random.normal(size=4).astype(np.float32))
    y = case.op("f32[4]", "add", x, x)
    pair = case.op("(f32[4], f32[4])", "tuple", x, y)
    barrier = case.op("(f32[4], f32[4])", "opt-barrier", pair)
    case.outputs_of(barrier, ("f32[4]", "f32[4]"))
    token = case.op("token[]", "after-all")
    case.output(case.op("f32[4]", "add-dependency", y, token))
    return case


# ---- random bits ----


def random_bits():
    for algorithm, sizes in (("rng_three_fry", (2,)), ("rng_philox", (2, 3)), ("rng_default", (2, 3))):
        case = Case(
            "random", algorithm, f"rng-bit-generator with {algorithm}: bits in XLA's order, and the state after them"
        )
        for size in sizes:
            for t in ("u8", "u16", "u32", "u64"):
                for dims in ("5", "2,3", "8", "3,4,1", ""):
                    state = case.parameter(case.random.integers(0, 2**64, size, dtype=np.uint64))
                    shapes = (state.shape, f"{t}[{dims}]")
                    attributes = f"algorithm={algorithm}"
                    both = case.op(f"({', '.join(shapes)})", "rng-bit-generator", state, attributes=attributes)
                    case.outputs_of(both, shapes)
            last = np.full(size, 2**64 - 1, dtype=np.uint64)
            shapes = (f"u64[{size}]", "u32[9]")
            both = case.op(f"({', '.join(shapes)})", "rng-bit-generator", case.parameter(last), attributes=attributes)
            case.outputs_of(both, shapes)
        yield case


# ---- one device of many ----


def collectives():
    case = Case("collective", "one_device", "collectives of one device are copies")
    x = case.parameter(case.random.normal(size=(4, 6)).astype(np.float32))
    y = case.parameter(case.random.integers(-9, 9, (3,)).astype(np.int32))
    apply = f"to_apply={case.reducer('add', 'f32')}"
    case.output(case.op(x.shape, "all-reduce", x, attributes=f"replica_groups={{}}, {apply}"))
    attributes = f"channel_id=1, replica_groups={{{{0}}}}, use_global_device_ids=true, {apply}"
    case.output(case.op(x.shape, "all-reduce", x, attributes=attributes))
    both = case.op("(f32[4,6], f32[4,6])", "all-reduce", x, x, attributes=f"replica_groups={{{{0}}}}, {apply}")
    case.outputs_of(both, ("f32[4,6]", "f32[4,6]"))
    attributes = "replica_groups={{0}}, dimensions={1}"
    case.output(case.op(x.shape, "all-gather", x, attributes=attributes))
    case.output(case.op(x.shape, "reduce-scatter", x, attributes=f"{attributes}, {apply}"))
    case.output(case.op(x.shape, "all-to-all", x, attributes=attributes))
    case.output(case.op(y.shape, "collective-permute", y, attributes="source_target_pairs={{0,0}}"))
    case.output(case.op(y.shape, "collective-permute", y, attributes="source_target_pairs={}"))
    case.output(case.op(y.shape, "collective-broadcast", y, attributes="replica_groups={{0}}"), expected=y.array)
    case.output(case.op("u32[]", "partition-id"))
    case.output(case.op("u32[]", "replica-id"))
    return case


def collectives_in_parts():
    case = Case("collective", "start_done", "collectives in two parts mean the same as in one")
    x = case.parameter(case.random.normal(size=(4, 6)).astype(np.float32))
    apply = f"to_apply={case.reducer('add', 'f32')}"
    start = case.op(x.shape, "all-reduce-start", x, attributes=f"replica_groups={{}}, {apply}")
    case.output(case.op(x.shape, "all-reduce-done", start), expected=x.array)
    attributes = "replica_groups={{0}}, dimensions={1}"
    start = case.op(f"({x.shape}, {x.shape})", "all-gather-start", x, attributes=attributes)
    case.output(case.op(x.shape, "all-gather-done", start), expected=x.array)
    attributes = "source_target_pairs={{0,0}}"
    state = f"({x.shape}, {x.shape}, u32[], u32[])"
    start = case.op(state, "collective-permute-start", x, attributes=attributes)
    case.output(case.op(x.shape, "collective-permute-done", start), expected=x.array)
    return case


# ---- odd jobs ----


def ragged_dot():
    case = Case(
        "odd",
        "ragged_dot",
        "ragged-dot: each group of rows has its own matrix; rows after the last group are zero",
        "0 ulp",
    )
    case.notes.append("XLA's CPU client does not run it: the outputs are numpy's.")
    lhs = case.parameter(case.random.integers(-3, 4, (9, 4)).astype(np.float32))
    rhs = case.parameter(case.random.integers(-3, 4, (3, 4, 2)).astype(np.float32))
    attributes = "lhs_contracting_dims={1}, rhs_contracting_dims={1}, lhs_ragged_dims={0}, rhs_group_dims={0}"
    for sizes in ([2, 3, 4], [0, 5, 4], [1, 0, 2], [9, 0, 0]):
        groups = case.parameter(np.int32(sizes))
        expected, row = np.zeros((9, 2), np.float32), 0
        for g, size in enumerate(sizes):
            expected[row : row + size] = lhs.array[row : row + size] @ rhs.array[g]
            row += size
        case.output(case.op("f32[9,2]", "ragged-dot", lhs, rhs, groups, attributes=attributes), expected=expected)
    return case


def mulhi():
    case = Case("odd", "mulhi", "mulhi: the upper half of a product of twice the width")
    case.notes.append("XLA's CPU client does not run it: the outputs are Python's.")
    for t in ("u32", "s32", "u64", "s64", "u8", "s16"):
        bits = int(t[1:])
        x, y = (case.parameter(v) for v in edge_values.pairs(edge_values.values(t)[::2]))
        products = [(int(a) * int(b)) >> bits for a, b in zip(x.array, y.array)]
        case.output(case.op(x.shape, "mulhi", x, y), expected=np.array(products, dtype=DTYPES[t]))
    return case


def dimension_sizes():
    case = Case("odd", "dimension_size", "get-dimension-size of static shapes")
    x = case.parameter(np.zeros((3, 0, 7), np.float32))
    for d in range(3):
        case.output(case.op("s32[]", "get-dimension-size", x, attributes=f"dimensions={{{d}}}"))
    return case


def annotations():
    case = Case("odd", "annotations", "custom calls that only annotate are copies")
    x = case.parameter(case.random.normal(size=(4, 6)).astype(np.float32))
    for target, sharding in (
        ("Sharding", "{replicated}"),
        ("SPMDFullToShardShape", "{manual}"),
        ("SPMDShardToFullShape", "{replicated}"),
    ):
        attributes = f'custom_call_target="{target}", sharding={sharding}'
        case.output(case.op(x.shape, "custom-call", x, attributes=attributes), expected=x.array)
    return case


def scans():
    case = Case("odd", "scan", "scan carries values along a dimension, forwards and backwards", "0 ulp")
    case.computation(
        "running",
        "x = f32[3] parameter(0); carry = f32[3] parameter(1); sum = f32[3] add(x, carry); "
        "ROOT both = (f32[3], f32[3]) tuple(sum, sum)",
    )
    x = case.parameter(case.random.integers(-5, 5, (6, 3)).astype(np.float32))
    start = case.parameter(np.float32([1, 2, 3]))
    shapes = ("f32[6,3]", "f32[3]")
    for reverse in ("false", "true"):
        attributes = f"dimensions={{0}}, is_reverse={reverse}, num_carries=1, to_apply=running"
        case.outputs_of(case.op("(f32[6,3], f32[3])", "scan", x, start, attributes=attributes), shapes)
    return case


def cases():
    yield from (while_loops(), nested_loops(), conditionals(), calls(), asynchronous(), orders())
    yield from random_bits()
    yield from (collectives(), collectives_in_parts())
    yield from (ragged_dot(), mulhi(), dimension_sizes(), annotations(), scans())
