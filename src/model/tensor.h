// Arithmetic on tensors as numpy has it: what a model is written with.
//
//   Tensor scores = einsum("BQHD,BKHD->BHQK", q, k) * 0.125 + bias;      // bias [B,1,1,K] is repeated
//   Tensor shares = exponential(scores - max(scores, {-1}, Keep::dims));
//   Tensor hidden = where(mask, x, 0);
//
// A Tensor is a Value of the program that is being built (ops/value.h), so that every function of ops/build.h,
// ops/einsum.h and ops/split.h takes one and makes one. Here are the operators, which repeat dimensions as numpy does,
// and what is put together from several ops. Dimensions count from 0, or from the end: -1 is the last. What does not
// fit throws Error(program) with the caller's line.
#pragma once

#include <utility>

#include "ops/build.h"
#include "ops/einsum.h"
#include "ops/split.h"

namespace gshard {

using Tensor = Value;

// What stands beside an operator: a tensor, which is not of nothing, or a number that takes the type of the other one.
// It knows its line.
class OperandHere : public Operand {
 public:
  OperandHere(Tensor x, Here here = Here::current());
  template <class T>
  requires std::is_arithmetic_v<T> OperandHere(T number, Here here = Here::current()) : Operand(number), here_(here) {}

  const Here& here() const { return here_; }

 private:
  Here here_;
};

Tensor operator+(OperandHere a, OperandHere b);
Tensor operator-(OperandHere a, OperandHere b);
Tensor operator*(OperandHere a, OperandHere b);
Tensor operator/(OperandHere a, OperandHere b);
Tensor operator-(OperandHere x);

// Whether it is a tensor, and not what an argument that may be left out is then: of nothing.
inline bool is_set(Tensor x) { return x.instruction() != nullptr; }

// a + b, or b where a is of nothing: how terms are added up that begin with none.
Tensor plus(Tensor a, Tensor b, Here here = Here::current());

// Of pred. Whether two are equal is equal(a, b): == is left to those who compare handles.
Tensor operator<(OperandHere a, OperandHere b);
Tensor operator<=(OperandHere a, OperandHere b);
Tensor operator>(OperandHere a, OperandHere b);
Tensor operator>=(OperandHere a, OperandHere b);
Tensor equal(OperandHere a, OperandHere b);
Tensor operator&(OperandHere a, OperandHere b);
Tensor operator|(OperandHere a, OperandHere b);
Tensor operator!(OperandHere x);

// x where the condition holds, else y; all three are repeated to common sizes.
Tensor where(Tensor condition, OperandHere x, OperandHere y);

// ---- reductions -------------------------------------------------------------------------------------------------

// Whether dimensions that are reduced stay, of size 1.
enum class Keep : uint8_t { none, dims };

Tensor sum(Tensor x, const Dims& dims, Keep keep = Keep::none, Here here = Here::current());
Tensor mean(Tensor x, const Dims& dims, Keep keep = Keep::none, Here here = Here::current());
Tensor max(Tensor x, const Dims& dims, Keep keep = Keep::none, Here here = Here::current());
Tensor min(Tensor x, const Dims& dims, Keep keep = Keep::none, Here here = Here::current());
// Means of types narrower than f32 are taken in f32. Over everything: scalars.
Tensor sum(Tensor x, Here here = Here::current());
Tensor mean(Tensor x, Here here = Here::current());

// s32: where along `dim` the largest stands, the first of equal ones.
Tensor argmax(Tensor x, int64_t dim, Here here = Here::current());

struct TopK {
  Tensor values;   // [..., k], in descending order
  Tensor indices;  // s32; of equal values the first comes first
};
// Along the last dimension. Gradients pass to the elements that were chosen.
TopK top_k(Tensor x, int64_t k, Here here = Here::current());

// Running sums along a dimension: each element with all before it, or of those before it alone.
enum class Running : uint8_t { inclusive, exclusive };
Tensor cumsum(Tensor x, int64_t dim, Running running = Running::inclusive, Here here = Here::current());

// ---- shapes and indices -----------------------------------------------------------------------------------------

// A dimension of size 1 before dimension `dim` of the result's.
Tensor expand_dims(Tensor x, int64_t dim, Here here = Here::current());

// Of x's sizes: each element's place along a dimension.
Tensor positions_along(Tensor x, int64_t dim, DType type, Here here = Here::current());

// [..., size]: 1 at each index, an integer, 0 elsewhere; all 0 where the index is no place.
Tensor one_hot(Tensor indices, int64_t size, DType type, Here here = Here::current());

// [..., columns]: the rows of a table [rows, columns] at these places, those out of range at the nearest.
Tensor take(Tensor table, Tensor indices, Here here = Here::current());

}  // namespace gshard
