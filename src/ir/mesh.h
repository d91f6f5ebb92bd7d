// The arrangement of devices: named axes, major to minor.
//
//   Mesh mesh({{"fsdp", 4}, {"tensor", 2}});     // device 5 has fsdp=2, tensor=1
//
// Every axis is a list of prime digits (an axis of 12 is 2*2*3, major to minor), and shardings are lists of digits, so
// half an axis is a shorter list. Work on a mesh is in proportion to its digits, never to its devices; only an explicit
// device order, for numberings that no list of axes describes, is as long as there are devices.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gshard {

struct MeshAxis {
  std::string name;
  int64_t size = 1;
  bool operator==(const MeshAxis&) const = default;
};

// Index of a digit in Mesh::digits().
using Digit = uint8_t;

// Digits of one mesh, major to minor: what cuts one dimension. 32 bytes, in which what is not used is 0, so that lists
// are copied and compared as a whole.
class Digits {
 public:
  static constexpr size_t kMost = 31;
  using value_type = Digit;
  using iterator = Digit*;
  using const_iterator = const Digit*;

  Digits() = default;
  Digits(std::initializer_list<Digit> digits) { append({digits.begin(), digits.size()}); }
  explicit Digits(std::span<const Digit> digits) { append(digits); }
  Digits(const Digit* first, const Digit* last) { append({first, last}); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const Digit* data() const { return digits_; }
  const Digit* begin() const { return digits_; }
  const Digit* end() const { return digits_ + size_; }
  Digit operator[](size_t i) const { return digits_[i]; }
  Digit front() const { return digits_[0]; }
  Digit back() const { return digits_[size_ - 1]; }

  void clear() { *this = Digits(); }
  // Cuts the list to its first `count` digits, of which it has as many.
  void resize(size_t count) {
    std::fill(digits_ + count, digits_ + size_, Digit{0});
    size_ = static_cast<uint8_t>(count);
  }
  // Throw Error(program) where there would be more than kMost.
  void push_back(Digit digit) {
    if (size_ == kMost) throw_too_many();
    digits_[size_++] = digit;
  }
  void append(std::span<const Digit> digits) {
    if (digits.size() > kMost - size_) throw_too_many();
    std::copy(digits.begin(), digits.end(), digits_ + size_);
    size_ = static_cast<uint8_t>(size_ + digits.size());
  }

  bool operator==(const Digits& other) const { return words() == other.words(); }
  // Lexicographical.
  std::strong_ordering operator<=>(const Digits& other) const {
    return std::lexicographical_compare_three_way(begin(), end(), other.begin(), other.end());
  }
  // All that there is, in four numbers: what a hash is made of.
  std::array<uint64_t, 4> words() const { return std::bit_cast<std::array<uint64_t, 4>>(*this); }

 private:
  [[noreturn]] static void throw_too_many();

  alignas(uint64_t) Digit digits_[kMost] = {};
  uint8_t size_ = 0;
};

// A set of digits: bit i stands for digit i.
using DigitSet = uint64_t;

inline constexpr DigitSet digit_bit(Digit digit) { return DigitSet{1} << digit; }
DigitSet set_of(const Digits& digits);
// Those of the set, in their order.
Digits within(const Digits& digits, DigitSet set);

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
  // Error(program) on sizes below 1, repeated names, more digits than Digits::kMost, or an order that is no
  // permutation.
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
