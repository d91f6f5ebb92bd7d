"""Functions of JAX as people write them, each with arguments: the sources of jax_corpus.py.

PROGRAMS maps a name to (function, arguments); MESH_PROGRAMS to a function of a mesh that returns the same pair.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

PROGRAMS = {}
MESH_PROGRAMS = {}
random = np.random.default_rng(7)


def add(name, function, *arguments):
    assert name not in PROGRAMS, name
    PROGRAMS[name] = (function, arguments)


def floats(*dims, dtype=np.float32):
    return random.normal(size=dims).astype(dtype)


def positive(*dims):
    return random.uniform(0.5, 1.5, dims).astype(np.float32)


def integers(high, *dims, low=0, dtype=np.int32):
    return random.integers(low, high, dims).astype(dtype)


# ---- one function of jax.numpy, jax.lax or jax.nn each ----

UNARY = {
    jnp: """abs arcsinh arctan argmax argmin cbrt ceil cos cosh cumprod cumsum diag exp exp2 expm1 fliplr flipud floor
            isfinite isnan linalg.norm log1p max mean median min negative ptp ravel rint round sign signbit sin sinc
            sinh sort square std sum tan tanh trace transpose tril triu trunc unwrap var nan_to_num nansum nanmax diff
            corrcoef cov gradient argsort rot90 spacing frexp modf i0""",
    jax.nn: """celu elu gelu glu hard_sigmoid hard_swish hard_tanh leaky_relu log_sigmoid log_softmax logsumexp mish
               relu relu6 selu sigmoid silu soft_sign softmax softplus squareplus standardize""",
}
for module, names in UNARY.items():
    for name in names.split():
        function = functools.reduce(getattr, name.split("."), module)
        add(f"{module.__name__.split('.')[-1]}_{name.replace('.', '_')}", function, floats(6, 6))
for name in "acos acosh asin atanh log log10 log2 reciprocal sqrt".split():
    add(f"numpy_{name}", getattr(jnp, name), random.uniform(0.1, 0.9, (3, 5)).astype(np.float32) + (name == "acosh"))
for name in """add arctan2 copysign cross divide equal float_power floor_divide fmax fmin fmod greater heaviside hypot
               kron logaddexp logaddexp2 maximum minimum multiply nextafter not_equal outer power remainder subtract
               matmul inner dot vdot correlate convolve tensordot append""".split():
    dims = (8,) if name in ("correlate", "convolve") else (3, 3)
    add(f"numpy_{name}", getattr(jnp, name), positive(*dims), floats(*dims))
for name in "bitwise_and bitwise_or bitwise_xor left_shift right_shift gcd lcm floor_divide remainder power".split():
    add(f"integer_{name}", getattr(jnp, name), integers(50, 4, 5, low=1), integers(7, 4, 5, low=1))
for name in "bitwise_count invert".split():
    add(f"integer_{name}", getattr(jnp, name), integers(1000, 9, low=-1000))
for name in "digamma erf erf_inv erfc lgamma bessel_i0e bessel_i1e".split():
    add(f"lax_{name}", getattr(lax, name), random.uniform(0.05, 0.95, (12,)).astype(np.float32))
add("lax_igamma", lax.igamma, positive(6), positive(6))
add("lax_betainc", jax.scipy.special.betainc, positive(6), positive(6), random.uniform(0.1, 0.9, 6).astype(np.float32))
add("lax_zeta", jax.scipy.special.zeta, positive(6) + 1.5, positive(6))
add("lax_clz", lax.clz, integers(2**31 - 1, 8))
add("lax_nextafter", lax.nextafter, floats(5), floats(5))
add("lax_reduce_precision", functools.partial(lax.reduce_precision, exponent_bits=5, mantissa_bits=3), floats(20))
add("lax_round_even", functools.partial(lax.round, rounding_method=lax.RoundingMethod.TO_NEAREST_EVEN), floats(20) * 4)
add("lax_cumlogsumexp", functools.partial(lax.cumlogsumexp, axis=1), floats(3, 9))
add("lax_cummax_reverse", functools.partial(lax.cummax, axis=0, reverse=True), floats(9, 2))
add("lax_associative_scan", functools.partial(lax.associative_scan, jnp.multiply), positive(13))
for name in "all any count_nonzero".split():
    add(f"numpy_{name}", getattr(jnp, name), integers(2, 4, 4).astype(bool))
for name in "float16 bfloat16 int8 uint8 int16 int32 bool float8_e4m3fn float8_e5m2 int4".split():
    add(f"cast_{name}", lambda x, name=name: x.astype(name).astype(jnp.float32), floats(4, 6) * 3)

# ---- indexing and shapes ----

MATRIX, INDEX, ROWS = floats(6, 5), integers(6, 4), integers(6, 3, 2)
add("take", lambda x, i: jnp.take(x, i, axis=0), MATRIX, INDEX)
add("take_fill", lambda x, i: jnp.take(x, i, axis=0, mode="fill"), MATRIX, integers(12, 7, low=-4))
add("take_clip", lambda x, i: jnp.take(x, i, axis=1, mode="clip"), MATRIX, integers(12, 7, low=-4))
add("take_along_axis", lambda x, i: jnp.take_along_axis(x, i, axis=1), MATRIX, integers(5, 6, 3))
add("index_pair", lambda x, i, j: x[i, j], MATRIX, INDEX, integers(5, 4))
add("index_mixed", lambda x, i: x[i, :, None, 1::2], floats(6, 3, 5), ROWS)
add("index_negative", lambda x: x[::-1, -3:], MATRIX)
add("index_boolean_where", lambda x, m: jnp.where(m, x, 0), MATRIX, integers(2, 6, 5).astype(bool))
add("at_set", lambda x, i, v: x.at[i].set(v), MATRIX, np.int32([3, 0, 5, 1]), floats(4, 5))
add("at_add", lambda x, i, v: x.at[i].add(v), MATRIX, INDEX, floats(4, 5))
add("at_mul", lambda x, i, v: x.at[i].mul(v), MATRIX, INDEX, floats(4, 5))
add("at_max_drop", lambda x, i, v: x.at[i].max(v, mode="drop"), MATRIX, integers(12, 4, low=-3), floats(4, 5))
add("at_add_pairs", lambda x, i, j: x.at[i, j].add(1.0), MATRIX, ROWS, integers(5, 3, 2))
add("at_set_slice", lambda x: x.at[1:4, ::2].set(7.0), MATRIX)
add("vmap_gather", jax.vmap(lambda x, i: x[i]), floats(4, 7, 3), integers(7, 4, 2))
add("vmap_scatter", jax.vmap(lambda x, i, v: x.at[i].add(v)), floats(4, 7), integers(7, 4, 3), floats(4, 3))
add("vmap_dynamic_slice", jax.vmap(lambda x, i: lax.dynamic_slice(x, (i,), (3,))), floats(4, 9), integers(12, 4))
add(
    "vmap_dynamic_update_slice",
    jax.vmap(lambda x, u, i: lax.dynamic_update_slice(x, u, (i,))),
    floats(4, 9),
    floats(4, 2),
    integers(12, 4),
)
add("dynamic_slice", lambda x, i: lax.dynamic_slice(x, (i, i + 1), (2, 3)), MATRIX, np.int32(3))
add("roll", lambda x: jnp.roll(x, (2, -1), (0, 1)), MATRIX)
add("roll_dynamic", lambda x, n: jnp.roll(x, n), floats(9), np.int32(4))
add("pad_reflect", lambda x: jnp.pad(x, ((1, 2), (2, 1)), mode="reflect"), MATRIX)
add("pad_edge", lambda x: jnp.pad(x, ((1, 2), (2, 1)), mode="edge"), MATRIX)
add("pad_wrap", lambda x: jnp.pad(x, 2, mode="wrap"), MATRIX)
add("pad_mean", lambda x: jnp.pad(x, 1, mode="mean"), MATRIX)
add("repeat", lambda x: jnp.repeat(x, 3, axis=1), MATRIX)
add("tile", lambda x: jnp.tile(x, (2, 3)), MATRIX)
add("stack", lambda x, y: (jnp.stack([x, y], 1), jnp.concatenate([x, y], 0), jnp.hstack([x, y])), MATRIX, floats(6, 5))
add("split", lambda x: tuple(jnp.split(x, 3)), MATRIX)
add("meshgrid", lambda x, y: tuple(jnp.meshgrid(x, y)), floats(3), floats(4))
add("one_hot", lambda i: jax.nn.one_hot(i, 6), INDEX)
add("searchsorted", lambda a, v: jnp.searchsorted(a, v), np.sort(floats(20)), floats(9))
add("digitize", lambda v, a: jnp.digitize(v, a), floats(9), np.sort(floats(5)))
add("interp", lambda x, xp, fp: jnp.interp(x, xp, fp), floats(9), np.sort(floats(6)), floats(6))
add("histogram", lambda x: jnp.histogram(x, bins=7)[0], floats(40))
add("bincount", lambda i: jnp.bincount(i, length=9), integers(9, 30))
add("unique", lambda i: jnp.unique(i, size=6, fill_value=-1, return_counts=True), integers(5, 12))
add("lexsort", lambda a, b: jnp.lexsort((a, b)), integers(4, 12), integers(4, 12))
add("sort_pairs", lambda k, v: lax.sort((k, v), num_keys=1), integers(9, 12), floats(12))
add("sort_descending", lambda x: jnp.sort(x, axis=0, descending=True), MATRIX)
add("argsort_stable", lambda x: jnp.argsort(x, axis=1, stable=True), integers(3, 5, 9))
add("sort_two_keys", lambda a, b, c: lax.sort((a, b, c), num_keys=2), integers(3, 12), floats(12), floats(12))
add("partition", lambda x: jnp.partition(x, 4), floats(11))
add("top_k", lambda x: lax.top_k(x, 3), floats(4, 9))
add("approx_max_k", lambda x: lax.approx_max_k(x, 3), floats(4, 16))
add("quantile", lambda x: jnp.quantile(x, jnp.array([0.1, 0.5, 0.9])), floats(31))
add("segment_sum", lambda x, i: jax.ops.segment_sum(x, i, num_segments=5), floats(12, 3), integers(5, 12))
add("segment_max", lambda x, i: jax.ops.segment_max(x, i, num_segments=5), floats(12), integers(4, 12))
add("resize_bilinear", lambda x: jax.image.resize(x, (9, 7, 2), "bilinear"), floats(5, 5, 2))
add("resize_nearest", lambda x: jax.image.resize(x, (9, 3, 2), "nearest"), floats(5, 5, 2))
add("resize_cubic", lambda x: jax.image.resize(x, (8, 8), "cubic"), floats(5, 5))
add(
    "map_coordinates", lambda x, c: jax.scipy.ndimage.map_coordinates(x, [c, c], order=1), floats(8, 8), positive(6) * 3
)
add("vander", lambda x: jnp.vander(x, 4), floats(5))
add("polyval", lambda p, x: jnp.polyval(p, x), floats(4), floats(6))
add("packbits", lambda b: jnp.packbits(b), integers(2, 32).astype(bool))
add("unpackbits", lambda b: jnp.unpackbits(b), integers(256, 5, dtype=np.uint8))
add("view_bits", lambda x: lax.bitcast_convert_type(x, jnp.uint8), floats(3, 4))
add("iota_like", lambda x: x + jnp.arange(x.size).reshape(x.shape), MATRIX)
add("eye_tri", lambda x: x * jnp.eye(6, 5) + jnp.tri(6, 5, 1), MATRIX)

# ---- contractions and linear algebra ----

SPD = np.float32(np.eye(5) * 6) + (lambda a: a @ a.T)(floats(5, 5))
add("einsum_moe", lambda d, x: jnp.einsum("GSEC,GSM->EGCM", d, x), floats(2, 6, 3, 4), floats(2, 6, 5))
add("einsum_attention", lambda q, k: jnp.einsum("bthd,bshd->bhts", q, k), floats(2, 5, 3, 4), floats(2, 6, 3, 4))
add("einsum_diagonal", lambda x: jnp.einsum("ii->i", x), floats(5, 5))
add("einsum_three", lambda a, b, c: jnp.einsum("ij,jk,kl->il", a, b, c), floats(3, 4), floats(4, 5), floats(5, 2))
add("matmul_batched", jnp.matmul, floats(2, 3, 4, 5), floats(3, 5, 6))
add("matmul_bf16", jnp.matmul, floats(7, 9, dtype=jnp.bfloat16), floats(9, 3, dtype=jnp.bfloat16))
add(
    "dot_preferred",
    functools.partial(jnp.matmul, preferred_element_type=jnp.float32),
    floats(7, 9, dtype=jnp.bfloat16),
    floats(9, 3, dtype=jnp.bfloat16),
)
add(
    "dot_int8",
    functools.partial(jnp.matmul, preferred_element_type=jnp.int32),
    integers(100, 5, 6, dtype=np.int8),
    integers(100, 6, 3, dtype=np.int8),
)
add(
    "dot_complex",
    jnp.matmul,
    (floats(3, 4) + 1j * floats(3, 4)).astype(np.complex64),
    (floats(4, 2) + 1j * floats(4, 2)).astype(np.complex64),
)
add("ragged_dot", lax.ragged_dot, floats(9, 4), floats(3, 4, 2), np.int32([2, 4, 3]))
add("cholesky", jnp.linalg.cholesky, SPD)
add("triangular_solve", lambda a, b: jax.scipy.linalg.solve_triangular(a, b, lower=True), np.tril(SPD), floats(5, 3))
add(
    "cho_solve",
    lambda a, b: jax.scipy.linalg.cho_solve((a, True), b),
    np.linalg.cholesky(SPD).astype(np.float32),
    floats(5, 2),
)
add("expm", jax.scipy.linalg.expm, floats(4, 4) * 0.3)
add("matrix_power", lambda x: jnp.linalg.matrix_power(x, 5), floats(4, 4) * 0.5)
add("toeplitz", jax.scipy.linalg.toeplitz, floats(5))
add("fft", jnp.fft.fft, (floats(3, 8) + 1j * floats(3, 8)).astype(np.complex64))
add("rfft_irfft", lambda x: jnp.fft.irfft(jnp.fft.rfft(x) * 2, n=10), floats(3, 10))
add("fft2", jnp.fft.fft2, floats(4, 6))
add("fftshift", lambda x: jnp.fft.fftshift(jnp.abs(jnp.fft.fft(x))), floats(9))

# ---- convolutions and windows ----

IMAGE, FILTER = floats(2, 8, 8, 3), floats(3, 3, 3, 4)
NHWC = ("NHWC", "HWIO", "NHWC")
add("conv_same", lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=NHWC), IMAGE, FILTER)
add("conv_strided", lambda x, w: lax.conv_general_dilated(x, w, (2, 3), "VALID", dimension_numbers=NHWC), IMAGE, FILTER)
add(
    "conv_dilated",
    lambda x, w: lax.conv_general_dilated(x, w, (1, 1), [(2, 1), (0, 3)], (2, 1), (1, 2), NHWC),
    IMAGE,
    FILTER,
)
add(
    "conv_grouped",
    lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=NHWC, feature_group_count=3),
    IMAGE,
    floats(3, 3, 1, 6),
)
add("conv_nchw", lambda x, w: lax.conv(x, w, (1, 1), "SAME"), floats(2, 3, 6, 6), floats(4, 3, 3, 3))
add("conv_transpose", lambda x, w: lax.conv_transpose(x, w, (2, 2), "SAME"), IMAGE, floats(3, 3, 3, 2))
add(
    "conv_1d",
    lambda x, w: lax.conv_general_dilated(
        x, w, (1,), [(3, 0)], rhs_dilation=(3,), dimension_numbers=("NWC", "WIO", "NWC")
    ),
    floats(2, 12, 3),
    floats(2, 3, 4),
)
add(
    "conv_3d",
    lambda x, w: lax.conv_general_dilated(x, w, (1, 2, 1), "SAME"),
    floats(1, 2, 4, 4, 5),
    floats(3, 2, 2, 2, 3),
)
add(
    "conv_bf16",
    lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=NHWC),
    IMAGE.astype(jnp.bfloat16),
    FILTER.astype(jnp.bfloat16),
)
conv_loss = lambda x, w: jnp.sum(lax.conv_general_dilated(x, w, (2, 1), [(1, 2), (0, 1)], (1, 2), (2, 1), NHWC) ** 2)
add("conv_grad", jax.grad(conv_loss, (0, 1)), IMAGE, FILTER)
grouped_loss = lambda x, w: jnp.sum(
    lax.conv_general_dilated(x, w, (1, 2), "SAME", dimension_numbers=NHWC, feature_group_count=3) ** 2
)
add("conv_grouped_grad", jax.grad(grouped_loss, (0, 1)), IMAGE, floats(3, 3, 1, 6))
max_pool = lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
average_pool = lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4
add("max_pool", max_pool, IMAGE)
add("average_pool", average_pool, IMAGE)
add("max_pool_grad", jax.grad(lambda x: jnp.sum(max_pool(x) ** 2)), IMAGE)
add("average_pool_grad", jax.grad(lambda x: jnp.sum(average_pool(x) ** 2)), IMAGE)
add(
    "reduce_window_dilated",
    lambda x: lax.reduce_window(x, 1.0, lax.mul, (2, 3), (2, 1), ((1, 0), (0, 2)), (2, 1), (1, 2)),
    floats(5, 6),
)
add(
    "extract_patches",
    lambda x: lax.conv_general_dilated_patches(x, (2, 2), (1, 1), "VALID", dimension_numbers=NHWC),
    IMAGE,
)

# ---- control flow ----

add("cond", lambda p, x: lax.cond(p, jnp.sin, jnp.cos, x), np.array(True), floats(4))
add("switch", lambda i, x: lax.switch(i, [jnp.sin, jnp.cos, jnp.exp], x), np.int32(2), floats(4))
add("switch_vmap", jax.vmap(lambda i, x: lax.switch(i, [jnp.sin, jnp.cos, jnp.exp], x)), integers(3, 5), floats(5, 2))
add(
    "while_collatz",
    lambda n: lax.while_loop(
        lambda s: s[0] != 1, lambda s: (jnp.where(s[0] % 2 == 0, s[0] // 2, 3 * s[0] + 1), s[1] + 1), (n, 0)
    ),
    np.int32(27),
)
add("fori", lambda x: lax.fori_loop(0, 7, lambda i, y: y * 0.9 + i, x), floats(4))
add("fori_dynamic", lambda n, x: lax.fori_loop(0, n, lambda i, y: y.at[i].set(i * 2.0), x), np.int32(3), floats(6))
add("scan_cumulative", lambda x: lax.scan(lambda c, y: (c * 0.5 + y, c), jnp.zeros(3), x), floats(6, 3))
add("scan_reverse", lambda x: lax.scan(lambda c, y: (c + y, c * y), jnp.ones(3), x, reverse=True), floats(6, 3))
add("scan_unrolled", lambda x: lax.scan(lambda c, y: (c + y, c * y), jnp.ones(3), x, unroll=4), floats(6, 3))
add(
    "scan_grad",
    jax.grad(lambda x: jnp.sum(lax.scan(lambda c, y: (jnp.tanh(c * y), c), jnp.ones(3), x)[1] ** 2)),
    floats(6, 3),
)
add("map", lambda x: lax.map(lambda y: jnp.sort(y) @ y, x), floats(4, 5))
add("checkpoint_grad", jax.grad(lambda x: jnp.sum(jax.checkpoint(lambda y: jnp.sin(jnp.cos(y)))(x))), floats(5))
add(
    "newton",
    lambda a: lax.while_loop(lambda x: jnp.abs(x * x - a) > 1e-4, lambda x: 0.5 * (x + a / x), a),
    np.float32(7),
)


def lstm(params, xs, state):
    def step(carry, x):
        h, c = carry
        gates = jnp.concatenate([x, h]) @ params["w"] + params["b"]
        i, f, g, o = jnp.split(gates, 4)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return lax.scan(step, state, xs)[1]


LSTM = ({"w": floats(7, 16) * 0.5, "b": floats(16)}, floats(5, 3), (np.zeros(4, np.float32), np.zeros(4, np.float32)))
add("lstm", lstm, *LSTM)
add("lstm_grad", jax.grad(lambda *a: jnp.mean(lstm(*a) ** 2)), *LSTM)

# ---- random numbers ----

KEY = np.uint32([12, 345])
for name, draw in {
    "uniform": lambda k: jax.random.uniform(k, (3, 5)),
    "normal": lambda k: jax.random.normal(k, (3, 5)),
    "bernoulli": lambda k: jax.random.bernoulli(k, 0.3, (12,)),
    "randint": lambda k: jax.random.randint(k, (12,), 3, 99),
    "categorical": lambda k: jax.random.categorical(k, jnp.log(jnp.array([0.2, 0.5, 0.3])), shape=(9,)),
    "gumbel": lambda k: jax.random.gumbel(k, (7,)),
    "permutation": lambda k: jax.random.permutation(k, 10),
    "choice": lambda k: jax.random.choice(k, 10, (4,), replace=False),
    "truncated_normal": lambda k: jax.random.truncated_normal(k, -1.0, 2.0, (9,)),
    "exponential": lambda k: jax.random.exponential(k, (9,)),
    "laplace": lambda k: jax.random.laplace(k, (9,)),
    "gamma": lambda k: jax.random.gamma(k, 2.0, (5,)),
    "poisson": lambda k: jax.random.poisson(k, 3.0, (5,)),
    "bits_u8": lambda k: jax.random.bits(k, (9,), jnp.uint8),
    "split": lambda k: jax.random.split(k, 3),
    "fold_in": lambda k: jax.random.fold_in(k, 17),
    "bf16": lambda k: jax.random.normal(k, (6,), jnp.bfloat16),
    "orthogonal": lambda k: jax.random.rademacher(k, (9,)),
}.items():
    add(f"random_{name}", draw, KEY)
add(
    "random_rbg", lambda k: jax.random.uniform(jax.random.wrap_key_data(k, impl="rbg"), (3, 5)), np.uint32([1, 2, 3, 4])
)
add("rng_bit_generator", lambda k: lax.rng_bit_generator(k, (5, 2), jnp.uint32), np.uint32([1, 2, 3, 4]))

# ---- networks ----


def layer_norm(x, scale, bias):
    mean = jnp.mean(x, -1, keepdims=True)
    return (x - mean) * lax.rsqrt(jnp.var(x, -1, keepdims=True) + 1e-5) * scale + bias


def attention(q, k, v, causal=True):
    scores = jnp.einsum("bthd,bshd->bhts", q, k) / np.sqrt(q.shape[-1])
    if causal:
        t = jnp.arange(q.shape[1])
        scores = jnp.where(t[:, None] >= t[None], scores, -1e30)
    return jnp.einsum("bhts,bshd->bthd", jax.nn.softmax(scores), v)


def transformer(params, tokens):
    x = params["embed"][tokens] + params["position"][: tokens.shape[1]]
    h = layer_norm(x, params["scale"], params["bias"])
    q, k, v = (jnp.einsum("btm,mhd->bthd", h, params[n]) for n in ("q", "k", "v"))
    x = x + jnp.einsum("bthd,hdm->btm", attention(q, k, v), params["o"])
    h = layer_norm(x, params["scale"], params["bias"])
    x = x + jax.nn.gelu(h @ params["up"]) @ params["down"]
    return x @ params["embed"].T


def token_loss(params, tokens):
    logits = jax.nn.log_softmax(transformer(params, tokens[:, :-1]))
    return -jnp.mean(jnp.take_along_axis(logits, tokens[:, 1:, None], -1))


def adam_step(params, state, tokens):
    gradient = jax.grad(token_loss)(params, tokens)
    m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, state[0], gradient)
    v = jax.tree.map(lambda a, g: 0.99 * a + 0.01 * g * g, state[1], gradient)
    params = jax.tree.map(lambda p, a, b: p - 0.01 * a / (jnp.sqrt(b) + 1e-4), params, m, v)
    return params, (m, v)


def transformer_params(dtype=np.float32):
    sizes = {"embed": (11, 8), "position": (6, 8), "q": (8, 2, 4), "k": (8, 2, 4), "v": (8, 2, 4), "o": (2, 4, 8)}
    params = {name: (floats(*dims) * 0.3).astype(dtype) for name, dims in sizes.items()}
    params |= {"up": (floats(8, 16) * 0.3).astype(dtype), "down": (floats(16, 8) * 0.3).astype(dtype)}
    return params | {"scale": np.ones(8, dtype), "bias": np.zeros(8, dtype)}


PARAMS, TOKENS = transformer_params(), integers(11, 3, 6)
add("transformer", transformer, PARAMS, TOKENS)
add("transformer_grad", jax.value_and_grad(token_loss), PARAMS, TOKENS)
add("transformer_bf16", transformer, transformer_params(jnp.bfloat16), TOKENS)
add(
    "adam_step",
    adam_step,
    PARAMS,
    tuple(jax.tree.map(lambda p: np.full_like(p, 0.1), PARAMS) for _ in range(2)),
    TOKENS,
)
add(
    "attention_flash_like",
    lambda q, k, v: attention(q, k, v, causal=False),
    floats(2, 4, 2, 3),
    floats(2, 5, 2, 3),
    floats(2, 5, 2, 3),
)
add("dot_product_attention", jax.nn.dot_product_attention, floats(2, 4, 2, 3), floats(2, 5, 2, 3), floats(2, 5, 2, 3))
add("softmax_grad", jax.grad(lambda x: jnp.sum(jax.nn.softmax(x) ** 2)), floats(4, 5))
add(
    "layer_norm_grad",
    jax.grad(lambda *a: jnp.sum(layer_norm(*a) ** 2), (0, 1, 2)),
    floats(4, 6),
    positive(6),
    floats(6),
)
add("dropout", lambda k, x: jnp.where(jax.random.bernoulli(k, 0.8, x.shape), x / 0.8, 0), KEY, floats(6, 5))
add("hessian", jax.hessian(lambda x: jnp.sum(jnp.sin(x) * x**3)), floats(4))
add("jacobian_forward", jax.jacfwd(lambda x: jnp.outer(x, jnp.exp(x))), floats(3))
add("logsumexp_grad", jax.grad(jax.nn.logsumexp), floats(9))
add("sort_grad", jax.grad(lambda x: jnp.sum(jnp.sort(x) * jnp.arange(9.0))), floats(9))
add("cumsum_grad", jax.grad(lambda x: jnp.sum(jnp.cumsum(x) ** 3)), floats(9))
add("cumprod_grad", jax.grad(lambda x: jnp.sum(jnp.cumprod(x))), positive(7))
add("gather_grad", jax.grad(lambda x, i: jnp.sum(x[i] ** 2)), MATRIX, INDEX)
add(
    "resnet_block",
    lambda x, w, s: jax.nn.relu(x + s * lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=NHWC)),
    IMAGE,
    floats(3, 3, 3, 3),
    positive(3),
)


def batch_norm(x, scale, bias):
    mean, variance = jnp.mean(x, (0, 1, 2)), jnp.var(x, (0, 1, 2))
    return (x - mean) * lax.rsqrt(variance + 1e-3) * scale + bias, mean, variance


add("batch_norm", batch_norm, IMAGE, positive(3), floats(3))


def moe(params, x):
    gates = jax.nn.softmax(jnp.einsum("gsm,me->gse", x, params["gate"]))
    weight, expert = lax.top_k(gates, 2)
    chosen = jax.nn.one_hot(expert, 4)
    order = jnp.cumsum(chosen.reshape(2, -1, 4), 1).reshape(chosen.shape) * chosen - 1
    dispatch = jnp.einsum("gske,gskec->gsec", chosen, jax.nn.one_hot(order, 3))
    inputs = jnp.einsum("gsec,gsm->egcm", dispatch, x)
    hidden = jax.nn.relu(jnp.einsum("egcm,emh->egch", inputs, params["up"]))
    outputs = jnp.einsum("egch,ehm->egcm", hidden, params["down"])
    combine = jnp.einsum("gsk,gske,gskec->gsec", weight, chosen, jax.nn.one_hot(order, 3))
    return jnp.einsum("gsec,egcm->gsm", combine, outputs)


MOE = ({"gate": floats(5, 4), "up": floats(4, 5, 6), "down": floats(4, 6, 5)}, floats(2, 6, 5))
add("moe", moe, *MOE)
add("moe_grad", jax.grad(lambda *a: jnp.sum(moe(*a) ** 2)), *MOE)


def decode(params, prompt):
    """Greedy decoding with a cache of the tokens."""

    def step(i, tokens):
        logits = transformer(params, tokens)
        return tokens.at[:, i].set(jnp.argmax(logits[:, i - 1], -1))

    return lax.fori_loop(3, 6, step, prompt)


add("decode", decode, PARAMS, TOKENS)

# ---- several devices: read, checked and printed, not evaluated ----


def mesh_program(function):
    MESH_PROGRAMS[function.__name__] = function
    return function


def mapped(mesh, specs_in, spec_out, body):
    return jax.shard_map(body, mesh=mesh, in_specs=specs_in, out_specs=spec_out, check_vma=False)


P = PartitionSpec


@mesh_program
def all_reduce(mesh):
    return mapped(mesh, P("x"), P(), lambda a: lax.psum(a, "x")), (floats(8, 4),)


@mesh_program
def all_reduce_max_two_axes(mesh):
    return mapped(mesh, P("x", "y"), P(), lambda a: lax.pmax(a, ("x", "y"))), (floats(8, 4),)


@mesh_program
def all_gather(mesh):
    return mapped(mesh, P("x"), P(), lambda a: lax.all_gather(a, "x", tiled=True)), (floats(8, 4),)


@mesh_program
def reduce_scatter(mesh):
    return mapped(mesh, P(None, "y"), P("x"), lambda a: lax.psum_scatter(a, "x", tiled=True)), (floats(8, 4),)


@mesh_program
def all_to_all(mesh):
    return mapped(mesh, P("x"), P(None, "x"), lambda a: lax.all_to_all(a, "x", 1, 0, tiled=True)), (floats(8, 8),)


@mesh_program
def ring(mesh):
    size = mesh.shape["x"]
    pairs = [(i, (i + 1) % size) for i in range(size)]
    return mapped(mesh, P("x"), P("x"), lambda a: lax.ppermute(a, "x", pairs) * lax.axis_index("x")), (floats(8, 4),)


@mesh_program
def ring_matmul(mesh):
    size = mesh.shape["x"]

    def body(a, b):
        def step(i, carry):
            total, shard = carry
            start = ((lax.axis_index("x") + i) % size) * b.shape[0]
            part = lax.dynamic_slice_in_dim(a, start, b.shape[0], 1)
            shard_next = lax.ppermute(shard, "x", [(j, (j - 1) % size) for j in range(size)])
            return total + part @ shard, shard_next

        return lax.fori_loop(0, size, step, (jnp.zeros((a.shape[0], b.shape[1])), b))[0]

    return mapped(mesh, (P(), P("x")), P(), body), (floats(4, 8), floats(8, 3))


@mesh_program
def constrained_mlp(mesh):
    def mlp(x, up, down):
        h = lax.with_sharding_constraint(jax.nn.relu(x @ up), NamedSharding(mesh, P("x", "y")))
        return lax.with_sharding_constraint(h @ down, NamedSharding(mesh, P("x")))

    return jax.grad(lambda *a: jnp.sum(mlp(*a) ** 2), (1, 2)), (floats(8, 6), floats(6, 8), floats(8, 6))


@mesh_program
def sharded_transformer(mesh):
    def loss(params, tokens):
        tokens = lax.with_sharding_constraint(tokens, NamedSharding(mesh, P("x")))
        params = params | {"up": lax.with_sharding_constraint(params["up"], NamedSharding(mesh, P(None, "y")))}
        return token_loss(params, tokens)

    return jax.grad(loss), (PARAMS, integers(11, 8, 6))


@mesh_program
def sharded_moe(mesh):
    def sharded(params, x):
        params = jax.tree.map(lambda p: lax.with_sharding_constraint(p, NamedSharding(mesh, P("y"))), params)
        return moe(params, lax.with_sharding_constraint(x, NamedSharding(mesh, P("x"))))

    return sharded, ({"gate": floats(4, 4), "up": floats(4, 4, 6), "down": floats(4, 6, 4)}, floats(2, 6, 4))
