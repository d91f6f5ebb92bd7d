#include "tolerance.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <complex>
#include <cstring>

#include "eval/dispatch.h"
#include "eval/elements.h"

namespace gshard {
namespace {

using Number = std::complex<double>;

Tolerance parse_tolerance(std::string_view words) {
  if (words == "exact") return {};
  Tolerance tolerance;
  const auto [end, error] = std::from_chars(words.data(), words.data() + words.size(), tolerance.amount);
  const std::string_view unit(end, static_cast<size_t>(words.data() + words.size() - end));
  if (error == std::errc() && unit == " ulp") {
    tolerance.unit = Tolerance::Unit::ulp;
  } else if (error == std::errc() && unit == " of maximum") {
    tolerance.unit = Tolerance::Unit::maximum;
  } else if (error == std::errc() && unit == " of magnitude") {
    tolerance.unit = Tolerance::Unit::magnitude;
  } else {
    throw Error::program(fmt::format("'{}' is no tolerance", words));
  }
  return tolerance;
}

// The rest of the line that starts with `start`.
std::optional<std::string_view> line_after(std::string_view text, const std::string& start) {
  const size_t at = text.find(start);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + start.size());
  return text.substr(0, text.find('\n'));
}

// The elements as complex numbers, exactly but for integers beyond 2^53.
std::vector<Number> numbers_of(const Literal& x) {
  const Literal wide = convert_elements(x, DType::c128);
  const auto values = wide.values<Number>();
  return {values.begin(), values.end()};
}

// Sign and magnitude as an integer whose steps are those between neighbouring numbers.
template <class Code>
int64_t position_of(Code code) {
  constexpr Code kSign = Code{1} << (8 * sizeof(Code) - 1);
  const auto magnitude = static_cast<int64_t>(code & ~kSign);
  return (code & kSign) != 0 ? -magnitude : magnitude;
}

std::vector<int64_t> positions_of(const Literal& x) {
  return with_bytes(x.shape().type(), [&]<class Code>() -> std::vector<int64_t> {
    if constexpr (std::is_integral_v<Code>) {
      std::vector<int64_t> positions;
      for (Code code : x.values<Code>()) positions.push_back(position_of(code));
      return positions;
    } else {
      throw Error::program("complex numbers have no ulp");
    }
  });
}

bool is_nan(Number x) { return std::isnan(x.real()) || std::isnan(x.imag()); }
bool is_finite(Number x) { return std::isfinite(x.real()) && std::isfinite(x.imag()); }

double largest_magnitude(const std::vector<Number>& values) {
  double largest = 0;
  for (Number x : values) {
    if (is_finite(x)) largest = std::max(largest, std::abs(x));
  }
  return largest;
}

class Comparison {
 public:
  Comparison(const Literal& actual, const Literal& expected, const Tolerance& tolerance)
      : actual_(actual), expected_(expected), tolerance_(tolerance) {
    values_ = numbers_of(actual);
    wanted_ = numbers_of(expected);
    if (tolerance.unit == Tolerance::Unit::ulp && is_floating(expected.shape().type())) {
      positions_ = positions_of(actual);
      wanted_positions_ = positions_of(expected);
    }
    allowed_ = tolerance.amount * (tolerance.unit == Tolerance::Unit::maximum ? largest_magnitude(wanted_) : 1);
  }

  std::optional<std::string> run() const {
    size_t count = 0;
    size_t first = 0;
    for (size_t i = values_.size(); i-- > 0;) {
      if (is_near(i)) continue;
      ++count;
      first = i;
    }
    if (count == 0) return std::nullopt;
    return fmt::format("{} of {} elements of {} differ, first [{}]: {}, expected {}", count, values_.size(),
                       expected_.shape().to_string(), index_text(first), text(values_[first]), text(wanted_[first]));
  }

 private:
  bool is_near(size_t i) const {
    if (same_bits(i)) return true;
    if (is_floating(expected_.shape().type()) && is_nan(wanted_[i])) return is_nan(values_[i]);
    if (is_complex(expected_.shape().type()) && is_nan(wanted_[i])) return is_nan(values_[i]);
    if (tolerance_.unit == Tolerance::Unit::exact || !is_finite(wanted_[i]) || !is_finite(values_[i])) return false;
    if (!positions_.empty()) return std::abs(static_cast<double>(positions_[i] - wanted_positions_[i])) <= allowed_;
    const double scale = tolerance_.unit == Tolerance::Unit::magnitude ? std::abs(wanted_[i]) : 1;
    return std::abs(values_[i] - wanted_[i]) <= allowed_ * scale;
  }

  bool same_bits(size_t i) const {
    const auto size = static_cast<size_t>(bytes_of(expected_.shape().type()));
    return std::memcmp(actual_.bytes() + i * size, expected_.bytes() + i * size, size) == 0;
  }

  std::string index_text(size_t flat) const {
    const Dims strides = row_major_strides(expected_.shape().dims());
    std::string text;
    for (size_t d = 0; d < strides.size(); ++d) {
      const auto stride = static_cast<size_t>(strides[d]);
      text += fmt::format("{}{}", d == 0 ? "" : ",", flat / stride);
      flat %= stride;
    }
    return text;
  }

  std::string text(Number x) const {
    if (is_complex(expected_.shape().type())) return fmt::format("({}, {})", x.real(), x.imag());
    return fmt::format("{}", x.real());
  }

  const Literal& actual_;
  const Literal& expected_;
  Tolerance tolerance_;
  double allowed_ = 0;
  std::vector<Number> values_, wanted_;
  std::vector<int64_t> positions_, wanted_positions_;
};

}  // namespace

Tolerance Tolerance::of_output(std::string_view text, size_t index) {
  text = text.substr(0, text.find("\nHloModule"));
  if (const auto own = line_after(text, fmt::format("\n// tolerance of {}: ", index))) return parse_tolerance(*own);
  if (const auto all = line_after(text, "\n// tolerance: ")) return parse_tolerance(*all);
  return {};
}

std::optional<std::string> find_difference(const Literal& actual, const Literal& expected, const Tolerance& tolerance) {
  if (!(actual.shape() == expected.shape())) {
    return fmt::format("is {}, expected {}", actual.shape().to_string(), expected.shape().to_string());
  }
  return Comparison(actual, expected, tolerance).run();
}

}  // namespace gshard
