#!/usr/bin/env python3
"""Writes a corpus of real HLO: what JAX lowers the programs of jax_programs.py to, and what XLA makes of that.

    pip install -r requirements.txt
    python jax_corpus.py FOLDER [NAME...]
    python compare_corpus.py GSHARD FOLDER

For each program FOLDER gets NAME.hlo (as lowered for this machine), NAME.tpu.hlo (as lowered for TPUs, with fewer
custom calls and with source locations), NAME.optimized.hlo (fusions, layouts), and NAME.npz with arg0, arg1, ...,
and the results that JAX computes: result.0, result.1, ... The programs over meshes of 2 to 8 devices have no .npz.
"""

import argparse
import os
import pathlib

FLAGS = (
    "--xla_allow_excess_precision=false --xla_cpu_enable_fast_min_max=false --xla_force_host_platform_device_count=8"
)
os.environ["XLA_FLAGS"] = FLAGS + " " + os.environ.get("XLA_FLAGS", "")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np

import jax_programs
from archive import write_archive

MESHES = {"2": ((2, 1), 2), "4": ((2, 2), 4), "8": ((4, 2), 8)}


def write_texts(path, lowered, compiled):
    path.with_name(path.name + ".hlo").write_text(lowered.as_text(dialect="hlo"))
    path.with_name(path.name + ".optimized.hlo").write_text(compiled.as_text())


def write_program(path, function, arguments):
    lowered = jax.jit(function, keep_unused=True).lower(*arguments)
    compiled = lowered.compile()
    write_texts(path, lowered, compiled)
    for_tpu = jax.jit(function, keep_unused=True).trace(*arguments).lower(lowering_platforms=("tpu",))
    path.with_name(path.name + ".tpu.hlo").write_text(for_tpu.as_text(dialect="hlo", debug_info=True))
    inputs = [np.asarray(x) for x in jax.tree.leaves(arguments)]
    results = [np.asarray(x) for x in jax.tree.leaves(compiled(*arguments))]
    arrays = {f"arg{i}": x for i, x in enumerate(inputs)} | {f"result.{i}": x for i, x in enumerate(results)}
    write_archive(path.with_name(path.name + ".npz"), arrays)


def write_mesh_program(path, make, shape, count):
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:count]).reshape(shape), ("x", "y"))
    function, arguments = make(mesh)
    lowered = jax.jit(function).lower(*arguments)
    write_texts(path, lowered, lowered.compile())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("names", nargs="*", help="only these programs")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    tasks = {name: lambda p, a=a: write_program(p, *a) for name, a in jax_programs.PROGRAMS.items()}
    for name, make in jax_programs.MESH_PROGRAMS.items():
        for suffix, mesh in MESHES.items():
            tasks[f"{name}_{suffix}"] = lambda p, make=make, mesh=mesh: write_mesh_program(p, make, *mesh)
    failed = []
    for name in options.names or tasks:
        try:
            tasks[name](options.folder / name)
        except Exception as error:  # one program that this version of JAX refuses must not stop the others
            failed.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
    print(f"{len(options.names or tasks) - len(failed)} programs in {options.folder}")
    print("\n".join(failed))


if __name__ == "__main__":
    main()
