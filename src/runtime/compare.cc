#include "runtime/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "eval/dispatch.h"
#include "eval/elements.h"

namespace gshard {
namespace {

using Complex = std::complex<double>;

constexpr double kInfinite = std::numeric_limits<double>::infinity();

bool is_number_with_rounding(DType type) { return is_floating(type) || is_complex(type); }

// Elements of any floating or complex type in double precision.
Literal wide(const Literal& array) {
  return convert_elements(array, is_complex(array.shape().type()) ? DType::c128 : DType::f64);
}

bool is_finite(double x) { return std::isfinite(x); }
bool is_finite(const Complex& x) { return std::isfinite(x.real()) && std::isfinite(x.imag()); }

bool is_same_non_finite(double a, double b) { return (std::isnan(a) && std::isnan(b)) || a == b; }
bool is_same_non_finite(const Complex& a, const Complex& b) {
  return is_same_non_finite(a.real(), b.real()) && is_same_non_finite(a.imag(), b.imag());
}

std::string text_of(double x) { return fmt::format("{:.17g}", x); }
std::string text_of(const Complex& x) { return fmt::format("({:.17g}, {:.17g})", x.real(), x.imag()); }

template <class T>
double root_mean_square_of(std::span<const T> values) {
  double sum = 0;
  int64_t count = 0;
  for (const T& value : values) {
    if (!is_finite(value)) continue;
    sum += std::norm(value);
    ++count;
  }
  return count == 0 ? 0 : std::sqrt(sum / static_cast<double>(count));
}

// The upper one of two; 0 where there is no such element.
template <class T>
double median_magnitude_of(std::span<const T> values) {
  std::vector<double> magnitudes;
  for (const T& value : values) {
    const double magnitude = std::abs(value);
    if (magnitude > 0 && std::isfinite(magnitude)) magnitudes.push_back(magnitude);
  }
  if (magnitudes.empty()) return 0;
  const auto middle = magnitudes.begin() + static_cast<std::ptrdiff_t>(magnitudes.size() / 2);
  std::nth_element(magnitudes.begin(), middle, magnitudes.end());
  return *middle;
}

template <class T>
double scale_of(std::span<const T> values, Scale scale) {
  return scale == Scale::median ? median_magnitude_of(values) : root_mean_square_of(values);
}

template <class T>
double error_of(const T& expected, const T& got, double floor) {
  if (expected == got) return 0;
  if (!is_finite(expected) || !is_finite(got)) return is_same_non_finite(expected, got) ? 0 : kInfinite;
  return std::abs(expected - got) / std::max(std::abs(expected), floor);
}

void note(Comparison& comparison, size_t element, double error, std::string expected, std::string got) {
  if (comparison.different++ > 0) return;
  comparison.first = {static_cast<int64_t>(element), std::move(expected), std::move(got), error};
}

template <class T>
Comparison compare_rounded(std::span<const T> expected, std::span<const T> got, double tolerance, Scale scale) {
  Comparison comparison;
  const double floor = scale_of(expected, scale);
  for (size_t i = 0; i < expected.size(); ++i) {
    const double error = error_of(expected[i], got[i], floor);
    comparison.largest_error = std::max(comparison.largest_error, error);
    if (error > tolerance) note(comparison, i, error, text_of(expected[i]), text_of(got[i]));
  }
  return comparison;
}

template <class T>
Comparison compare_exactly(std::span<const T> expected, std::span<const T> got) {
  Comparison comparison;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] == got[i]) continue;
    const double distance = std::abs(static_cast<double>(expected[i]) - static_cast<double>(got[i]));
    const double error = distance / std::max(std::abs(static_cast<double>(expected[i])), 1.0);
    comparison.largest_error = std::max(comparison.largest_error, error);
    note(comparison, i, error, fmt::format("{}", expected[i]), fmt::format("{}", got[i]));
  }
  return comparison;
}

template <class T>
RoundingErrors rounding_errors_of(std::span<const T> exact, std::span<const T> whole, std::span<const T> parts) {
  const double median = median_magnitude_of(exact);
  const double floor = median > 0 ? median : 1;
  std::vector<double> of_whole;
  std::vector<double> of_parts;
  for (size_t i = 0; i < exact.size(); ++i) {
    if (!is_finite(exact[i]) || !is_finite(whole[i]) || !is_finite(parts[i])) continue;
    of_whole.push_back(error_of(exact[i], whole[i], floor));
    of_parts.push_back(error_of(exact[i], parts[i], floor));
  }
  return {root_mean_square_of(std::span<const double>(of_whole)),
          root_mean_square_of(std::span<const double>(of_parts))};
}

template <class F>
decltype(auto) with_wide(const Literal& array, F&& f) {
  if (is_complex(array.shape().type())) return f.template operator()<Complex>();
  return f.template operator()<double>();
}

}  // namespace

Comparison compare(const Literal& expected, const Literal& got, double tolerance, Scale scale) {
  const DType type = expected.shape().type();
  GSHARD_CHECK(expected.shape() == got.shape());
  if (!is_number_with_rounding(type)) {
    return with_integer(type, [&]<class T>() { return compare_exactly(expected.values<T>(), got.values<T>()); });
  }
  const Literal a = wide(expected);
  const Literal b = wide(got);
  return with_wide(a, [&]<class T>() { return compare_rounded(a.values<T>(), b.values<T>(), tolerance, scale); });
}

Content content_of(const Literal& array) {
  const DType type = array.shape().type();
  const auto of = [&](auto values) {
    Content content;
    content.is_constant = values.size() > 1;
    for (const auto& value : values) content.is_constant = content.is_constant && value == values[0];
    return content;
  };
  if (!is_number_with_rounding(type)) return with_integer(type, [&]<class T>() { return of(array.values<T>()); });
  const Literal numbers = wide(array);
  return with_wide(numbers, [&]<class T>() {
    const std::span<const T> values = numbers.values<T>();
    Content content = of(values);
    const auto finite = std::count_if(values.begin(), values.end(), [](const T& value) { return is_finite(value); });
    if (!values.empty()) content.non_finite = 1 - static_cast<double>(finite) / static_cast<double>(values.size());
    return content;
  });
}

RoundingErrors rounding_errors(const Literal& exact, const Literal& whole, const Literal& parts) {
  const Literal x = wide(exact);
  const Literal y = wide(whole);
  const Literal z = wide(parts);
  return with_wide(x, [&]<class T>() { return rounding_errors_of(x.values<T>(), y.values<T>(), z.values<T>()); });
}

std::string position_text(const Shape& shape, int64_t element) {
  std::string text;
  for (size_t d = shape.rank(); d-- > 0;) {
    text = fmt::format("{}{}{}", element % shape.dim(d), text.empty() ? "" : ",", text);
    element /= shape.dim(d);
  }
  return "[" + text + "]";
}

}  // namespace gshard
