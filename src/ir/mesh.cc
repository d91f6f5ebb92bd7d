#include "ir/mesh.h"

#include <bit>
#include <cstring>

#include "base/error.h"
#include "ir/shape.h"

namespace gshard {
namespace {

// Prime factors, smallest first.
std::vector<int64_t> prime_factors(int64_t n) {
  std::vector<int64_t> factors;
  for (int64_t p = 2; p * p <= n; ++p) {
    for (; n % p == 0; n /= p) factors.push_back(p);
  }
  if (n > 1) factors.push_back(n);
  return factors;
}

void check_permutation(const std::vector<int64_t>& order, int64_t count) {
  if (static_cast<int64_t>(order.size()) != count) {
    throw Error::program("mesh: the device order names " + std::to_string(order.size()) + " devices, the axes make " +
                         std::to_string(count));
  }
  std::vector<bool> seen(order.size(), false);
  for (const int64_t device : order) {
    if (device < 0 || device >= count || seen[static_cast<size_t>(device)]) {
      throw Error::program("mesh: device " + std::to_string(device) +
                           " is out of range or repeated in the device order");
    }
    seen[static_cast<size_t>(device)] = true;
  }
}

// Whether a list of some length counts up, as the digits of an axis do: what is asked of a whole axis need not look at
// each of them. Short lists are not worth the question.
inline bool is_run(const Digits& digits) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kCounting = 0x0706050403020100;
  if (digits.size() < 4) return false;
  const Digit* at = digits.data();
  uint64_t expected = kCounting + kOnes * *at;
  for (size_t left = digits.size();; left -= 8, at += 8, expected += kOnes * 8) {
    uint64_t eight;
    std::memcpy(&eight, at, 8);
    if (left <= 8) return (eight ^ expected) << (64 - 8 * left) == 0;
    if (eight != expected) return false;
  }
}

}  // namespace

void Digits::throw_too_many() {
  throw Error::program("a dimension is cut by more than " + std::to_string(kMost) + " prime factors of a mesh");
}

DigitSet set_of(const Digits& digits) {
  if (is_run(digits)) return ((DigitSet{1} << digits.size()) - 1) << digits.front();
  DigitSet set = 0;
  for (const Digit digit : digits) set |= digit_bit(digit);
  return set;
}

Digits within(const Digits& digits, DigitSet set) {
  Digits kept;
  for (const Digit digit : digits) {
    if ((set & digit_bit(digit)) != 0) kept.push_back(digit);
  }
  return kept;
}

Mesh::Mesh(std::vector<MeshAxis> axes, std::vector<int64_t> device_order)
    : axes_(std::move(axes)), device_order_(std::move(device_order)) {
  for (size_t a = 0; a < axes_.size(); ++a) {
    const MeshAxis& axis = axes_[a];
    if (axis.size < 1) {
      throw Error::program("mesh: axis \"" + axis.name + "\" has size " + std::to_string(axis.size));
    }
    for (size_t b = 0; b < a; ++b) {
      if (axes_[b].name == axis.name) throw Error::program("mesh: axis \"" + axis.name + "\" is named twice");
    }
    device_count_ = saturating_multiply(device_count_, axis.size);
    for (const int64_t prime : prime_factors(axis.size)) digits_.push_back({static_cast<int>(a), prime, 1});
  }
  if (digits_.size() > Digits::kMost) throw Error::program("mesh: " + to_string() + " has more devices than 2^31");
  for (size_t i = digits_.size(); i-- > 1;) digits_[i - 1].stride = digits_[i].stride * digits_[i].size;
  if (!device_order_.empty()) check_permutation(device_order_, device_count_);
}

Digits Mesh::digits_of_axis(size_t axis) const {
  Digits digits;
  for (size_t i = 0; i < digits_.size(); ++i) {
    if (digits_[i].axis == static_cast<int>(axis)) digits.push_back(static_cast<Digit>(i));
  }
  return digits;
}

std::optional<size_t> Mesh::find_axis(std::string_view name) const {
  for (size_t a = 0; a < axes_.size(); ++a) {
    if (axes_[a].name == name) return a;
  }
  return std::nullopt;
}

DigitSet Mesh::all_digits() const { return digit_bit(static_cast<Digit>(digits_.size())) - 1; }

int64_t Mesh::size_of(const Digits& digits) const {
  if (is_run(digits)) {
    return digits_[digits.front()].size * (digits_[digits.front()].stride / digits_[digits.back()].stride);
  }
  int64_t size = 1;
  for (const Digit digit : digits) size *= digits_[digit].size;
  return size;
}

int64_t Mesh::size_of(DigitSet digits) const {
  int64_t size = 1;
  for (; digits != 0; digits &= digits - 1) size *= digits_[static_cast<size_t>(std::countr_zero(digits))].size;
  return size;
}

std::string Mesh::name_of(const Digits& digits) const {
  std::string text;
  for (size_t first = 0; first < digits.size();) {
    const int axis = digits_[digits[first]].axis;
    int64_t size = digits_[digits[first]].size;
    size_t last = first + 1;
    while (last < digits.size() && digits[last] == digits[last - 1] + 1 && digits_[digits[last]].axis == axis) {
      size *= digits_[digits[last++]].size;
    }
    int64_t before = 1;
    for (size_t d = digits[first]; d-- > 0 && digits_[d].axis == axis;) before *= digits_[d].size;
    if (!text.empty()) text += ",";
    text += axes_[static_cast<size_t>(axis)].name;
    if (size != axes_[static_cast<size_t>(axis)].size) {
      text += ":(" + std::to_string(before) + ")" + std::to_string(size);
    }
    first = last;
  }
  return text;
}

std::string Mesh::to_string() const {
  std::string text = "[";
  for (size_t a = 0; a < axes_.size(); ++a) {
    text += (a > 0 ? ", " : "") + axes_[a].name + "=" + std::to_string(axes_[a].size);
  }
  return text + "]";
}

}  // namespace gshard
