#include "loops/hand_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace gshard::bench {
namespace {

float number_of(float x) { return x; }
float number_of(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float x = 0;
  std::memcpy(&x, &wide, sizeof(x));
  return x;
}

// Vectors of one number, for machines of which nothing is known.
struct V {
  static constexpr int kWidth = 1;
  float v;

  static V of(float x) { return {x}; }
  template <class T>
  static V load(const T* p) {
    return {number_of(*p)};
  }
  static void store(float* p, V x) { *p = x.v; }
  static void store(uint16_t* p, V x) {
    uint32_t bits = 0;
    std::memcpy(&bits, &x.v, sizeof(bits));
    *p = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
};
V operator+(V a, V b) { return {a.v + b.v}; }
V operator-(V a, V b) { return {a.v - b.v}; }
V operator*(V a, V b) { return {a.v * b.v}; }
V fma(V a, V b, V c) { return {a.v * b.v + c.v}; }
V max(V a, V b) { return {std::max(a.v, b.v)}; }
V round(V x) { return {std::nearbyint(x.v)}; }
V scale(V x, V n) { return {std::ldexp(x.v, static_cast<int>(n.v))}; }
float total_of(V x) { return x.v; }
float largest_in(V x) { return x.v; }
V exclusive_or(V a, V b) {
  uint32_t bits[2];
  std::memcpy(bits, &a.v, 4);
  std::memcpy(bits + 1, &b.v, 4);
  bits[0] ^= bits[1];
  std::memcpy(&a.v, bits, 4);
  return a;
}

#include "loops/hand_kernels.inc"

}  // namespace

const HandKernels* hand_kernels_plain() {
  static constexpr HandKernels kKernels{"plain C++", Rows<float>::kernels(), Rows<uint16_t>::kernels(), copy};
  return &kKernels;
}

const HandKernels& hand_kernels() {
  for (const HandKernels* kernels : {hand_kernels_avx512(), hand_kernels_avx2()}) {
    if (kernels != nullptr) return *kernels;
  }
  return *hand_kernels_plain();
}

}  // namespace gshard::bench
