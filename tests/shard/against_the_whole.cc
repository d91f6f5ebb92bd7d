#include "shard/against_the_whole.h"

#include <fmt/format.h>

#include <cmath>
#include <complex>
#include <cstring>

#include "eval/arguments.h"
#include "eval/elements.h"
#include "eval/simulate.h"
#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"
#include "transform/widen_floats.h"

namespace gshard {
namespace {

using Number = std::complex<double>;

// ---- poison ------------------------------------------------------------------------------------------------------

// Ones where the argument is, so that the zeros of scatter() show its padding.
Literal ones_like(const Literal& value) {
  if (value.shape().is_array()) {
    Literal ones{value.shape().with_type(DType::pred)};
    for (uint8_t& one : ones.mutable_values<uint8_t>()) one = 1;
    return ones;
  }
  if (!value.shape().is_tuple()) return value;
  std::vector<Literal> elements;
  for (const Literal& element : value.elements()) elements.push_back(ones_like(element));
  return Literal::tuple(std::move(elements));
}

// Number i of a list of padding: what shows where it is read, be it as a number or as an index.
Literal poison(DType type, size_t i) {
  if (is_floating(type) || is_complex(type)) return convert_elements(Literal::scalar(DType::f64, std::nan("")), type);
  const int64_t largest = INT64_MAX >> (64 - bits_of(type));
  const int64_t values[] = {1, largest, -1, -largest - 1};
  return convert_elements(Literal::scalar(DType::s64, values[i % 4]), type);
}

Literal poisoned(const Literal& value, const Literal& ones) {
  if (value.shape().is_tuple()) {
    std::vector<Literal> elements;
    for (size_t e = 0; e < value.elements().size(); ++e)
      elements.push_back(poisoned(value.elements()[e], ones.elements()[e]));
    return Literal::tuple(std::move(elements));
  }
  if (!value.shape().is_array()) return value;
  Literal result = value;
  const auto width = static_cast<size_t>(bytes_of(value.shape().type()));
  const auto real = ones.values<uint8_t>();
  size_t padding = 0;
  for (size_t i = 0; i < real.size(); ++i) {
    if (real[i] != 0) continue;
    std::memcpy(result.mutable_bytes() + i * width, poison(value.shape().type(), padding++).bytes(), width);
  }
  return result;
}

// ---- comparison --------------------------------------------------------------------------------------------------

// Of the largest element: what the roundings of a sum in another order may come to.
double tolerance_of(DType type, Numbers numbers) {
  if (numbers == Numbers::widened) return 1e-9;
  switch (real_part_type(type)) {
    case DType::f64:
      return 1e-9;
    case DType::f32:
      return 1e-4;
    case DType::f16:
      return 0.02;
    case DType::bf16:
      return 0.1;
    default:
      return 0.5;
  }
}

bool is_nan(Number x) { return std::isnan(x.real()) || std::isnan(x.imag()); }
bool is_finite(Number x) { return std::isfinite(x.real()) && std::isfinite(x.imag()); }

bool is_near(Number x, Number y, double allowed) {
  if (is_nan(x) || is_nan(y)) return is_nan(x) && is_nan(y);
  if (!is_finite(x) || !is_finite(y)) return x == y;
  return std::abs(x - y) <= allowed;
}

std::string text_of(Number x) {
  return x.imag() == 0 ? fmt::format("{}", x.real()) : fmt::format("{}+{}i", x.real(), x.imag());
}

std::optional<std::string> find_array_difference(const Literal& whole, const Literal& parts, Numbers numbers) {
  if (!(whole.shape() == parts.shape()))
    return fmt::format("is {}, not {}", parts.shape().to_string(), whole.shape().to_string());
  const DType type = whole.shape().type();
  const Literal x = convert_elements(whole, DType::c128);
  const Literal y = convert_elements(parts, DType::c128);
  const bool inexact = is_floating(type) || is_complex(type);
  double largest = 0;
  for (const Number value : x.values<Number>()) {
    if (is_finite(value)) largest = std::max(largest, std::abs(value));
  }
  const double allowed = inexact ? tolerance_of(type, numbers) * largest : 0;
  for (size_t i = 0; i < x.values<Number>().size(); ++i) {
    const Number expected = x.values<Number>()[i];
    const Number got = y.values<Number>()[i];
    if (!is_near(expected, got, allowed))
      return fmt::format("{} element {} is {}, not {}", whole.shape().to_string(), i, text_of(got), text_of(expected));
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::vector<Literal>> poisoned_arguments(const Boundary& program, std::span<const Literal> arguments) {
  std::vector<Literal> ones;
  for (const Literal& argument : arguments) ones.push_back(ones_like(argument));
  auto shards = scatter_arguments(program, arguments);
  const auto real = scatter_arguments(program, ones);
  for (size_t device = 0; device < shards.size(); ++device) {
    for (size_t number = 0; number < arguments.size(); ++number)
      shards[device][number] = poisoned(shards[device][number], real[device][number]);
  }
  return shards;
}

std::optional<std::string> find_difference(const Literal& whole, const Literal& parts, Numbers numbers) {
  if (whole.shape().is_array()) return find_array_difference(whole, parts, numbers);
  for (size_t e = 0; e < whole.elements().size(); ++e) {
    if (auto found = find_difference(whole.elements()[e], parts.elements()[e], numbers))
      return fmt::format("result {}: {}", e, *found);
  }
  return std::nullopt;
}

Verdict against_the_whole(const Module& module, std::span<const Literal> arguments, Numbers numbers,
                          const PartitionOptions& options) {
  if (numbers == Numbers::widened) {
    const auto wide = widen_floats(module);
    std::vector<Literal> converted;
    for (const Literal& argument : arguments) converted.push_back(convert_leaves(argument, widened(argument.shape())));
    return against_the_whole(*wide, converted, Numbers::declared, options);
  }
  Partitioned program;
  try {
    program = partition(module, options);
  } catch (const Error& error) {
    return {Verdict::Kind::refused, error.what()};
  }
  return against_the_whole(module, program, arguments, numbers);
}

Verdict against_the_whole(const Module& module, const Partitioned& program, std::span<const Literal> arguments,
                          Numbers numbers) {
  const Literal whole = evaluate(module, arguments);
  std::string difference;
  try {
    verify(*program.module);
    const std::string text = print(*program.module);
    const auto again = parse_module(text);
    verify(*again);
    if (print(*again) != text) return {Verdict::Kind::different, "is another program once it was read again\n" + text};
    // What the text says is all that is needed to feed it.
    const Boundary boundary = boundary_of(*again);
    if (!(boundary == program)) return {Verdict::Kind::different, "says another boundary than it has\n" + text};
    const auto results = simulate(*again, poisoned_arguments(boundary, arguments));
    const Literal parts = gather_results(boundary, module.entry()->root()->shape(), results);
    difference = find_difference(whole, parts, numbers).value_or("");
  } catch (const Error& error) {
    difference = error.what();
  }
  if (difference.empty()) return {};
  return {Verdict::Kind::different, difference + "\n" + print(module) + "\n" + print(*program.module)};
}

}  // namespace gshard
