"""Runs HLO text on XLA's CPU client, as the second source of truth for gshard's evaluator.

    outputs = run("HloModule m\nENTRY e {\n  x = f32[2] parameter(0)\n  ROOT y = f32[2] add(x, x)\n}\n", [x])

Import this module before jax: it sets the flags under which XLA rounds as the HLO semantics say.
"""

import os

# bf16 and f16 round after each op, floats keep NaN and infinities, and reductions keep their order.
FLAGS = (
    "--xla_allow_excess_precision=false --xla_cpu_enable_fast_math=false --xla_cpu_enable_fast_min_max=false "
    "--xla_cpu_ftz=false --xla_cpu_enable_platform_dependent_math=false --xla_cpu_use_xnnpack=false"
)
os.environ["XLA_FLAGS"] = FLAGS + " " + os.environ.get("XLA_FLAGS", "")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import ml_dtypes
import numpy as np
from jaxlib import _hlo, xla_client
from jaxlib import _jax

jax.config.update("jax_enable_x64", True)

# HLO's element types and numpy's.
DTYPES = {
    "pred": np.dtype(bool),
    **{f"s{n}": np.dtype(f"int{n}") for n in (8, 16, 32, 64)},
    **{f"u{n}": np.dtype(f"uint{n}") for n in (8, 16, 32, 64)},
    "s2": np.dtype(ml_dtypes.int2),
    "s4": np.dtype(ml_dtypes.int4),
    "u2": np.dtype(ml_dtypes.uint2),
    "u4": np.dtype(ml_dtypes.uint4),
    "f4e2m1fn": np.dtype(ml_dtypes.float4_e2m1fn),
    "f8e3m4": np.dtype(ml_dtypes.float8_e3m4),
    "f8e4m3": np.dtype(ml_dtypes.float8_e4m3),
    "f8e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "f8e4m3b11fnuz": np.dtype(ml_dtypes.float8_e4m3b11fnuz),
    "f8e4m3fnuz": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "f8e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "f8e5m2fnuz": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "f8e8m0fnu": np.dtype(ml_dtypes.float8_e8m0fnu),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f16": np.dtype(np.float16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "c64": np.dtype(np.complex64),
    "c128": np.dtype(np.complex128),
}


def parse(text):
    """XLA's module; raises where XLA does not accept the text."""
    return _hlo.hlo_module_from_text(text)


def compile_text(text):
    module = parse(text)
    computation = _hlo.XlaComputation(module.as_serialized_hlo_module_proto())
    mlir = _jax.mlir.xla_computation_to_mlir_module(computation)
    device = jax.devices()[0]
    return device.client.compile_and_load(mlir, _jax.DeviceList((device,)), xla_client.CompileOptions())


def execute(executable, inputs):
    device = jax.devices()[0]
    buffers = [jax.device_put(x, device) for x in inputs]
    results = executable.execute_sharded(buffers).disassemble_into_single_device_arrays()
    return [np.asarray(shards[0]) for shards in results]


def run(text, inputs):
    """The entry computation's results (a root tuple's elements), as numpy arrays."""
    return execute(compile_text(text), inputs)
