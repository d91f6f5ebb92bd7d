#include "eval/arguments.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "eval/dispatch.h"
#include "eval/elements.h"
#include "eval/value_use.h"

namespace gshard {
namespace {

// Integers of which no use says anything.
constexpr int64_t kDefaultLimit = 4;

// A bijection that leaves no pattern of its argument visible (the finaliser of splitmix64).
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// Random bits that depend on nothing but a key and how many were taken.
class RandomBits {
 public:
  RandomBits(uint64_t seed, uint64_t parameter, uint64_t leaf)
      : state_(mix(mix(mix(seed + 1) + parameter + 1) + leaf)) {}
  uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15ULL); }
  // In (0, 1), never an end of it.
  double unit() { return (static_cast<double>(next() >> 12) + 0.5) * 0x1p-52; }
  // In [0, count).
  uint64_t below(uint64_t count) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * count) >> 64);
  }

 private:
  uint64_t state_;
};

struct Interval {
  double low;
  double high;
};

Interval interval_of(const ValueUse& use) {
  if (use.above_one) return {1.0, 1.5};
  const double scale = 1 / std::sqrt(static_cast<double>(use.fan_in));
  return {0.5 * scale, (use.below_one ? 1.0 : 1.5) * scale};
}

template <class T>
void fill_floats(std::span<T> values, const ValueUse& use, Signs signs, RandomBits& bits) {
  const Interval interval = interval_of(use);
  for (T& value : values) {
    const double x = interval.low + (interval.high - interval.low) * bits.unit();
    value = static_cast<T>(signs == Signs::both && (bits.next() & 1) != 0 ? -x : x);
  }
}

// Floats and complex numbers, whose parts lie in memory like an array of twice the size.
Literal random_floats(const Shape& shape, const ValueUse& use, Signs signs, RandomBits& bits) {
  const DType wide = compute_type(shape.type());
  Literal literal(Shape(wide, shape.dims()));
  const auto parts = static_cast<size_t>(shape.element_count()) * (is_complex(wide) ? 2 : 1);
  if (real_part_type(wide) == DType::f64) {
    fill_floats(std::span(reinterpret_cast<double*>(literal.mutable_bytes()), parts), use, signs, bits);
  } else {
    fill_floats(std::span(reinterpret_cast<float*>(literal.mutable_bytes()), parts), use, signs, bits);
  }
  return convert_elements(literal, shape.type());
}

Literal random_bits(const Shape& shape, RandomBits& bits) {
  Literal literal(shape);
  std::byte* bytes = literal.mutable_bytes();
  for (int64_t i = 0; i < literal.byte_size(); ++i) bytes[i] = static_cast<std::byte>(bits.next() >> 56);
  wrap_integers(shape.type(), bytes, static_cast<size_t>(shape.element_count()));
  return literal;
}

// Rows of integers in a box [low, high)^width, each row as its number in lexicographic order.
class Rows {
 public:
  Rows(int64_t low, int64_t high, int64_t width) : low_(low), side_(high - low), width_(width), count_(1) {
    for (int64_t i = 0; i < width; ++i) count_ = saturating_multiply(count_, side_);
  }
  // How many different ones there are.
  int64_t count() const { return count_; }
  int64_t element(int64_t row, int64_t column) const {
    for (int64_t i = column + 1; i < width_; ++i) row /= side_;
    return low_ + row % side_;
  }

 private:
  int64_t low_;
  int64_t side_;
  int64_t width_;
  int64_t count_;
};

// One in each of `count` equal parts of [0, range): all different, and sorted.
void spread(std::span<int64_t> values, int64_t range, RandomBits& bits) {
  const auto count = static_cast<__int128>(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const auto first = static_cast<int64_t>(static_cast<__int128>(i) * range / count);
    const auto last = static_cast<int64_t>((static_cast<__int128>(i) + 1) * range / count);
    values[i] = first + static_cast<int64_t>(bits.below(static_cast<uint64_t>(last - first)));
  }
}

void shuffle(std::span<int64_t> values, RandomBits& bits) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[bits.below(i)]);
}

std::vector<int64_t> random_rows(size_t count, const Rows& rows, const ValueUse& use, RandomBits& bits) {
  std::vector<int64_t> values(count);
  if (use.unique && static_cast<int64_t>(count) <= rows.count()) {
    spread(values, rows.count(), bits);
    if (!use.sorted) shuffle(values, bits);
    return values;
  }
  for (int64_t& value : values) value = static_cast<int64_t>(bits.below(static_cast<uint64_t>(rows.count())));
  if (use.sorted) std::sort(values.begin(), values.end());
  return values;
}

// The largest value of an integer type, as far as int64_t goes.
int64_t largest_of(DType type) {
  const int digits = bits_of(type) - (is_signed_int(type) ? 1 : 0);
  return digits >= 63 ? std::numeric_limits<int64_t>::max() : (int64_t{1} << digits) - 1;
}

Literal random_integers(const Shape& shape, const ValueUse& use, RandomBits& bits) {
  const auto count = shape.element_count();
  int64_t limit = use.limit;
  if (limit == ValueUse::kNoLimit) limit = use.unique ? std::max(count, kDefaultLimit) : kDefaultLimit;
  if (const int64_t largest = largest_of(shape.type()); limit - 1 > largest) limit = largest + 1;
  const int64_t low = std::min(use.low, limit - 1);
  const bool in_rows = use.row > 1 && shape.rank() > 0 && shape.dims().back() == use.row;
  const int64_t width = in_rows ? use.row : 1;
  const Rows rows(low, limit, width);
  const auto values = random_rows(static_cast<size_t>(count / width), rows, use, bits);
  Literal literal(shape);
  with_integer(shape.type(), [&]<class T>() {
    T* to = literal.mutable_values<T>().data();
    for (int64_t row : values) {
      for (int64_t column = 0; column < width; ++column) *to++ = static_cast<T>(rows.element(row, column));
    }
  });
  return literal;
}

// Keys of random number generators: u32[2], u32[..,2], and the u64 states of rng-bit-generator.
bool looks_like_key(const Shape& shape) {
  if (shape.type() == DType::u32) return shape.rank() > 0 && shape.dims().back() == 2;
  return shape.type() == DType::u64;
}

Literal random_array(const Shape& shape, const ValueUse& use, Signs signs, RandomBits& bits) {
  const DType type = shape.type();
  if (is_floating(type) || is_complex(type)) return random_floats(shape, use, signs, bits);
  const bool bounded = use.limit != ValueUse::kNoLimit;
  if (type == DType::pred || (is_unsigned_int(type) && !bounded && (use.random_bits || looks_like_key(shape)))) {
    return random_bits(shape, bits);
  }
  return random_integers(shape, use, bits);
}

class ArgumentMaker {
 public:
  ArgumentMaker(uint64_t seed, const ArgumentOptions& options) : seed_(seed), options_(options) {}

  Literal make(const Shape& shape, uint64_t parameter, std::span<const ValueUse> uses) {
    parameter_ = parameter;
    leaf_ = 0;
    return make_part(shape, uses);
  }

 private:
  Literal make_part(const Shape& shape, std::span<const ValueUse> uses) {
    if (shape.is_tuple()) {
      std::vector<Literal> parts;
      for (const Shape& element : shape.elements()) parts.push_back(make_part(element, uses));
      return Literal::tuple(std::move(parts));
    }
    const size_t leaf = leaf_++;
    if (!shape.is_array()) return Literal(shape);
    RandomBits bits(seed_, parameter_, leaf);
    return random_array(shape.without_layout(), uses[leaf], options_.signs, bits);
  }

  uint64_t seed_;
  ArgumentOptions options_;
  uint64_t parameter_ = 0;
  size_t leaf_ = 0;
};

}  // namespace

std::vector<Literal> random_arguments(const Module& module, uint64_t seed, const ArgumentOptions& options) {
  const auto uses = parameter_uses(module);
  ArgumentMaker maker(seed, options);
  std::vector<Literal> arguments;
  for (size_t number = 0; number < uses.size(); ++number) {
    arguments.push_back(maker.make(module.entry()->parameter(number)->shape(), number, uses[number]));
  }
  return arguments;
}

Literal convert_leaves(const Literal& value, const Shape& shape) {
  if (shape.is_array()) return convert_elements(value, shape.type());
  if (!shape.is_tuple()) return value;
  std::vector<Literal> parts;
  for (size_t i = 0; i < shape.tuple_size(); ++i)
    parts.push_back(convert_leaves(value.elements()[i], shape.element(i)));
  return Literal::tuple(std::move(parts));
}

}  // namespace gshard
