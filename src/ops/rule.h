// Factor rules: what each op's loops do to the dimensions of its operands and results.
//
// A factor is one loop of an op. Every dimension of every operand and result is an ordered product of factors, major
// to minor. GShard's dispatch einsum, [G S E C] x [G S M] -> [E G C M]:
//
//   factors   G parallel, E parallel, C parallel, M parallel, S reduce(add)
//   operands  {G,S,E,C}, {G,S,M}     result  {E,G,C,M}
//
// Propagation, the choice of local work, the reductions between devices and the cost of a plan read this rule and
// nothing else of the op: two tensors whose dimensions share a factor agree on how that factor is cut, cutting a
// parallel factor costs nothing, cutting a reduce factor leaves the result partial.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/small_vector.h"
#include "ir/instruction.h"
#include "ir/sharding.h"

namespace gshard {

enum class FactorKind : uint8_t {
  parallel,  // each device does its part of the loop, with its part of every tensor that has the factor
  reduce,    // absent from the results, which become partial over the axes that cut it
  shift,     // the tensors' dimensions are affine images of one loop: parts need their neighbours' edges
  flat,      // a run of dimensions that match only as one linear index; stands on the run's first dimension
  indexed,   // the op touches places of it that are known only at run time, and each device those that it has; with a
             // reducer the results lack the factor and become partial
  whole,     // must be complete on every device
};

struct Factor {
  FactorKind kind = FactorKind::parallel;
  int64_t size = 1;  // iterations; for a shift the size of the result's dimension
  Reducer reducer = Reducer::none;
};

// Index into Rule::factors.
using FactorId = int16_t;
using DimFactors = SmallVector<FactorId, 4>;

// For each dimension of one array the factors it is the product of, major to minor. A dimension with none is read whole
// (size 1, or a scalar that everybody needs).
using TensorFactors = std::vector<DimFactors>;

// In which operands the op is linear, so that a partial operand makes a partial result instead of a wrong one:
// sum(op(x_i)) == op(sum(x_i)). Bit i stands for operand i.
struct Linearity {
  uint64_t jointly = 0;  // all of these may be partial over the same axes together (add; the branches of a select)
  uint64_t singly = 0;   // any one of these may be partial while the others are not (multiply, dot)
  // The reducer for which this holds; `none` where it holds for all of them (an op that only moves elements).
  Reducer reducer = Reducer::none;
};

struct Rule {
  std::vector<Factor> factors;
  std::vector<TensorFactors> operands;  // one per operand; empty for tuples and tokens
  std::vector<TensorFactors> results;   // one per leaf of the result
  Linearity linearity;
  // The operand whose values are places: where a cut pads it, the op is written so that it points to none. -1 for none.
  int index_operand = -1;
};

// The rule of an instruction whose op has one. Ops that only tie other values together (tuple, get-tuple-element,
// while, conditional, call, opt-barrier, ...) have none: GSHARD_CHECKs that `instruction` is not one of them.
Rule rule_of(const Instruction& instruction);
bool has_rule(Op op);

// "G:8 parallel, S:4 reduce(add) | {0,1} {0} -> {0}": for messages and tests.
std::string to_string(const Rule& rule);

}  // namespace gshard
