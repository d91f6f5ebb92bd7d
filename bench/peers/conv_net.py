#!/usr/bin/env python3
"""Writes bench/hlo/conv_net.hlo: a training step of a small convolutional net, as JAX lowers it.

    .cache/peers/bin/python bench/peers/conv_net.py
"""
import pathlib

import jax
import jax.numpy as jnp

IMAGES, SIZE, CLASSES = 32, 32, 10
WIDTHS = (32, 64, 128)


def convolve(x, kernel, stride):
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def normalise(x, scale, offset):
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * scale + offset


def logits(params, x):
    for layer in params["layers"]:
        x = jax.nn.relu(normalise(convolve(x, layer["in"], 2), layer["scale"], layer["offset"]))
        x = x + jax.nn.relu(convolve(x, layer["mid"], 1))
    return x.mean((1, 2)) @ params["out"]


def loss(params, images, labels):
    picked = jax.nn.log_softmax(logits(params, images))[jnp.arange(IMAGES), labels]
    return -picked.mean()


def step(params, momentum, images, labels):
    value, gradient = jax.value_and_grad(loss)(params, images, labels)
    momentum = jax.tree.map(lambda m, g: 0.9 * m + g, momentum, gradient)
    return jax.tree.map(lambda p, m: p - 0.01 * m, params, momentum), momentum, value


def main():
    f32 = lambda *dims: jax.ShapeDtypeStruct(dims, jnp.float32)
    layers, features = [], 3
    for width in WIDTHS:
        layers.append({"in": f32(3, 3, features, width), "mid": f32(3, 3, width, width),
                       "scale": f32(width), "offset": f32(width)})
        features = width
    params = {"layers": layers, "out": f32(features, CLASSES)}
    labels = jax.ShapeDtypeStruct((IMAGES,), jnp.int32)
    lowered = jax.jit(step, donate_argnums=(0, 1)).lower(params, params, f32(IMAGES, SIZE, SIZE, 3), labels)
    file = pathlib.Path(__file__).resolve().parent.parent / "hlo" / "conv_net.hlo"
    file.write_text(lowered.as_text(dialect="hlo"))


if __name__ == "__main__":
    main()
