// Pointwise ops: a functor says what happens to one element, loops over blocks are made from it for every type that
// it admits, and run_pointwise passes whole arrays through a loop.
//
//   struct Negate { template <Signed T> T operator()(T x) const { return -x; } };
//   Literal eval_negate(...) { return run_pointwise(instruction, loops<1, Negate>(), operands); }
#pragma once

#include <array>
#include <complex>
#include <concepts>
#include <cstddef>
#include <functional>
#include <span>
#include <type_traits>

#include "eval/evaluator.h"

namespace gshard {

template <class T>
concept Integer = std::integral<T>;
template <class T>
concept Real = std::floating_point<T>;
template <class T>
concept Complex = std::same_as<T, std::complex<float>> || std::same_as<T, std::complex<double>>;

// Unsigned arithmetic of at least 32 bits, in which integers wrap without surprises.
template <Integer T>
using Wrapping = std::conditional_t<(sizeof(T) < 4), uint32_t, std::make_unsigned_t<T>>;

// A run of elements: `in` and `out` point at arrays of the types that the loop was made for, and `out` may be one of
// `in`. `bits` is the width of the operands' type where it is an integer (4 for s4, 1 for pred).
struct Block {
  std::array<const void*, 3> in;
  void* out;
  size_t n;
  int bits;
};
using BlockLoop = void (*)(const Block&);

// The loops of one op, by the type of the first operand; null where the op has no meaning. Floats narrower than f32
// have the loop of f32.
struct Loops {
  BlockLoop pred, u8, u16, u32, u64, s8, s16, s32, s64, f32, f64, c64, c128;
  BlockLoop for_type(DType type) const;
};

// A functor with one int as its member gets Block::bits.
template <class F>
F functor_of(const Block& block) {
  if constexpr (std::is_empty_v<F>) {
    return F{};
  } else {
    return F{block.bits};
  }
}

template <class F, class T>
void unary_loop(const Block& block) {
  const F f = functor_of<F>(block);
  const T* x = static_cast<const T*>(block.in[0]);
  auto* out = static_cast<std::invoke_result_t<F, T>*>(block.out);
  for (size_t i = 0; i < block.n; ++i) out[i] = f(x[i]);
}
template <class F, class T>
void binary_loop(const Block& block) {
  const F f = functor_of<F>(block);
  const T* x = static_cast<const T*>(block.in[0]);
  const T* y = static_cast<const T*>(block.in[1]);
  auto* out = static_cast<std::invoke_result_t<F, T, T>*>(block.out);
  for (size_t i = 0; i < block.n; ++i) out[i] = f(x[i], y[i]);
}
template <class F, class T>
void ternary_loop(const Block& block) {
  const F f = functor_of<F>(block);
  const T* x = static_cast<const T*>(block.in[0]);
  const T* y = static_cast<const T*>(block.in[1]);
  const T* z = static_cast<const T*>(block.in[2]);
  T* out = static_cast<T*>(block.out);
  for (size_t i = 0; i < block.n; ++i) out[i] = f(x[i], y[i], z[i]);
}

template <int arity, class F, class T>
constexpr BlockLoop loop() {
  if constexpr (arity == 1 && std::invocable<F, T>) {
    return unary_loop<F, T>;
  } else if constexpr (arity == 2 && std::invocable<F, T, T>) {
    return binary_loop<F, T>;
  } else if constexpr (arity == 3 && std::invocable<F, T, T, T>) {
    return ternary_loop<F, T>;
  } else {
    return nullptr;
  }
}

// All loops of a functor; `OnPred` is the one for pred, which is stored as a byte 0 or 1.
template <int arity, class F, class OnPred = F>
constexpr Loops loops() {
  return {loop<arity, OnPred, uint8_t>(),         loop<arity, F, uint8_t>(),  loop<arity, F, uint16_t>(),
          loop<arity, F, uint32_t>(),             loop<arity, F, uint64_t>(), loop<arity, F, int8_t>(),
          loop<arity, F, int16_t>(),              loop<arity, F, int32_t>(),  loop<arity, F, int64_t>(),
          loop<arity, F, float>(),                loop<arity, F, double>(),   loop<arity, F, std::complex<float>>(),
          loop<arity, F, std::complex<double>>()};
}

// The value of a pointwise instruction: its element type, and the operands' sizes (those of operands that are no
// scalars, where they differ). Takes the memory of an operand that it may overwrite.
Literal run_pointwise(const Instruction& instruction, const Loops& loops, std::span<Literal> operands);

// An array for the result: an operand's own memory where nothing else reads it and the type fits.
Literal result_array(const Shape& shape, std::span<Literal> operands);

// The sizes of a pointwise result.
const Dims& common_dims(std::span<const Literal> operands);

}  // namespace gshard
