#include "autodiff/samples.h"

#include <vector>

#include "parse_verified.h"

namespace gshard {
namespace {

// Computations that the samples call.
constexpr std::string_view kComputations = R"(
add { x = f64[] parameter(0); y = f64[] parameter(1); ROOT z = add(x, y) }
multiply { x = f64[] parameter(0); y = f64[] parameter(1); ROOT z = multiply(x, y) }
maximum { x = f64[] parameter(0); y = f64[] parameter(1); ROOT z = maximum(x, y) }
minimum { x = f64[] parameter(0); y = f64[] parameter(1); ROOT z = minimum(x, y) }
best {
  x = f64[] parameter(0); i = s32[] parameter(1); y = f64[] parameter(2); j = s32[] parameter(3)
  is_more = compare(x, y), direction=GT
  value = select(is_more, x, y); place = select(is_more, i, j)
  ROOT both = (f64[], s32[]) tuple(value, place)
}
extremes {
  x = f64[] parameter(0); u = f64[] parameter(1); y = f64[] parameter(2); v = f64[] parameter(3)
  largest = maximum(x, y); smallest = minimum(u, v)
  ROOT both = (f64[], f64[]) tuple(largest, smallest)
}
later {
  x = f64[] parameter(0); u = f64[] parameter(1); y = f64[] parameter(2); v = f64[] parameter(3)
  is_more = compare(x, y), direction=GT
  largest = select(is_more, x, y); other = select(is_more, u, v)
  ROOT both = (f64[], f64[]) tuple(largest, other)
}
is_more { x = f64[] parameter(0); y = f64[] parameter(1); ROOT z = compare(x, y), direction=GT }
assign { x = f64[] parameter(0); ROOT y = f64[] parameter(1) }
odd { x = f64[] parameter(0); y = f64[] parameter(1); z = multiply(x, y); ROOT w = add(z, x) }
is_equal { x = f64[] parameter(0); y = f64[] parameter(1); ROOT z = compare(x, y), direction=EQ }
sine { x = f64[4] parameter(0); ROOT y = sine(x) }
scalar { x = f64[] parameter(0); ROOT y = sine(x) }
called { x = f64[] parameter(0); ROOT y = call(x), to_apply=scalar }
curve { x = f64[] parameter(0); y = f64[] parameter(1); k = f64[] constant(3); z = multiply(x, y); w = sine(z); ROOT v = multiply(w, k) }
affine { x = f64[4] parameter(0); y = f64[4] parameter(1); z = multiply(x, y); ROOT w = add(z, x) }
second { x = f64[4] parameter(0); ROOT y = f64[4] parameter(1) }
running {
  x = f64[3] parameter(0); c = f64[3] parameter(1)
  y = multiply(x, c); z = sine(y); n = add(c, y)
  ROOT both = (f64[3], f64[3]) tuple(z, n)
}
folded { x = f64[] parameter(0); y = f64[] parameter(1); c = f64[] parameter(2); z = multiply(x, c); ROOT w = add(z, y) }
nested { x = f64[4] parameter(0); y = call(x, x), to_apply=affine; ROOT z = (f64[4], f64[4]) tuple(y, x) }
)";

std::vector<std::string> split_at(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + separator.size(), text.size()));
  }
  return parts;
}

std::string with_lines(std::string_view text) {
  std::string lines(text);
  for (size_t at = 0; (at = lines.find("; ", at)) != std::string::npos; ++at) lines[at] = '\n';
  return lines;
}

constexpr GradientSample kSamples[] = {
    // One number.
    {"f64[6]", "abs(a)"},
    {"f64[6]", "t = sine(a); acos(t)"},
    {"f64[6]", "b = cosh(a); acosh(b)"},
    {"f64[6]", "t = sine(a); asin(t)"},
    {"f64[6]", "asinh(a)"},
    {"f64[6]", "t = tanh(a); atanh(t)"},
    {"f64[6]", "cbrt(a)"},
    {"f64[6]", "ceil(a)"},
    {"f64[6]", "cosine(a)"},
    {"f64[6]", "cosh(a)"},
    {"f64[6]", "erf(a)"},
    {"f64[6]", "exponential(a)"},
    {"f64[6]", "exponential-minus-one(a)"},
    {"f64[6]", "floor(a)"},
    {"f64[6]", "imag(a)"},
    {"f64[6]", "t = abs(a); log(t)"},
    {"f64[6]", "t = abs(a); log-plus-one(t)"},
    {"f64[6]", "logistic(a)"},
    {"f64[6]", "negate(a)"},
    {"f64[6]", "real(a)"},
    {"f64[6]", "round-nearest-afz(a)"},
    {"f64[6]", "round-nearest-even(a)"},
    {"f64[6]", "t = abs(a); rsqrt(t)"},
    {"f64[6]", "sign(a)"},
    {"f64[6]", "sine(a)"},
    {"f64[6]", "sinh(a)"},
    {"f64[6]", "t = abs(a); sqrt(t)"},
    {"f64[6]", "tan(a)"},
    {"f64[6]", "tanh(a)"},
    {"f64[6]", "copy(a)"},
    {"f64[6]", "f64[6] custom-call(a), custom_call_target=\"mhlo.erf\""},
    {"f64[6]", "reduce-precision(a), exponent_bits=11, mantissa_bits=52"},
    // Complex numbers.
    {"c128[6]", "f64[6] abs(a)"},
    {"c128[6]", "sign(a)"},
    {"c128[6]", "f64[6] real(a)"},
    {"c128[6]", "f64[6] imag(a)"},
    {"f64[6] f64[6]", "c128[6] complex(a, b)"},
    {"c128[6] c128[6]", "multiply(a, b)"},
    {"c128[6] c128[6]", "divide(a, b)"},
    {"c128[6]", "t = multiply(a, a); exponential(t)"},
    {"c128[6]", "log(a)"},
    {"c128[6]", "sqrt(a)"},
    {"c128[6]", "rsqrt(a)"},
    {"c128[6]", "tanh(a)"},
    {"c128[6]", "sine(a)"},
    {"c128[6]", "logistic(a)"},
    {"f64[6]", "z = c128[6] convert(a); multiply(z, z)"},
    {"c128[3,4] c128[4,5]", "dot(a, b), lhs_contracting_dims={1}, rhs_contracting_dims={0}"},
    {"pred[6] c128[6] c128[6]", "select(a, b, c)"},
    {"c128[6] c128[6]", "power(a, b)"},
    // Several numbers.
    {"f64[6] f64[6]", "add(a, b)"},
    {"f64[6]", "add(a, a)"},
    {"f64[6] f64[6]", "atan2(a, b)"},
    {"f64[6] f64[6]", "divide(a, b)"},
    {"f64[6] f64[6]", "maximum(a, b)"},
    {"f64[6] f64[6]", "minimum(a, b)"},
    {"f64[6] f64[6]", "multiply(a, b)"},
    {"f64[6] f64[6]", "t = abs(a); power(t, b)"},
    {"f64[6]", "two = f64[] constant(2); n = f64[6] broadcast(two), dimensions={}; power(a, n)"},
    {"f64[4]",
     "n = f64[4] constant({0, 1, 2, 3}); z = f64[4] constant({0, 0, 0, 0}); t = multiply(a, z); power(t, n)"},
    {"f64[6] f64[6]", "remainder(a, b)"},
    {"f64[6] f64[6]", "subtract(a, b)"},
    {"pred[6] f64[6] f64[6]", "select(a, b, c)"},
    {"pred[] f64[6] f64[6]", "select(a, b, c)"},
    {"f64[6] f64[6] f64[6]", "low = minimum(a, c); clamp(low, b, c)"},
    {"f64[] f64[6]", "high = f64[] constant(2); clamp(a, b, high)"},
    {"f64[6] f64[6] f64[6]", "clamp(a, b, c)"},
    {"f64[6]", "t = compare(a, a), direction=LT; u = f64[6] convert(t); add(u, a)"},
    // Structure.
    {"f64[4] f64[4]",
     "t = tuple(a, b); u = tuple(t, a); v = get-tuple-element(u), index=0; "
     "w = get-tuple-element(v), index=1; multiply(w, a)"},
    {"f64[4] f64[4]", "t = tuple(a, b); u = opt-barrier(t); v = get-tuple-element(u), index=1; multiply(v, v)"},
    {"f64[4]", "t = after-all(); u = add-dependency(a, t); multiply(u, u)"},
    {"f64[4]", "t = domain(a), domain={kind=\"sharding\", entry={replicated}, exit={replicated}}; multiply(t, t)"},
    {"f64[4] f64[4]", "t = call(a, b), to_apply=affine; u = call(t, a), to_apply=affine; multiply(u, t)"},
    {"f64[4] f64[4]", "t = call(a, b), to_apply=second; multiply(t, t)"},
    {"f64[4]", "t = call(a), to_apply=nested; u = get-tuple-element(t), index=0; multiply(u, u)"},
    {"f64[4] f64[4]", "fusion(a, b), kind=kLoop, calls=affine"},
    {"f64[4] f64[4]",
     "t = call(a, b), to_apply=affine, frontend_attributes={gshard.gradient=\"recompute\"}; "
     "call(t, b), to_apply=affine, frontend_attributes={gshard.gradient=\"recompute\"}"},
    {"f64[4]",
     "t = call(a), to_apply=nested, frontend_attributes={gshard.gradient=\"recompute\"}; "
     "u = get-tuple-element(t), index=0; v = get-tuple-element(t), index=1; multiply(u, v)"},
    {"f64[4]", "t = f64[4] custom-call(a), custom_call_target=\"Sharding\", sharding={replicated}; multiply(t, t)"},
    {"f64[4]", "t = f64[4] custom-call(a), custom_call_target=\"MoveToHost\"; multiply(t, t)"},
    {"f64[4]", "f64[2,2] bitcast(a)"},
    {"f64[4] f64[4]", "t = f64[4] map(a, b), dimensions={0}, to_apply=curve; multiply(t, a)"},
    // Whole algorithms.
    {"f64[2,3,3]",
     "t = f64[2,3,3] transpose(a), dimensions={0,2,1}; u = f64[2,3,3] dot(a, t), lhs_batch_dims={0}, "
     "lhs_contracting_dims={2}, rhs_batch_dims={0}, rhs_contracting_dims={1}; i = s32[2,3,3] iota(), "
     "iota_dimension=1; j = s32[2,3,3] iota(), iota_dimension=2; k = compare(i, j), direction=EQ; "
     "l = f64[2,3,3] convert(k); s = add(u, l); cholesky(s), lower=true"},
    {"f64[3,3]",
     "t = f64[3,3] transpose(a), dimensions={1,0}; u = dot(a, t), lhs_contracting_dims={1}, "
     "rhs_contracting_dims={0}; i = s32[3,3] iota(), iota_dimension=0; j = s32[3,3] iota(), "
     "iota_dimension=1; k = compare(i, j), direction=EQ; l = f64[3,3] convert(k); s = add(u, l); "
     "cholesky(s), lower=false"},
    {"f64[2,3,3] f64[2,3,4]", "triangular-solve(a, b), left_side=true, lower=true, transpose_a=NO_TRANSPOSE"},
    {"f64[3,3] f64[4,3]", "triangular-solve(a, b), left_side=false, lower=false, transpose_a=TRANSPOSE"},
    {"f64[3,3] f64[3,4]",
     "triangular-solve(a, b), left_side=true, lower=false, unit_diagonal=true, "
     "transpose_a=ADJOINT"},
    {"c128[3,3] c128[4,3]", "triangular-solve(a, b), left_side=false, lower=true, transpose_a=ADJOINT"},
    {"c128[3,3] c128[3,4]", "triangular-solve(a, b), left_side=true, lower=true, transpose_a=TRANSPOSE"},
    {"c128[3,4,5]", "fft(a), fft_type=FFT, fft_length={4,5}"},
    {"c128[3,5]", "fft(a), fft_type=IFFT, fft_length={5}"},
    {"f64[3,4,6]", "fft(a), fft_type=RFFT, fft_length={4,6}"},
    {"f64[3,5]", "fft(a), fft_type=RFFT, fft_length={5}"},
    {"c128[4,4]", "fft(a), fft_type=IRFFT, fft_length={4,6}"},
    {"c128[2,3]", "fft(a), fft_type=IRFFT, fft_length={5}"},
    {"f64[4,3,5] f64[3] f64[3]",
     "t = batch-norm-training(a, b, c), epsilon=0.01, feature_index=1; "
     "x = get-tuple-element(t), index=0; m = get-tuple-element(t), index=1; "
     "v = get-tuple-element(t), index=2; r = multiply(m, v); s = f64[4,3,5] broadcast(r), "
     "dimensions={1}; multiply(s, x)"},
    {"f64[0,2] f64[2] f64[2]",
     "t = batch-norm-training(a, b, c), epsilon=0.1, feature_index=1; get-tuple-element(t), index=0"},
    {"f64[4,3] f64[3] f64[3] f64[3] f64[3]",
     "v = multiply(e, e); "
     "batch-norm-inference(a, b, c, d, v), epsilon=0.01, feature_index=1"},
    {"f64[8,4] f64[3,4,5]",
     "g = s32[3] constant({2, 0, 5}); ragged-dot(a, b, g), lhs_contracting_dims={1}, "
     "rhs_contracting_dims={1}, lhs_ragged_dims={0}, rhs_group_dims={0}"},
    {"f64[2,6,4] f64[2,5,4,3]",
     "g = s32[2,3] constant({{2, 0, 4}, {1, 1, 1}}); ragged-dot(a, b, g), "
     "lhs_batch_dims={0}, lhs_contracting_dims={2}, rhs_batch_dims={0}, "
     "rhs_contracting_dims={2}, lhs_ragged_dims={1}, rhs_group_dims={3}"},
    // Places that lie outside, or are named twice.
    {"f64[5,2]",
     "i = s32[4] constant({-3, 2, 9, 2}); gather(a, i), offset_dims={1}, collapsed_slice_dims={0}, "
     "start_index_map={0}, index_vector_dim=1, slice_sizes={1,2}"},
    {"f64[5,6]",
     "i = s32[2,2] constant({{-3, 4}, {4, 7}}); gather(a, i), offset_dims={1,2}, collapsed_slice_dims={}, "
     "start_index_map={1,0}, index_vector_dim=1, slice_sizes={2,3}"},
    {"f64[4,5]",
     "n = s32[4,1] iota(), iota_dimension=0; i = s32[4,1] constant({{7}, {1}, {-1}, {0}}); "
     "k = concatenate(n, i), dimensions={1}; gather(a, k), offset_dims={}, collapsed_slice_dims={0,1}, "
     "start_index_map={0,1}, index_vector_dim=1, slice_sizes={1,1}"},
    {"f64[5,2] f64[4,2]",
     "i = s32[4] constant({-3, 2, 9, 2}); scatter(a, i, b), update_window_dims={1}, "
     "inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=1, to_apply=add"},
    {"f64[5,2] f64[4,2]",
     "i = s32[4] constant({-3, 2, 9, 2}); scatter(a, i, b), update_window_dims={1}, "
     "inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=1, "
     "to_apply=assign"},
    {"f64[6,5] f64[2,2,3]",
     "i = s32[2,2] constant({{1, 1}, {2, 2}}); scatter(a, i, b), update_window_dims={1,2}, "
     "inserted_window_dims={}, scatter_dims_to_operand_dims={0,1}, index_vector_dim=1, "
     "to_apply=assign"},
    {"f64[6]", "i = s32[] constant(5); dynamic-slice(a, i), dynamic_slice_sizes={3}"},
    {"f64[6] f64[3]", "i = s32[] constant(-2); dynamic-update-slice(a, b, i)"},
    {"f64[3,5]", "t = (f64[3,2], s32[3,2]) custom-call(a), custom_call_target=\"TopK\"; get-tuple-element(t), index=0"},
    // Reductions.
    {"f64[3,4] f64[]", "reduce(a, b), dimensions={1}, to_apply=add"},
    {"f64[3,4]", "z = f64[] constant(-inf); reduce(a, z), dimensions={1}, to_apply=maximum"},
    {"f64[3,4]", "z = f64[] constant(inf); reduce(a, z), dimensions={0,1}, to_apply=minimum"},
    {"f64[3,4,2]", "z = f64[] constant(3); reduce(a, z), dimensions={2,0}, to_apply=multiply"},
    {"f64[2,3]",
     "k = f64[2,3] constant({{0, 1, 1}, {0, 0, 1}}); t = multiply(a, k); z = f64[] constant(1); "
     "reduce(t, z), dimensions={1}, to_apply=multiply"},
    {"f64[3,4] f64[]", "reduce(a, b), dimensions={0}, to_apply=multiply"},
    {"f64[6] f64[]", "reduce-window(a, b), window={size=3 stride=2 pad=1_1}, to_apply=add"},
    {"f64[6]", "z = f64[] constant(1); reduce-window(a, z), window={size=3}, to_apply=multiply"},
    {"f64[6] f64[]",
     "k = f64[6] constant({1, 0, 0, 1, 1, 0}); t = multiply(a, k); reduce-window(t, b), window={size=2}, "
     "to_apply=multiply"},
    {"f64[5]", "z = f64[] constant(1); reduce-window(a, z), window={size=5 pad=4_0}, to_apply=multiply"},
    {"f64[4,3,5] f64[]",
     "reduce-window(a, b), window={size=2x1x3 stride=1x1x2 pad=1_0x0_0x-1_2 lhs_dilate=2x1x1 rhs_dilate=1x1x2}, "
     "to_apply=multiply"},
    {"f64[2,3] f64[]", "reduce-window(a, b), window={size=1x1}, to_apply=multiply"},
    {"f64[2] f64[]", "reduce-window(a, b), window={size=3}, to_apply=multiply"},
    {"f64[0] f64[]", "reduce-window(a, b), window={size=2 pad=1_1}, to_apply=multiply"},
    {"f64[3,4] f64[3]",
     "s = (f64[3,4], f64[3]) scan(a, b), dimensions={1}, num_carries=1, to_apply=running; "
     "y = get-tuple-element(s), index=0; n = get-tuple-element(s), index=1; m = f64[3,4] broadcast(n), "
     "dimensions={0}; multiply(y, m)"},
    {"f64[4,3] f64[3]",
     "s = (f64[4,3], f64[3]) scan(a, b), dimensions={0}, num_carries=1, is_reverse=true, to_apply=running; "
     "get-tuple-element(s), index=0"},
    {"f64[5] f64[5] f64[]", "scan(a, b, c), dimensions={0}, num_carries=1, to_apply=folded"},
    {"f64[0] f64[0] f64[]", "scan(a, b, c), dimensions={0}, num_carries=1, to_apply=folded"},
    {"f64[3,4]",
     "i = s32[3,4] iota(), iota_dimension=1; z = f64[] constant(-inf); j = s32[] constant(0); "
     "r = reduce(a, i, z, j), dimensions={1}, to_apply=best; get-tuple-element(r), index=0"},
    // Two choices side by side, and one that the initial value wins.
    {"f64[3,4] f64[3,4] f64[3]",
     "z = f64[] constant(-inf); i = f64[] constant(inf); r = (f64[3], f64[3]) reduce(a, b, z, i), dimensions={1}, "
     "to_apply=extremes; u = get-tuple-element(r), index=0; v = get-tuple-element(r), index=1; w = multiply(u, v); "
     "multiply(w, c)"},
    {"f64[3,4] f64[3]", "z = f64[] constant(2); r = reduce(a, z), dimensions={1}, to_apply=maximum; multiply(r, b)"},
    // The last of equal elements.
    {"f64[4]",
     "k = f64[4] constant({1, 1, 2, 2}); z = f64[] constant(-inf); o = f64[] constant(0); "
     "r = (f64[3], f64[3]) reduce-window(k, a, z, o), window={size=2}, to_apply=later; get-tuple-element(r), index=1"},
    {"f64[2] f64[]",
     "k = f64[6] constant({1, 1, 1, 2, 3, 3}); select-and-scatter(k, a, b), window={size=3 stride=3}, "
     "select=is_more, scatter=add"},
};

constexpr RefusedSample kRefused[] = {
    {{"f64[4]", "t = f32[4,2] bitcast-convert(a); f64[4,2] convert(t)"},
     "%t = bitcast-convert has none: it reads numbers as bits of another type"},
    {{"f64[4]", "f64[4] custom-call(a), custom_call_target=\"mine\""},
     "what the target \"mine\" computes is not known"},
    {{"f64[]", "o = f64[] constant(1); f64[4] rng(a, o), distribution=rng_uniform"}, "the draw is not a function"},
    {{"f64[3,4]", "z = f64[] constant(0); reduce(a, z), dimensions={1}, to_apply=odd"},
     "%odd is neither a sum, a product nor a choice among the elements"},
    {{"f64[3] f64[]", "reduce(a, b), dimensions={0}, to_apply=maximum"},
     "only the initial value of a sum or a product has one"},
    {{"f64[4]", "z = f64[] constant(1); reduce-window(a, z), window={size=2}, to_apply=odd"},
     "%odd is neither a sum, a product nor a choice by size"},
    {{"f64[4] f64[]", "reduce-window(a, b), window={size=2}, to_apply=minimum"},
     "only the initial value of a sum or a product has one"},
    {{"f64[4] f64[2]",
      "z = f64[] constant(0); select-and-scatter(a, b, z), window={size=2 stride=2}, select=is_equal, "
      "scatter=add"},
     "it selects by other than size"},
    {{"f64[5] f64[2]",
      "i = s32[2] constant({1, 2}); scatter(a, i, b), update_window_dims={}, "
      "inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=1, to_apply=multiply"},
     "%multiply neither adds nor overwrites"},
    {{"c128[4] c128[4]", "maximum(a, b)"}, "complex numbers have no order"},
    {{"c128[2,2]", "cholesky(a), lower=true"}, "of complex matrices it is not taken"},
    {{"f64[3,4] f64[4,5]",
      "g = s32[2] constant({1, 3}); ragged-dot(a, b, g), lhs_contracting_dims={1}, "
      "rhs_contracting_dims={0}, lhs_ragged_dims={1}, rhs_group_dims={}"},
     "only that of ragged rows"},
    {{"f64[4]", "s = ((f64[4]), f64[4], u32[]) async-start(a), calls=sine; async-done(s)"},
     "halves of asynchronous ops"},
    {{"f64[4]", "map(a), dimensions={0}, to_apply=called"}, "%y in it is not pointwise"},
};

}  // namespace

std::unique_ptr<Module> module_of(const GradientSample& sample) {
  std::string text = "HloModule sample\n" + with_lines(kComputations) + "ENTRY e {\n";
  const std::vector<std::string> types = split_at(sample.parameters, " ");
  for (size_t i = 0; i < types.size(); ++i) {
    text += std::string(1, static_cast<char>('a' + i)) + " = " + types[i] + " parameter(" + std::to_string(i) + ")\n";
  }
  const std::vector<std::string> instructions = split_at(sample.instructions, "; ");
  for (size_t i = 0; i < instructions.size(); ++i) {
    text += (i + 1 == instructions.size() ? "ROOT result = " : "") + instructions[i] + "\n";
  }
  return parse_verified(text + "}\n");
}

std::span<const GradientSample> differentiable_samples() { return kSamples; }
std::span<const RefusedSample> refused_samples() { return kRefused; }

}  // namespace gshard
