#include "loops/hand_kernels.h"

#if defined(__AVX512F__) && defined(__AVX512BF16__)

#include <immintrin.h>

#include <algorithm>
#include <cmath>

namespace gshard::bench {
namespace {

struct V {
  static constexpr int kWidth = 16;
  __m512 v;

  static V of(float x) { return {_mm512_set1_ps(x)}; }
  static V load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static V load(const uint16_t* p) {
    const __m256i narrow = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16))};
  }
  static void store(float* p, V x) { _mm512_storeu_ps(p, x.v); }
  static void store(uint16_t* p, V x) {
    const __m256bh narrow = _mm512_cvtneps_pbh(x.v);
    __builtin_memcpy(p, &narrow, sizeof(narrow));
  }
};
inline V operator+(V a, V b) { return {_mm512_add_ps(a.v, b.v)}; }
inline V operator-(V a, V b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline V operator*(V a, V b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline V fma(V a, V b, V c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline V max(V a, V b) { return {_mm512_max_ps(a.v, b.v)}; }
inline V round(V x) { return {_mm512_roundscale_ps(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
inline V scale(V x, V n) { return {_mm512_scalef_ps(x.v, n.v)}; }
inline float total_of(V x) { return _mm512_reduce_add_ps(x.v); }
inline float largest_in(V x) { return _mm512_reduce_max_ps(x.v); }
inline V exclusive_or(V a, V b) {
  return {_mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(a.v), _mm512_castps_si512(b.v)))};
}
inline float number_of(float x) { return x; }
inline float number_of(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float x = 0;
  __builtin_memcpy(&x, &wide, sizeof(x));
  return x;
}

#include "loops/hand_kernels.inc"

}  // namespace

const HandKernels* hand_kernels_avx512() {
  static constexpr HandKernels kKernels{"AVX-512", Rows<float>::kernels(), Rows<uint16_t>::kernels(), copy};
  return __builtin_cpu_supports("avx512bf16") != 0 ? &kKernels : nullptr;
}

}  // namespace gshard::bench

#else

namespace gshard::bench {

const HandKernels* hand_kernels_avx512() { return nullptr; }

}  // namespace gshard::bench

#endif
