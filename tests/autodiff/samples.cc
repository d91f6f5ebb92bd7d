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
affine { x = f64[4] parameter(0); y = f64[4] parameter(1); z = multiply(x, y); ROOT w = add(z, x) }
second { x = f64[4] parameter(0); ROOT y = f64[4] parameter(1) }
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
    {"f64[6] f64[6]", "remainder(a, b)"},
    {"f64[6] f64[6]", "subtract(a, b)"},
    {"pred[6] f64[6] f64[6]", "select(a, b, c)"},
    {"pred[] f64[6] f64[6]", "select(a, b, c)"},
    {"f64[6] f64[6] f64[6]", "low = minimum(a, c); clamp(low, b, c)"},
    {"f64[] f64[6]", "high = f64[] constant(2); clamp(a, b, high)"},
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
    // Reductions.
    {"f64[3,4] f64[]", "reduce(a, b), dimensions={1}, to_apply=add"},
    {"f64[3,4]", "z = f64[] constant(-inf); reduce(a, z), dimensions={1}, to_apply=maximum"},
    {"f64[3,4]", "z = f64[] constant(inf); reduce(a, z), dimensions={0,1}, to_apply=minimum"},
    {"f64[3,4,2]", "z = f64[] constant(3); reduce(a, z), dimensions={2,0}, to_apply=multiply"},
    {"f64[2,3]",
     "k = f64[2,3] constant({{0, 1, 1}, {0, 0, 1}}); t = multiply(a, k); z = f64[] constant(1); "
     "reduce(t, z), dimensions={1}, to_apply=multiply"},
    {"f64[3,4]",
     "i = s32[3,4] iota(), iota_dimension=1; z = f64[] constant(-inf); j = s32[] constant(0); "
     "r = reduce(a, i, z, j), dimensions={1}, to_apply=best; get-tuple-element(r), index=0"},
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

}  // namespace gshard
