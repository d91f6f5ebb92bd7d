"""Random valid HLO modules with random inputs.

    case = random_case(seed)          # a hlo_case.Case: case.text(), case.inputs

Floats are integers of limited size wherever an op would tell two roundings apart (compare, floor, convert, sort), so
that two implementations agree exactly; values that have been through a division or a function are marked inexact and
only meet continuous ops.
"""

import numpy as np

from golden_contract import Convolution, dot_attributes, dot_dims
from golden_movement import Indexing, dims_text, shape
from golden_reduce import ARGMAX, comparator, neutral, window_dims
from hlo_case import Case, with_type
from xla_cpu import DTYPES

FLOATS = ["f32", "f64", "bf16", "f16"]
INTEGERS = ["s32", "s64", "s8", "u8", "u32", "s16", "u16", "u64"]
# The largest magnitude that stays an exact integer through a few more sums.
LIMITS = {"f32": 2**18, "f64": 2**40, "bf16": 64, "f16": 512, "c64": 2**14}
TOLERANCES = {"f32": 1e-4, "f64": 1e-10, "bf16": 0.1, "f16": 0.02, "c64": 1e-4}
LARGEST_ARRAY = 4000


class Generator:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.case = Case("random", f"seed_{seed}", f"random module {seed}")
        self.values = []
        self.bounds = {}  # name -> largest possible magnitude
        self.inexact = set()

    # ---- choices ----

    def chance(self, probability):
        return self.rng.random() < probability

    def choice(self, items):
        return items[self.rng.integers(len(items))]

    def number(self, low, high):
        """Inclusive."""
        return int(self.rng.integers(low, high + 1))

    def sizes(self, low=0, high=4):
        return tuple(0 if self.chance(0.01) else self.number(1, 6) for _ in range(self.number(low, high)))

    def element_type(self):
        return self.choice(["f32"] * 5 + ["s32"] * 3 + FLOATS + INTEGERS + ["pred", "c64"])

    # ---- values ----

    def keep(self, value, bound=8, inexact=False):
        self.bounds[value.name] = bound
        if inexact:
            self.inexact.add(value.name)
        if value.type in LIMITS and bound > LIMITS[value.type] and value.type != "c64":
            return self.limit(value)
        self.values.append(value)
        return value

    def limit(self, value):
        low, high = (self.case.constant(f"{value.type}[]", str(v)) for v in (-8, 8))
        return self.keep(self.case.op(value.shape, "clamp", low, value, high), 8, value.name in self.inexact)

    def op(self, result_shape, opcode, *operands, attributes="", bound=None, inexact=False):
        """Adds an op; the bound defaults to the largest of the operands'."""
        value = self.case.op(result_shape, opcode, *operands, attributes=attributes)
        if bound is None:
            bound = max([self.bounds.get(o.name, 8) for o in operands], default=8)
        return self.keep(value, bound, inexact or any(o.name in self.inexact for o in operands))

    def array(self, element_type, dims):
        dtype = DTYPES[element_type]
        if element_type == "pred":
            return self.rng.integers(0, 2, dims).astype(dtype)
        low, high = (0, 9) if element_type[0] == "u" else (-4, 5)
        values = self.rng.integers(low, high, dims)
        if element_type == "c64":
            values = values + 1j * self.rng.integers(-4, 5, dims)
        return np.asarray(values).astype(dtype)

    def parameter(self, element_type=None, dims=None):
        element_type = element_type or self.element_type()
        dims = self.sizes() if dims is None else dims
        return self.keep(self.case.parameter(self.array(element_type, dims)))

    def indices(self, dims, size, element_type=None):
        """Fresh indices, some of them outside of [0, size)."""
        element_type = element_type or self.choice(["s32", "s32", "s64", "u8", "u32", "s8"])
        low = 0 if element_type[0] == "u" else -2
        values = self.rng.integers(low, size + 2, dims)
        return self.case.parameter(np.asarray(values).astype(DTYPES[element_type]))

    def pick(self, types=None, rank=None, exact=False):
        """An existing value, or a new parameter where none fits."""
        fits = [
            v
            for v in self.values
            if (types is None or v.type in types)
            and (rank is None or rank[0] <= len(v.dims) <= rank[1])
            and not (exact and v.name in self.inexact)
        ]
        if fits and self.chance(0.85):
            return fits[-1] if self.chance(0.4) else self.choice(fits)
        low, high = rank or (0, 4)
        return self.parameter(self.choice(types) if types else None, self.sizes(low, high))

    def match(self, value, exact=False):
        """Another value of the same shape."""
        fits = [v for v in self.values if v.shape == value.shape and not (exact and v.name in self.inexact)]
        if len(fits) > 1 and self.chance(0.7):
            return self.choice(fits)
        return self.parameter(value.type, value.dims)

    def bound(self, value):
        return self.bounds.get(value.name, 8)

    # ---- pointwise ----

    def unary(self):
        x = self.pick()
        if x.type == "pred":
            return self.op(x.shape, "not", x)
        if x.type == "c64":
            return self.op(x.shape, "negate", x)
        if x.type in INTEGERS:
            opcodes = ["not", "popcnt", "count-leading-zeros", "negate"] + (["abs", "sign"] if x.type[0] == "s" else [])
            return self.op(x.shape, self.choice(opcodes), x)
        if x.name in self.inexact or self.chance(0.2):
            return self.op(
                x.shape, self.choice(["tanh", "logistic", "cosine", "sine", "erf"]), x, bound=1, inexact=True
            )
        return self.op(x.shape, self.choice(["abs", "negate", "sign", "floor", "ceil", "round-nearest-even"]), x)

    def binary(self):
        x = self.pick()
        y = self.match(x)
        if x.type == "pred":
            return self.op(x.shape, self.choice(["and", "or", "xor"]), x, y)
        total, product = self.bound(x) + self.bound(y), self.bound(x) * self.bound(y)
        if x.type in INTEGERS:
            opcodes = ["add", "subtract", "multiply", "divide", "remainder", "maximum", "minimum", "and", "or", "xor"]
            opcodes += ["shift-left", "shift-right-arithmetic", "shift-right-logical"]
            return self.op(x.shape, self.choice(opcodes), x, y)
        if x.type == "c64" and product > LIMITS["c64"]:
            return None
        opcode = self.choice(
            ["add", "subtract", "multiply"] + (["maximum", "minimum", "divide"] if x.type != "c64" else [])
        )
        if opcode == "divide":
            three = self.op(x.shape, "broadcast", self.case.constant(f"{x.type}[]", "3"), attributes="dimensions={}")
            return self.op(x.shape, "divide", x, three, bound=self.bound(x), inexact=True)
        bounds = {"add": total, "subtract": total, "multiply": 2 * product}
        return self.op(x.shape, opcode, x, y, bound=bounds.get(opcode))

    def compare(self):
        x = self.pick([t for t in FLOATS + INTEGERS], exact=True)
        y = self.match(x, exact=True)
        direction = self.choice(["EQ", "NE", "LT", "LE", "GT", "GE"])
        return self.op(with_type(x.shape, "pred"), "compare", x, y, attributes=f"direction={direction}")

    def select(self):
        x = self.pick()
        y = self.match(x)
        predicate = self.parameter("pred", x.dims if self.chance(0.8) else ())
        return self.op(x.shape, "select", predicate, x, y)

    def convert(self):
        x = self.pick(FLOATS + INTEGERS + ["pred"], exact=True)
        target = self.choice(FLOATS + INTEGERS + ["pred"])
        # Large integers would be rounded, or overflow.
        if x.type in INTEGERS and target in FLOATS:
            low, high = (self.case.constant(f"{x.type}[]", v) for v in ("0", "8"))
            x = self.keep(self.case.op(x.shape, "clamp", low, x, high), 8)
        return self.op(with_type(x.shape, target), "convert", x)

    def clamp(self):
        x = self.pick(FLOATS + INTEGERS)
        scalar = self.chance(0.5)
        low, high = (self.parameter(x.type, () if scalar else x.dims) for _ in range(2))
        opcodes = ("minimum", "maximum")
        low, high = (self.case.op(low.shape, opcode, low, high) for opcode in opcodes)
        return self.op(x.shape, "clamp", low, x, high, bound=self.bound(x))

    def reduce_precision(self):
        x = self.pick(["f32", "f64", "bf16", "f16"], exact=True)
        attributes = f"exponent_bits={self.number(4, 5)}, mantissa_bits={self.number(1, 7)}"
        return self.op(x.shape, "reduce-precision", x, attributes=attributes, bound=2 * self.bound(x))

    def bitcast_convert(self):
        # Bits would tell a zero from a negative one: only integers.
        x = self.pick(["s32", "u32", "s8", "u8", "s64"])
        targets = {"s32": ["u32", "s16", "u8"], "u32": ["s32", "s8"], "s8": ["u8"], "u8": ["s8"], "s64": ["u32", "u8"]}
        target = self.choice(targets[x.type])
        factor = DTYPES[x.type].itemsize // DTYPES[target].itemsize
        dims = x.dims + ((factor,) if factor > 1 else ())
        return self.op(shape(target, dims), "bitcast-convert", x)

    def complex_parts(self):
        x = self.pick(["c64"])
        real, imag = (self.op(with_type(x.shape, "f32"), opcode, x) for opcode in ("real", "imag"))
        return self.op(x.shape, "complex", imag, real)

    def map(self):
        x = self.pick(["f32", "s32", "f64"])
        y = self.match(x)
        t = x.type
        name = self.case.computation(
            f"mix_{t}",
            f"x = {t}[] parameter(0); y = {t}[] parameter(1); c = {t}[] constant(2); z = {t}[] multiply(y, c); "
            f"ROOT r = {t}[] subtract(x, z)",
        )
        attributes = f"dimensions={dims_text(range(len(x.dims)))}, to_apply={name}"
        return self.op(x.shape, "map", x, y, attributes=attributes, bound=self.bound(x) + 2 * self.bound(y))

    # ---- sources ----

    def iota(self):
        t, dims = self.choice(["f32", "s32", "u8", "s64", "bf16"]), self.sizes(1, 3)
        attributes = f"iota_dimension={self.number(0, len(dims) - 1)}"
        return self.op(shape(t, dims), "iota", attributes=attributes)

    def random_bits(self):
        algorithm, size = self.choice([("rng_three_fry", 2), ("rng_philox", 2), ("rng_philox", 3), ("rng_default", 2)])
        state = self.case.parameter(self.rng.integers(0, 2**64, size, dtype=np.uint64))
        bits = shape(self.choice(["u8", "u16", "u32", "u64"]), self.sizes(0, 3))
        both = self.case.op(f"({state.shape}, {bits})", "rng-bit-generator", state, attributes=f"algorithm={algorithm}")
        return self.keep(self.case.op(bits, "get-tuple-element", both, attributes="index=1"))

    # ---- movement ----

    def reshape(self):
        x = self.pick()
        total = int(np.prod(x.dims, dtype=int))
        dims, rest = [], total
        for _ in range(self.number(0, 3)):
            divisors = [d for d in range(1, rest + 1) if rest % d == 0] if rest else [1]
            dims.append(self.choice(divisors))
            rest = rest // dims[-1] if rest else 0
        return self.op(shape(x.type, dims + [rest]), "reshape", x)

    def transpose(self):
        x = self.pick(rank=(2, 4))
        order = [int(i) for i in self.rng.permutation(len(x.dims))]
        dims = [x.dims[i] for i in order]
        return self.op(shape(x.type, dims), "transpose", x, attributes=f"dimensions={dims_text(order)}")

    def broadcast(self):
        x = self.pick(rank=(0, 2))
        rank = len(x.dims) + self.number(0, 2)
        mapping = sorted(int(i) for i in self.rng.permutation(rank)[: len(x.dims)])
        dims = [self.number(1, 4) for _ in range(rank)]
        for i, d in zip(mapping, x.dims):
            dims[i] = d
        return self.op(shape(x.type, dims), "broadcast", x, attributes=f"dimensions={dims_text(mapping)}")

    def reverse(self):
        x = self.pick(rank=(1, 4))
        over = sorted(int(i) for i in self.rng.permutation(len(x.dims))[: self.number(1, len(x.dims))])
        return self.op(x.shape, "reverse", x, attributes=f"dimensions={dims_text(over)}")

    def slice(self):
        x = self.pick(rank=(1, 4))
        parts, dims = [], []
        for d in x.dims:
            start = self.number(0, d)
            limit, stride = self.number(start, d), self.number(1, 3)
            parts.append(f"[{start}:{limit}:{stride}]")
            dims.append(-(-(limit - start) // stride))
        return self.op(shape(x.type, dims), "slice", x, attributes=f"slice={{{', '.join(parts)}}}")

    def pad(self):
        x = self.pick(rank=(1, 3))
        parts, dims = [], []
        for d in x.dims:
            low, high, interior = self.number(-2, 3), self.number(-2, 3), self.choice([0, 0, 1, 2])
            size = d + max(d - 1, 0) * interior + low + high
            if size < 0:
                low, high, size = 0, 0, d + max(d - 1, 0) * interior
            parts.append(f"{low}_{high}_{interior}")
            dims.append(size)
        fill = self.parameter(x.type, ())
        return self.op(shape(x.type, dims), "pad", x, fill, attributes=f"padding={'x'.join(parts)}")

    def concatenate(self):
        x = self.pick(rank=(1, 4))
        axis = self.number(0, len(x.dims) - 1)
        parts = [x]
        for _ in range(self.number(1, 2)):
            dims = list(x.dims)
            dims[axis] = self.number(0, 4)
            parts.append(self.parameter(x.type, tuple(dims)))
        dims = list(x.dims)
        dims[axis] = sum(p.dims[axis] for p in parts)
        return self.op(shape(x.type, dims), "concatenate", *parts, attributes=f"dimensions={{{axis}}}")

    def dynamic_slice(self):
        x = self.pick(rank=(1, 3))
        sizes = [self.number(0 if d == 0 else 1, d) for d in x.dims]
        t = self.choice(["s32", "s64", "u8", "u32"])
        # Starts out of bounds are left to the golden cases: XLA merges nested slices as if there were none.
        starts = [self.case.parameter(np.array(self.number(0, d - n), DTYPES[t])) for d, n in zip(x.dims, sizes)]
        if self.chance(0.5):
            attributes = f"dynamic_slice_sizes={dims_text(sizes)}"
            return self.op(shape(x.type, sizes), "dynamic-slice", x, *starts, attributes=attributes)
        update = self.parameter(x.type, tuple(sizes))
        return self.op(x.shape, "dynamic-update-slice", x, update, *starts)

    # ---- gather and scatter ----

    def indexing(self, operand):
        rank = len(operand)
        order = [int(i) for i in self.rng.permutation(rank)]
        # Batching dimensions stand at the end of the permutation, indexed ones at its start.
        batching_count = self.choice([0, 0, 0, 1]) if rank > 1 else 0
        index_map = order[: self.number(1, rank - batching_count)]
        operand_batching = sorted(order[rank - batching_count :]) if batching_count else []
        slices = [
            1 if i in operand_batching else (self.number(1, d) if i in index_map else d) for i, d in enumerate(operand)
        ]
        collapsed = sorted(i for i in range(rank) if slices[i] == 1 and i not in operand_batching and self.chance(0.6))
        batch = [self.number(1, 4) for _ in range(self.number(0, 2))]
        indices_batching = []
        for d in operand_batching:
            at = self.number(0, len(batch))
            batch.insert(at, operand[d])
            indices_batching = [i + (i >= at) for i in indices_batching] + [at]
        vector_dim = self.number(0, len(batch))
        implicit = len(index_map) == 1 and vector_dim == len(batch) and self.chance(0.5)
        indices = tuple(batch if implicit else batch[:vector_dim] + [len(index_map)] + batch[vector_dim:])
        indices_batching = [i + (0 if implicit or i < vector_dim else 1) for i in indices_batching]
        window_rank = rank - len(collapsed) - len(operand_batching)
        offset = sorted(int(i) for i in self.rng.permutation(len(batch) + window_rank)[:window_rank])
        pairs = list(zip(operand_batching, indices_batching))
        return Indexing("random", operand, indices, vector_dim, index_map, slices, offset, collapsed, pairs)

    def index_operand(self, types=None):
        x = self.pick(types, rank=(1, 4))
        return x if all(x.dims) else self.parameter(x.type, tuple(self.number(1, 5) for _ in x.dims))

    def gather(self):
        x = self.index_operand()
        indexing = self.indexing(x.dims)
        indices = self.indices(indexing.indices, max(x.dims))
        dims = indexing.result_dims()
        return self.op(shape(x.type, dims), "gather", x, indices, attributes=indexing.gather_attributes())

    def scatter(self):
        x = self.index_operand()
        if x.name in self.inexact:
            x = self.parameter(x.type, x.dims)
        indexing = self.indexing(x.dims)
        indices = self.indices(indexing.indices, max(x.dims))
        updates = self.parameter(x.type, tuple(indexing.result_dims()))
        opcode = self.reducing_opcode(x.type)
        attributes = f"{indexing.scatter_attributes()}, to_apply={self.case.reducer(opcode, x.type)}"
        count = int(np.prod(indexing.indices, dtype=int))
        bound = self.bound(x) + 8 * count if opcode == "add" else None
        return self.op(x.shape, "scatter", x, indices, updates, attributes=attributes, bound=bound)

    def reducing_opcode(self, element_type):
        if element_type == "pred":
            return self.choice(["and", "or", "xor"])
        if element_type == "c64":
            return "add"
        if element_type in FLOATS:
            return self.choice(["add", "maximum", "minimum"])
        return self.choice(["add", "multiply", "maximum", "minimum", "and", "or", "xor"])

    # ---- contractions ----

    def dot(self):
        t = self.choice(["f32", "f32", "f64", "bf16", "f16", "s32", "c64", "s8", "u8"])
        x = self.pick([t], rank=(1, 4))
        rank = len(x.dims)
        order = [int(i) for i in self.rng.permutation(rank)]
        batch_count = self.number(0, min(1, rank - 1))
        contract_count = self.number(0, rank - batch_count)
        lhs_batch, lhs_contract = order[:batch_count], order[batch_count : batch_count + contract_count]
        rest = [self.number(1, 5) for _ in range(self.number(0, 2))]
        roles = [("b", d) for d in lhs_batch] + [("c", d) for d in lhs_contract] + [("f", d) for d in rest]
        roles = [roles[i] for i in self.rng.permutation(len(roles))]
        rhs = tuple(d if kind == "f" else x.dims[d] for kind, d in roles)
        position = {kind_d: i for i, kind_d in enumerate(roles) if kind_d[0] != "f"}
        rhs_batch, rhs_contract = (
            [position[kind, d] for d in dims] for kind, dims in (("b", lhs_batch), ("c", lhs_contract))
        )
        numbers = (lhs_batch, lhs_contract, rhs_batch, rhs_contract)
        dims = dot_dims(x.dims, rhs, *numbers)
        if np.prod(dims, dtype=int) > LARGEST_ARRAY:
            return None
        y = self.parameter(t, rhs)
        depth = int(np.prod([x.dims[i] for i in lhs_contract], dtype=int))
        bound = self.bound(x) * 16 * max(depth, 1)
        result = {"bf16": self.choice(["bf16", "f32"]), "s8": self.choice(["s8", "s32"])}.get(t, t)
        if t == "c64" and bound > LIMITS["c64"]:
            return None
        # A sum beyond the limit of the result rounds, and the order of rounding is free.
        inexact = bound > LIMITS.get(result, bound)
        attributes = dot_attributes(*numbers)
        return self.op(shape(result, dims), "dot", x, y, attributes=attributes, bound=bound, inexact=inexact)

    def convolution(self):
        spatial = self.number(1, 3)
        groups = self.choice([(1, 1), (1, 1), (1, 1), (2, 1), (3, 1), (1, 2)])
        features = groups[0] * self.number(1, 3)
        outputs = groups[0] * groups[1] * self.number(1, 3)
        sizes = {"b": groups[1] * self.number(1, 2), "f": features}
        kernel = {"i": features // groups[0], "o": outputs}
        keys = {"stride": [], "pad": [], "lhs_dilate": [], "rhs_dilate": [], "rhs_reversal": []}
        for i in range(spatial):
            sizes[str(i)], kernel[str(i)] = self.number(1, 6), self.number(1, 3)
            keys["stride"].append(str(self.choice([1, 1, 2, 3])))
            keys["pad"].append(f"{self.number(-1, 3)}_{self.number(-1, 3)}")
            keys["lhs_dilate"].append(str(self.choice([1, 1, 2, 3])))
            keys["rhs_dilate"].append(str(self.choice([1, 1, 2])))
            keys["rhs_reversal"].append(str(self.choice([0, 0, 1])))
        digits = "".join(map(str, range(spatial)))
        shuffled = lambda letters: "".join(letters[i] for i in self.rng.permutation(len(letters)))
        inputs, kernels, results = shuffled("bf" + digits), shuffled("io" + digits), shuffled("bf" + digits)
        window = " ".join(f"{k}={'x'.join(v)}" for k, v in keys.items())
        t = self.choice(["f32", "f32", "f64", "s32"])
        dims_in, dims_kernel = tuple(sizes[c] for c in inputs), tuple(kernel[c] for c in kernels)
        convolution = Convolution("random", f"{inputs}_{kernels}->{results}", dims_in, dims_kernel, window, groups)
        x, y = self.parameter(t, dims_in), self.parameter(t, dims_kernel)
        bound = 64 * int(np.prod(dims_kernel))
        result = shape(t, convolution.output_dims())
        return self.op(result, "convolution", x, y, attributes=convolution.attributes(), bound=bound)

    # ---- reductions ----

    def reduce(self):
        x = self.pick(rank=(1, 4))
        opcode = self.reducing_opcode(x.type)
        over = sorted(int(i) for i in self.rng.permutation(len(x.dims))[: self.number(0, len(x.dims))])
        dims = [d for i, d in enumerate(x.dims) if i not in over]
        init = self.case.parameter(neutral(opcode, x.type))
        count = int(np.prod([x.dims[i] for i in over], dtype=int))
        bound = self.bound(x) * max(1, count) if opcode == "add" else self.bound(x)
        if count == 0 or (x.type == "c64" and bound > LIMITS["c64"]):
            return None
        inexact = bound > LIMITS.get(x.type, bound)
        attributes = f"dimensions={dims_text(over)}, to_apply={self.case.reducer(opcode, x.type)}"
        return self.op(shape(x.type, dims), "reduce", x, init, attributes=attributes, bound=bound, inexact=inexact)

    def argmax(self):
        x = self.pick(["f32"], rank=(1, 3), exact=True)
        axis = self.number(0, len(x.dims) - 1)
        if 0 in x.dims:
            return None
        self.case.computation("argmax", ARGMAX)
        at = self.case.op(with_type(x.shape, "s32"), "iota", attributes=f"iota_dimension={axis}")
        inits = [self.case.parameter(v) for v in (np.float32(-np.inf), np.int32(0))]
        dims = [d for i, d in enumerate(x.dims) if i != axis]
        parts = [shape(t, dims) for t in ("f32", "s32")]
        attributes = f"dimensions={{{axis}}}, to_apply=argmax"
        both = self.case.op(f"({', '.join(parts)})", "reduce", x, at, *inits, attributes=attributes)
        for i, part in enumerate(parts):
            self.keep(self.case.op(part, "get-tuple-element", both, attributes=f"index={i}"), self.bound(x))

    def window(self, rank, dims):
        keys = {"size": [], "stride": [], "pad": [], "lhs_dilate": [], "rhs_dilate": []}
        for i in range(rank):
            keys["size"].append(str(self.number(1, 3)))
            keys["stride"].append(str(self.choice([1, 1, 2])))
            keys["pad"].append(f"{self.number(-1 if dims[i] > 2 else 0, 2)}_{self.number(0, 2)}")
            keys["lhs_dilate"].append(str(self.choice([1, 1, 1, 2])))
            keys["rhs_dilate"].append(str(self.choice([1, 1, 2])))
        return " ".join(f"{k}={'x'.join(v)}" for k, v in keys.items())

    def reduce_window(self):
        x = self.pick(["f32", "f64", "s32", "s64", "u8", "bf16"], rank=(1, 3))
        if 0 in x.dims:
            return None
        window = self.window(len(x.dims), x.dims)
        opcode = self.choice(["add", "maximum", "minimum"])
        init = self.case.parameter(neutral(opcode, x.type))
        bound = self.bound(x) * (27 if opcode == "add" else 1)
        # Infinities, and sums of bf16 that round.
        inexact = opcode == "add" and bound > LIMITS.get(x.type, bound)
        attributes = f"window={{{window}}}, to_apply={self.case.reducer(opcode, x.type)}"
        dims = window_dims(x.dims, window)
        result = self.case.op(shape(x.type, dims), "reduce-window", x, init, attributes=attributes)
        if opcode != "add" and x.type in FLOATS:
            return self.limit_infinity(result, x)
        return self.keep(result, bound, inexact or x.name in self.inexact)

    def limit_infinity(self, value, source):
        if source.name in self.inexact:
            self.inexact.add(value.name)
        return self.limit(value)

    def select_and_scatter(self):
        t = self.choice(["f32", "s32"])
        dims = tuple(self.number(2, 6) for _ in range(self.number(1, 3)))
        # Which of two equals is selected is the implementation's choice.
        x = self.case.parameter(self.rng.permutation(int(np.prod(dims))).reshape(dims).astype(DTYPES[t]))
        rank = len(x.dims)
        sizes = [self.number(1, 2) for _ in range(rank)]
        strides = [self.number(1, 2) for _ in range(rank)]
        pads = [f"{self.number(0, s - 1)}_{self.number(0, s - 1)}" for s in sizes]
        window = f"size={'x'.join(map(str, sizes))} stride={'x'.join(map(str, strides))} pad={'x'.join(pads)}"
        source = self.parameter(t, tuple(window_dims(x.dims, window)))
        select = self.case.computation(
            f"ge_{t}",
            f"a = {t}[] parameter(0); b = {t}[] parameter(1); ROOT r = pred[] compare(a, b), direction=GE",
        )
        init = self.case.parameter(np.array(0, DTYPES[t]))
        attributes = f"window={{{window}}}, select={select}, scatter={self.case.reducer('add', t)}"
        return self.op(x.shape, "select-and-scatter", x, source, init, attributes=attributes, bound=8 * 16)

    def sort(self):
        x = self.pick(["f32", "s32", "u8", "f64", "s64", "bf16"], rank=(1, 3), exact=True)
        axis = self.number(0, len(x.dims) - 1)
        # max and min may give either zero, and a sort by total order would tell.
        direction = self.choice(["LT", "GT"])
        if self.chance(0.5):
            attributes = f"dimensions={{{axis}}}, to_apply={comparator(self.case, [x.type], direction)}"
            return self.op(x.shape, "sort", x, attributes=attributes)
        at = self.case.op(with_type(x.shape, "s32"), "iota", attributes=f"iota_dimension={axis}")
        shapes = (x.shape, at.shape)
        attributes = (
            f"dimensions={{{axis}}}, is_stable=true, to_apply={comparator(self.case, [x.type, 's32'], direction)}"
        )
        both = self.case.op(f"({', '.join(shapes)})", "sort", x, at, attributes=attributes)
        for i, part in enumerate(shapes):
            self.keep(self.case.op(part, "get-tuple-element", both, attributes=f"index={i}"), self.bound(x))

    def topk(self):
        x = self.pick(["f32"], rank=(1, 2), exact=True)
        if x.dims[-1] == 0:
            return None
        k = self.number(1, x.dims[-1])
        shapes = [shape(t, x.dims[:-1] + (k,)) for t in (x.type, "s32")]
        both = self.case.op(f"({', '.join(shapes)})", "topk", x, attributes=f"k={k}, largest=true")
        for i, part in enumerate(shapes):
            self.keep(self.case.op(part, "get-tuple-element", both, attributes=f"index={i}"), self.bound(x))

    # ---- control flow ----

    def body(self, t, dims):
        """A computation of one array of that type that keeps its shape."""
        name = f"body_{len(self.case.computations)}"
        s = shape(t, dims)
        opcode = self.choice(["add", "maximum", "subtract"])
        lines = [f"x = {s} parameter(0)", f"c = {t}[] constant({self.number(0, 3)})"]
        lines += [f"b = {s} broadcast(c), dimensions={{}}", f"ROOT r = {s} {opcode}(x, b)"]
        return self.case.computation(name, "; ".join(lines))

    def conditional(self):
        x = self.pick(["f32", "s32", "f64"])
        branches = [self.body(x.type, x.dims) for _ in range(self.number(1, 3))]
        index = self.case.parameter(np.int32(self.number(-1, 4)))
        attributes = f"branch_computations={{{', '.join(branches)}}}"
        bound = self.bound(x) + 3
        return self.op(x.shape, "conditional", index, *[x] * len(branches), attributes=attributes, bound=bound)

    def call(self):
        x = self.pick(["f32", "s32", "f64"])
        return self.op(x.shape, "call", x, attributes=f"to_apply={self.body(x.type, x.dims)}", bound=self.bound(x) + 3)

    def loop(self):
        x = self.pick(["f32", "s32", "f64"])
        name, trips = f"loop_{len(self.case.computations)}", self.number(0, 5)
        state = f"(s32[], {x.shape})"
        body = self.body(x.type, x.dims)
        get = lambda i, s: f"get-tuple-element(s), index={i}"
        self.case.computation(
            f"{name}_go",
            f"s = {state} parameter(0); i = s32[] get-tuple-element(s), index=0; n = s32[] constant({trips}); "
            "ROOT go = pred[] compare(i, n), direction=LT",
        )
        self.case.computation(
            f"{name}_step",
            f"s = {state} parameter(0); i = s32[] get-tuple-element(s), index=0; one = s32[] constant(1); "
            f"next = s32[] add(i, one); x = {x.shape} get-tuple-element(s), index=1; "
            f"y = {x.shape} call(x), to_apply={body}; ROOT t = {state} tuple(next, y)",
        )
        zero = self.case.constant("s32[]", "0")
        start = self.case.op(state, "tuple", zero, x)
        end = self.case.op(state, "while", start, attributes=f"condition={name}_go, body={name}_step")
        bound = self.bound(x) + 3 * trips
        result = self.case.op(x.shape, "get-tuple-element", end, attributes="index=1")
        return self.keep(result, bound, x.name in self.inexact)

    # ---- all of them ----

    MAKERS = (
        [unary, binary, compare, select, convert] * 2
        + [reshape, transpose, broadcast, reverse, slice, pad, concatenate, dynamic_slice]
        + [gather, scatter, dot, convolution] * 2
        + [reduce, reduce_window] * 2
        + [clamp, reduce_precision, bitcast_convert, complex_parts, map, iota, random_bits, argmax]
        + [select_and_scatter, sort, topk, conditional, call, loop]
    )

    def run(self):
        for _ in range(self.number(2, 12)):
            maker = self.choice(self.MAKERS)
            maker(self)
            self.values = [v for v in self.values if np.prod(v.dims, dtype=int) <= LARGEST_ARRAY]
        made = [v for v in self.values if v.name[0] == "v"] or self.values or [self.parameter()]
        for value in made[-6:]:
            self.case.output(value, f"{TOLERANCES[value.type]} of maximum" if value.name in self.inexact else "0 ulp")
        return self.case


def random_case(seed):
    return Generator(seed).run()
