"""Builds one golden case: an HLO module with its inputs, and later its expected outputs.

    case = Case("pointwise", "add_f32", "the sum rounds to nearest even")
    x = case.parameter(np.float32([1, 2]))
    case.output(case.op("f32[2]", "add", x, x))

writes tests/golden/pointwise/add_f32.hlo and, with arg0, arg1, ... and out0, out1, ..., add_f32.npz.
"""

import re
import zlib

import numpy as np

from xla_cpu import DTYPES

TYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def shape_of(array):
    return f"{TYPE_NAMES[array.dtype]}[{','.join(map(str, array.shape))}]"


def dims_of(shape):
    inner = shape[shape.index("[") + 1 : shape.index("]")]
    return tuple(int(d) for d in inner.split(",")) if inner else ()


def type_of(shape):
    return shape[: shape.index("[")]


def with_type(shape, element_type):
    return element_type + shape[shape.index("[") :]


def literal_text(array):
    """What stands between the parentheses of a constant."""
    if array.ndim:
        return "{" + ", ".join(literal_text(x) for x in array) + "}"
    value = array[()]
    if array.dtype.kind == "c":
        return f"({literal_text(np.array(value.real))}, {literal_text(np.array(value.imag))})"
    name = TYPE_NAMES[array.dtype]
    if name == "pred":
        return "true" if value else "false"
    return repr(int(value) if name[0] in "su" else float(value))


def with_constants(text, inputs):
    """The module with its entry parameters replaced by the inputs."""
    entry = text.index("ENTRY")
    body = text[entry:]
    for i, array in enumerate(inputs):
        body = body.replace(f" parameter({i})", f" constant({literal_text(array)})")
    return text[:entry] + body


class Value:
    """An instruction's name and shape, and a parameter's elements."""

    def __init__(self, name, shape, array=None):
        self.name = name
        self.shape = shape
        self.array = array

    def __str__(self):
        return self.name

    @property
    def type(self):
        return type_of(self.shape)

    @property
    def dims(self):
        return dims_of(self.shape)


class Case:
    def __init__(self, family, name, about, tolerance="exact"):
        self.family = family
        self.name = name
        self.about = about
        self.tolerance = tolerance
        self.inputs = []
        self.computations = {}
        self.lines = []
        self.outputs = []
        self.tolerances = {}
        self.expected = {}  # output -> array, where XLA's CPU client is not the source
        self.notes = []
        self.reference = None  # another case with the same meaning, for what XLA's CPU client does not run
        self.header = ""
        self.folded = False
        self.random = np.random.default_rng(zlib.crc32(f"{family}/{name}".encode()))

    def fold(self):
        """Take XLA's constant folder for the source, not its compiled code, which takes denormals for zero."""
        self.folded = True
        self.notes.append("The outputs are those of XLA's constant folder, which keeps denormals.")

    # ---- instructions ----

    def parameter(self, array):
        array = np.asarray(array)
        value = Value(f"p{len(self.inputs)}", shape_of(array), array)
        self.lines.append(f"{value} = {value.shape} parameter({len(self.inputs)})")
        self.inputs.append(array)
        return value

    def op(self, shape, opcode, *operands, attributes=""):
        value = Value(f"v{len(self.lines)}", shape)
        tail = f", {attributes}" if attributes else ""
        self.lines.append(f"{value} = {shape} {opcode}({', '.join(map(str, operands))}){tail}")
        return value

    def constant(self, shape, text):
        return self.op(shape, "constant", text)

    def output(self, value, tolerance=None, expected=None):
        if tolerance is not None and tolerance != self.tolerance:
            self.tolerances[len(self.outputs)] = tolerance
        if expected is not None:
            self.expected[len(self.outputs)] = expected
        self.outputs.append(value)
        return value

    def outputs_of(self, tuple_value, shapes):
        """Every element of a tuple-shaped value as an output."""
        for i, shape in enumerate(shapes):
            self.output(self.op(shape, "get-tuple-element", tuple_value, attributes=f"index={i}"))

    # ---- called computations ----

    def computation(self, name, text):
        """Instructions stand on lines of their own, or before semicolons."""
        self.computations[name] = "\n  ".join(line.strip() for line in text.replace("\n", ";").split(";"))
        return name

    def reducer(self, opcode, element_type):
        """A computation of two scalars."""
        name = f"{opcode.replace('-', '_')}_{element_type}"
        t = f"{element_type}[]"
        return self.computation(name, f"a = {t} parameter(0); b = {t} parameter(1); ROOT r = {t} {opcode}(a, b)")

    # ---- the text ----

    def lines_for(self, outputs):
        """The parameters, and the instructions that the outputs need."""
        needed, lines = set(map(str, outputs)), []
        for line in reversed(self.lines):
            name = line[: line.index(" = ")]
            if name in needed or name[0] == "p":
                needed |= set(re.findall(r"\b[pv]\d+\b", line))
                lines.append(line)
        return lines[::-1]

    def body(self, outputs):
        lines = self.lines_for(outputs)
        if len(outputs) == 1:
            start = f"{outputs[0]} = "
            lines = [("ROOT " if line.startswith(start) else "") + line for line in lines]
        else:
            shapes = ", ".join(v.shape for v in outputs)
            lines += [f"ROOT results = ({shapes}) tuple({', '.join(map(str, outputs))})"]
        return "".join(f"  {line}\n" for line in lines)

    def module_text(self, outputs):
        parts = [f"HloModule {self.family}_{self.name}{self.header}\n\n"]
        parts += [f"{name} {{\n  {text}\n}}\n\n" for name, text in self.computations.items()]
        parts.append(f"ENTRY main {{\n{self.body(outputs)}}}\n")
        return "".join(parts)

    def text(self):
        parts = [f"// {self.about}\n"]
        parts += [f"// {note}\n" for note in self.notes]
        if self.tolerance != "exact":
            parts.append(f"// tolerance: {self.tolerance}\n")
        parts += [f"// tolerance of {i}: {t}\n" for i, t in self.tolerances.items()]
        return "".join(parts) + self.module_text(self.outputs)

    def evaluate(self, run):
        """The outputs: those given by `expected`, and for the others those of `run(text, inputs)`."""
        results = dict(self.expected)
        others = [i for i in range(len(self.outputs)) if i not in results]
        if others:
            text = self.reference or self.module_text([self.outputs[i] for i in others])
            inputs = self.inputs
            if self.folded:
                text, inputs = with_constants(text, inputs), []
            results |= zip(others, run(text, inputs), strict=True)
        return [results[i] for i in range(len(self.outputs))]
