// The arrangement of devices: named axes, major to minor.
//
//   Mesh mesh({{"fsdp", 4}, {"tensor", 2}});     // device 5 has fsdp=2, tensor=1
//
// Every axis is a list of prime digits (an axis of 12 is 2*2*3, major to minor), and shardings are lists of digits, so
// half an axis is a shorter list. Work on a mesh is in proportion to its digits, never to its devices; only an explicit
// device order, for numberings that no list of axes describes, is as long as there are devices.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/small_vector.h"

namespace gshard {

struct MeshAxis {
  std::string name;
  int64_t size = 1;
  bool operator==(const MeshAxis&) const = default;
};

// Index of a digit in Mesh::digits().
using Digit = uint8_t;
using Digits = SmallVector<Digit, 8>;
// A set of digits: bit i stands for digit i.
using DigitSet = uint64_t;

inline constexpr DigitSet digit_bit(Digit digit) { return DigitSet{1} << digit; }
DigitSet set_of(const Digits& digits);

class Mesh {
 public:
  struct DigitRow {
    int axis = 0;        // index into axes()
    int64_t size = 1;    // a prime
    int64_t stride = 1;  // distance, in positions, between neighbours along this digit
    bool operator==(const DigitRow&) const = default;
  };

  Mesh() = default;  // one device, no axes
  // `device_order[i]` is the device at position i (row-major over the axes); empty where it is i. Throws
  // Error(program) on sizes below 1, repeated names, more than 64 digits, or an order that is no permutation.
  explicit Mesh(std::vector<MeshAxis> axes, std::vector<int64_t> device_order = {});

  const std::vector<MeshAxis>& axes() const { return axes_; }
  const std::vector<int64_t>& device_order() const { return device_order_; }
  int64_t device_count() const { return device_count_; }
  const std::vector<DigitRow>& digits() const { return digits_; }
  // All digits of an axis, major to minor.
  Digits digits_of_axis(size_t axis) const;
  std::optional<size_t> find_axis(std::string_view name) const;
  DigitSet all_digits() const;

  // Product of the sizes of some digits.
  int64_t size_of(const Digits& digits) const;
  int64_t size_of(DigitSet digits) const;

  // "fsdp" for all digits of an axis, "fsdp:(2)2" for part of it (Shardy's notation: what comes before it, its size);
  // neighbouring digits are joined, joined parts separated by ",".
  std::string name_of(const Digits& digits) const;
  // "[fsdp=4, tensor=2]".
  std::string to_string() const;

  bool operator==(const Mesh&) const = default;

 private:
  std::vector<MeshAxis> axes_;
  std::vector<DigitRow> digits_;
  std::vector<int64_t> device_order_;
  int64_t device_count_ = 1;
};

}  // namespace gshard
