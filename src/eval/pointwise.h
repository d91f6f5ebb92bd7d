// Pointwise ops: a functor says what happens to one element, loops over blocks are made from it for every type that
// it admits, and a table has the loops of each op.
//
//   struct Negate { template <Real T> T operator()(T x) const { return -x; } };
//   {Op::negate, loops<1, Negate>()}
//
// A PointwiseOp is an instruction with its loop looked up: it runs over blocks of raw elements, in eval_negate over
// whole arrays, in a LaneProgram (eval/lane_program.h) over the lanes of a reducer or comparator.
#pragma once

#include <array>
#include <complex>
#include <cstddef>
#include <span>
#include <type_traits>

#include "eval/arithmetic.h"
#include "eval/evaluator.h"

namespace gshard {

struct PointwiseOp;

// A run of n elements: `in` and `out` point at arrays of the types that the loop was made for, and `out` may be one
// of `in`.
struct Block {
  std::array<const void*, 3> in;
  void* out;
  size_t n;
  const PointwiseOp* op;
};
using BlockLoop = void (*)(const Block&);

struct PointwiseOp {
  const Instruction* instruction = nullptr;
  BlockLoop loop = nullptr;
  std::array<DType, 3> operands{};
  DType result{};
  size_t arity = 0;
  // The width of operand 0 where it is an integer: 4 for s4, 1 for pred.
  int bits = 0;
  // The loop takes narrow floats as they are stored, not as f32.
  bool as_stored = false;

  // Set from the above: which operands are to be widened, whether the result is to be narrowed or wrapped.
  std::array<bool, 3> widens{};
  bool narrows = false;
  bool wraps = false;
  bool has_narrow_floats = false;
  // The most elements that run() takes at once where has_narrow_floats.
  static constexpr size_t kBlock = 512;

  // `in` and `out` hold elements as literals do; `out` may be one of `in`.
  void run(std::span<const std::byte* const> in, std::byte* out, size_t n) const;
};

// What to run for an instruction whose op has Traits::pointwise, or copy, or bitcast-convert between types of one
// width. Throws Error(program) where the op has no meaning on the operands' types.
PointwiseOp pointwise_op(const Instruction& instruction);
// Whether pointwise_op knows the instruction.
bool is_pointwise(const Instruction& instruction);

// The value of a pointwise instruction. Scalars among the operands stand for arrays. Takes the memory of an operand
// that it may overwrite.
Literal run_pointwise(const Instruction& instruction, std::span<Literal> operands);

// ---- loops --------------------------------------------------------------------------------------------------------

// The loops of one op, by the type of the first operand; null where the op has no meaning. Floats narrower than f32
// have the loop of f32.
struct Loops {
  BlockLoop pred, u8, u16, u32, u64, s8, s16, s32, s64, f32, f64, c64, c128;
  BlockLoop for_type(DType type) const;
};
struct LoopsRow {
  Op op;
  Loops loops;
};
std::span<const LoopsRow> unary_rows();
std::span<const LoopsRow> binary_rows();
// Sets the loop of the ops that have none of their own per type: compare, select, clamp, convert, reduce-precision, ...
void resolve_special(PointwiseOp& op);

// A functor with one int as its member gets PointwiseOp::bits.
template <class F>
F functor_of(const Block& block) {
  if constexpr (std::is_empty_v<F>) {
    return F{};
  } else {
    return F{block.op->bits};
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
  return {loop<arity, OnPred, uint8_t>(),
          loop<arity, F, uint8_t>(),
          loop<arity, F, uint16_t>(),
          loop<arity, F, uint32_t>(),
          loop<arity, F, uint64_t>(),
          loop<arity, F, int8_t>(),
          loop<arity, F, int16_t>(),
          loop<arity, F, int32_t>(),
          loop<arity, F, int64_t>(),
          loop<arity, F, float>(),
          loop<arity, F, double>(),
          loop<arity, F, std::complex<float>>(),
          loop<arity, F, std::complex<double>>()};
}

}  // namespace gshard
