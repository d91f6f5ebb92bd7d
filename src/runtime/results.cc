#include "runtime/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "eval/dispatch.h"

namespace gshard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void visit_leaves(const Literal& value, const std::string& name,
                  const std::function<void(const std::string&, const Literal&)>& f) {
  if (value.shape().is_array()) f(name, value);
  for (size_t i = 0; i < value.elements().size(); ++i)
    visit_leaves(value.elements()[i], fmt::format("{}.{}", name, i), f);
}

template <class T>
inline constexpr bool kIsComplex = false;
template <class T>
inline constexpr bool kIsComplex<std::complex<T>> = true;

template <class T>
double magnitude(T x) {
  if constexpr (kIsComplex<T>) {
    return static_cast<double>(std::abs(x));
  } else {
    return static_cast<double>(x);
  }
}

template <class T>
std::string text_of(T x) {
  if constexpr (kIsComplex<T>) {
    return fmt::format("({:.6g}, {:.6g})", x.real(), x.imag());
  } else if constexpr (std::is_integral_v<T>) {
    return fmt::format("{}", x);
  } else {
    return fmt::format("{:.6g}", static_cast<double>(x));
  }
}

}  // namespace

void for_each_leaf(const Literal& result, const std::function<void(const std::string&, const Literal&)>& f) {
  visit_leaves(result, "result", f);
}

Summary summarize(const Literal& array, size_t first_count) {
  return with_storage(array.shape().type(), [&]<class T>() {
    const std::span<const T> values = array.values<T>();
    Summary summary{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), 0, 0, {}};
    for (const T& value : values) {
      const double x = magnitude(value);
      if (!std::isfinite(x)) {
        ++summary.non_finite;
        continue;
      }
      summary.min = std::min(summary.min, x);
      summary.max = std::max(summary.max, x);
      summary.mean += x;
    }
    const int64_t finite = static_cast<int64_t>(values.size()) - summary.non_finite;
    if (finite == 0) summary.min = summary.max = kNan;
    summary.mean = finite == 0 ? kNan : summary.mean / static_cast<double>(finite);
    for (const T& value : values.first(std::min(first_count, values.size()))) summary.first.push_back(text_of(value));
    return summary;
  });
}

}  // namespace gshard
