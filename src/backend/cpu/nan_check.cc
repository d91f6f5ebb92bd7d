#include "backend/cpu/nan_check.h"

#include <fmt/format.h>

#include "ir/storage.h"

namespace gshard::cpu {
namespace {

template <class T>
bool is_nan(const T& x) {
  if constexpr (requires { x.real(); }) {
    return x.real() != x.real() || x.imag() != x.imag();
  } else if constexpr (std::is_integral_v<T>) {
    return false;
  } else {
    const auto wide = static_cast<double>(x);
    return wide != wide;
  }
}

// The first element that is NaN; -1 where none is.
int64_t first_nan(DType type, const std::byte* bytes, int64_t count) {
  return with_storage(type, [&]<class T>() -> int64_t {
    const T* values = reinterpret_cast<const T*>(bytes);
    for (int64_t i = 0; i < count; ++i) {
      if (is_nan(values[i])) return i;
    }
    return -1;
  });
}

std::string position_of(const Shape& shape, int64_t element) {
  std::vector<int64_t> position(shape.rank());
  for (size_t d = shape.rank(); d-- > 0; element /= shape.dim(d)) position[d] = element % shape.dim(d);
  return fmt::format("[{}]", fmt::join(position, ","));
}

}  // namespace

bool can_be_nan(DType type) { return is_floating(type) || is_complex(type); }

void NanCheckStep::run(Frame& frame) const {
  const Shape& shape = leaf_.shape();
  const int64_t at = first_nan(shape.type(), frame.at[static_cast<size_t>(buffer_)], shape.element_count());
  if (at < 0) return;
  const bool is_given = what()->op() == Op::parameter;
  const Environment& here = frame.evaluator->environment();
  const int64_t device = here.replica_id() * grid_.partitions + here.partition_id();
  const std::string where = grid_.count() == 1 ? "" : fmt::format(" on device {}", device);
  throw evaluation_error(*what(), fmt::format("{} NaN at {} of {}{}", is_given ? "was given a" : "made the first",
                                              position_of(shape, at), shape.to_string(), where));
}

}  // namespace gshard::cpu
