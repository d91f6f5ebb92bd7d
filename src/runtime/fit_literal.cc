#include "runtime/fit_literal.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "eval/dispatch.h"
#include "eval/elements.h"

namespace gshard {
namespace {

bool same_class(DType a, DType b) {
  return class_of(a) == class_of(b) || (is_integer(a) && is_integer(b)) || (is_floating(a) && is_complex(b));
}

double as_double(const Literal& x, size_t i) {
  return with_storage(x.shape().type(), [&]<class T>() {
    if constexpr (requires(T t) { static_cast<double>(t); }) {
      return static_cast<double>(x.values<T>()[i]);
    } else {
      return static_cast<double>(x.values<T>()[i].real());
    }
  });
}

// The index of the first element that is not the same number in both; the count where all are.
size_t first_change(const Literal& before, const Literal& after) {
  const auto count = static_cast<size_t>(before.shape().element_count());
  if (is_integer(before.shape().type())) {
    size_t i = 0;
    while (i < count && integer_at(before, i) == integer_at(after, i)) ++i;
    return i;
  }
  const bool complex = is_complex(before.shape().type());
  const Literal wide_before = convert_elements(before, complex ? DType::c128 : DType::f64);
  const Literal wide_after =
      convert_elements(after, complex || is_complex(after.shape().type()) ? DType::c128 : DType::f64);
  const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  for (size_t i = 0; i < count; ++i) {
    if (!same(as_double(wide_before, i), as_double(wide_after, i))) return i;
    if (complex && !same(wide_before.values<std::complex<double>>()[i].imag(),
                         wide_after.values<std::complex<double>>()[i].imag())) {
      return i;
    }
  }
  return count;
}

std::string element_text(const Literal& x, size_t i) {
  if (is_integer(x.shape().type())) return fmt::format("{}", integer_at(x, i));
  return fmt::format("{}", as_double(x, i));
}

}  // namespace

Literal fit_literal(Literal given, const Shape& wanted, std::string_view given_text) {
  const DType own = given.shape().type();
  const std::string both = fmt::format("it is {}, the parameter is {}", given_text, wanted.to_string());
  if (!(given.shape().dims() == wanted.dims()) || !same_class(own, wanted.type())) throw Error::program(both);
  if (own == wanted.type()) return given;
  Literal converted = convert_elements(given, wanted.type());
  const size_t changed = first_change(given, converted);
  if (changed == static_cast<size_t>(given.shape().element_count())) return converted;
  throw Error::program(fmt::format("{}, which cannot hold its element {} ({}) exactly; convert the array to {} first",
                                   both, changed, element_text(given, changed), name_of(wanted.type())));
}

void make_truth_values(Literal& pred) {
  for (uint8_t& byte : pred.mutable_values<uint8_t>()) byte = byte != 0 ? 1 : 0;
}

}  // namespace gshard
