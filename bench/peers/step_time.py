#!/usr/bin/env python3
"""Runs HLO text on XLA's CPU client and on gshard's CPU backend, side by side.

    python3 -m venv .cache/peers && .cache/peers/bin/pip install -r bench/peers/requirements.txt
    .cache/peers/bin/python bench/peers/step_time.py build/gshard ../shared/hlo/scaled/*.hlo bench/hlo/conv_net.hlo

With --devices N both run the program that `gshard partition --devices N` writes, on N virtual devices of one process:
gshard partitions it by itself, XLA is given the text that came out, with its partitions as replicas: programs for
partitions would go through XLA's own partitioner, which refuses partition-id and collectives of several arrays.

For every file, on the same arguments and all cores (on devices, arguments of the same sizes): the median time of a step, the time of compiling, and what the
process needed at its peak beyond what it held before it read the program (for XLA: beyond Python and JAX). Each runs in
a process of its own, one after the other; arguments that a step overwrites are copied outside of its time.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from jaxlib import _hlo


def entry_of(text):
    """The entry's parameter shapes as (type, dims), from the module's header."""
    layout = _hlo.hlo_module_from_text(text).as_serialized_hlo_module_proto()
    return _hlo.XlaComputation(layout).program_shape().parameter_shapes()


def made_up(shape, random):
    dims, kind = shape.dimensions(), shape.numpy_dtype()
    if kind.kind in "iu":
        return random.integers(0, 8, dims).astype(kind)
    if kind.kind == "b":
        return random.integers(0, 2, dims).astype(kind)
    fan_in = dims[-2] if len(dims) > 1 else 1
    return (random.uniform(0.5, 1.5, dims) / np.sqrt(fan_in)).astype(np.float32).astype(kind)


def write_arguments(text, path):
    random = np.random.default_rng(0)
    arrays = [made_up(shape, random) for shape in entry_of(text)]
    wide = [a.astype(np.float32) if a.dtype.kind == "V" or a.dtype.name == "bfloat16" else a for a in arrays]
    np.savez(path, **{f"arg{i}": a for i, a in enumerate(wide)})


def of_single_arrays(line):
    """A reduce-scatter of several arrays as one of each: StableHLO, through which XLA's client takes programs, has no other."""
    found = re.fullmatch(r"( *)(ROOT )?(\S+) = \((.*)\) reduce-scatter\((.*?)\)(, .*)", line)
    if not found:
        return line
    indent, root, name, shapes, operands, attributes = found.groups()
    shapes = re.findall(r"\w+\[[\d,]*\](?:\{[\d,]*\})?", shapes)
    parts = [f"{name}.of{i}" for i in range(len(shapes))]
    lines = [f"{indent}{part} = {shape} reduce-scatter({operand}){attributes}"
             for part, shape, operand in zip(parts, shapes, operands.split(", "))]
    return "\n".join([*lines, f"{indent}{root or ''}{name} = ({', '.join(shapes)}) tuple({', '.join(parts)})"])


def with_replicas(text, count):
    """The same program for as many replicas as it has partitions: collectives without channels go between replicas."""
    text = "\n".join(map(of_single_arrays, text.splitlines()))
    text = re.sub(r", (?:channel_id=\d+|use_global_device_ids=true)", "", text)
    return text.replace("partition-id()", "replica-id()").replace(f"num_partitions={count}", f"replica_count={count}")


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_xla(file, archive, repeat, count):
    """One JSON line on standard output: the same figures as `gshard bench --json`."""
    if count > 1:
        os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={count}"
    import jax
    from jaxlib import _jax, xla_client

    jax.config.update("jax_enable_x64", True)
    devices = jax.devices()[:count]
    jax.device_put(np.zeros(1), devices[0]).block_until_ready()
    before = peak_bytes()
    text = pathlib.Path(file).read_text()
    kinds = [shape.numpy_dtype() for shape in entry_of(text)]
    with np.load(archive) as arrays:
        host = [arrays[f"arg{i}"].astype(kind) for i, kind in enumerate(kinds)]
    start = time.perf_counter()
    module = _hlo.hlo_module_from_text(text)
    computation = _hlo.XlaComputation(module.as_serialized_hlo_module_proto())
    mlir = _jax.mlir.xla_computation_to_mlir_module(computation)
    compile_options = xla_client.CompileOptions()
    compile_options.num_replicas = count
    compile_options.device_assignment = xla_client.DeviceAssignment.create(np.arange(count).reshape(count, 1))
    program = devices[0].client.compile_and_load(mlir, _jax.DeviceList(tuple(devices)), compile_options)
    compile_seconds = time.perf_counter() - start

    mesh = jax.sharding.Mesh(np.array(devices), ("device",))
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())

    def placed(x):
        return jax.device_put(x, devices[0] if count == 1 else everywhere, may_alias=False)

    def step():
        buffers = [placed(x) for x in host]
        for buffer in buffers:
            buffer.block_until_ready()
        begin = time.perf_counter()
        results = program.execute_sharded(buffers).disassemble_into_single_device_arrays()
        for shards in results:
            for shard in shards:
                shard.block_until_ready()
        return time.perf_counter() - begin

    first = step()
    seconds = sorted(step() for _ in range(repeat or min(max(int(1 / first), 5), 1000)))
    print(json.dumps({"median_seconds": statistics.median_low(seconds), "compile_seconds": compile_seconds,
                      "peak_memory_bytes": peak_bytes() - before}))


def figures(command):
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        print(f"{' '.join(command)}: {run.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return json.loads(run.stdout.strip().splitlines()[-1] if run.stdout.count("\n") == 1 else run.stdout)


def row(name, xla, ours):
    def cells(key, scale, digits):
        a, b = xla[key] * scale, ours[key] * scale
        return f"{a:10.{digits}f} {b:10.{digits}f} {a / b:7.2f}"

    return (f"{name:24} {cells('median_seconds', 1e3, 2)}  {cells('compile_seconds', 1, 2)}"
            f"  {cells('peak_memory_bytes', 2**-20, 0)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gshard")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--repeat", type=int, default=0, help="timed runs; 0: as many as fit into a second")
    parser.add_argument("--devices", type=int, default=1, help="virtual devices")
    parser.add_argument("--xla", metavar="ARGS.npz", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.xla:
        return run_xla(options.files[0], options.xla, options.repeat, options.devices)
    print(f"{'':24} {'step ms':>10} {'':>18}  {'compile s':>10} {'':>18}  {'peak MiB':>10}")
    print(f"{'module':24} " + "  ".join([f"{'XLA':>10} {'gshard':>10} {'ratio':>7}"] * 3))
    for file in options.files:
        with tempfile.TemporaryDirectory() as folder:
            archive = f"{folder}/arguments.npz"
            write_arguments(pathlib.Path(file).read_text(), archive)
            repeat = ["--repeat", str(options.repeat)] if options.repeat else []
            devices = ["--devices", str(options.devices)] if options.devices > 1 else []
            ours = figures([options.gshard, "bench", file, "--args", archive, "--json", *repeat, *devices])
            text = file
            if devices:
                text = f"{folder}/parts.hlo"
                subprocess.run([options.gshard, "partition", file, *devices, "-o", text], check=True)
                parts = with_replicas(pathlib.Path(text).read_text(), options.devices)
                pathlib.Path(text).write_text(parts)
                write_arguments(parts, archive)
            xla = figures([sys.executable, __file__, options.gshard, text, "--xla", archive, *repeat, *devices])
            if xla and ours:
                print(row(pathlib.Path(file).stem, xla, ours), flush=True)


if __name__ == "__main__":
    main()
