// Running one instruction on literals, and arrays in which its meaning can be written down again by definition.
//
//   OneOp op;
//   Array y = Array::of(op.run(Op::transpose, DimensionsAttrs{{1, 0}}, {x.literal(DType::s32)}));
#pragma once

#include <algorithm>
#include <complex>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "eval/evaluate.h"
#include "ir/module.h"

namespace gshard {

using Number = std::complex<double>;

// Calls body(index) for every index of an array of `dims`, in row-major order.
template <class Body>
void for_each_index(const Dims& dims, Body&& body) {
  if (std::find(dims.begin(), dims.end(), 0) != dims.end()) return;
  Dims index(dims.size(), 0);
  while (true) {
    body(static_cast<const Dims&>(index));
    size_t d = dims.size();
    while (d > 0 && ++index[d - 1] == dims[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}

struct Array {
  Dims dims;
  std::vector<Number> values;

  explicit Array(Dims sizes = {}, Number value = 0);
  static Array of(const Literal& literal);
  // Rounded or wrapped as `convert` does.
  Literal literal(DType type) const;

  size_t offset(const Dims& index) const;
  Number& operator[](const Dims& index) { return values[offset(index)]; }
  Number operator[](const Dims& index) const { return values[offset(index)]; }
  bool contains(const Dims& index) const;
  bool operator==(const Array&) const = default;
};
void PrintTo(const Array& array, std::ostream* out);

// The largest difference of two arrays, relative to the largest element of `expected`; infinite where sizes differ.
double difference(const Array& actual, const Array& expected);

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  // From low to high, both included.
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(engine_() % static_cast<uint64_t>(high - low + 1));
  }
  bool flip() { return between(0, 1) == 1; }
  Dims sizes(size_t rank, int64_t low, int64_t high);
  Dims permutation(size_t count);
  // Integers from low to high: exact in every type that holds them.
  Array array(const Dims& dims, int64_t low, int64_t high);
  Array complex_array(const Dims& dims, int64_t low, int64_t high);
  // Numbers in (0, 1).
  Array fractions(const Dims& dims);

 private:
  std::mt19937 engine_;
};

// A module that is made for one instruction. Computations stay valid as long as it lives.
class OneOp {
 public:
  OneOp() : module_("test") {}
  // (a, b) -> op(a, b).
  Computation* binary(Op op, DType type, Attributes attributes = NoAttrs{});
  // A computation from the text of its body, whose parameters are scalars.
  Computation* parsed(std::string_view text);

  // The instruction's value; its type is inferred, from `declared` where the op needs that.
  Literal run(Op op, Attributes attributes, const std::vector<Literal>& operands,
              const std::vector<Computation*>& callees = {}, std::optional<Shape> declared = std::nullopt);

 private:
  Module module_;
  std::vector<std::unique_ptr<Module>> parsed_;
};

}  // namespace gshard
