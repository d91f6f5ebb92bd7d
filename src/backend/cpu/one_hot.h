// Arrays that hold few numbers and zeros elsewhere, at places that integers say: sums of products with one-hot arrays.
//
//   %p = compare(iota, broadcast(%slot)), direction=EQ    %m = multiply(convert(%p), broadcast(%weight))
//
// of [S,C] is one term: in each row s the number %weight[s] at column %slot[s], and 0 elsewhere. A mixture of experts
// is written with such arrays: [G,S,E,C] with as many terms as a token has choices, each hot along E and C.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "ops/build.h"

namespace gshard::cpu {

// A value that varies along some dimensions of an array: its dimension i is the array's dims[i].
struct Factor {
  Instruction* value;
  Dims dims;
};

struct OneHotTerm {
  std::vector<Factor> weights = {};    // multiplied with each other
  std::map<int64_t, Factor> hot = {};  // by dimension: where along it the number stands; nowhere if out of range
  DType type = DType::f32;             // in which the weight is held, if it is narrower
};
using OneHotSum = std::vector<OneHotTerm>;

// x as such a sum, every term hot along the same dimensions; none where it is not seen to be one. What it takes to say
// the weights is appended to the computation.
std::optional<OneHotSum> one_hot_sum(Instruction& x);

// A value that is broadcast to an array's sizes: what is broadcast, and along which dimensions it varies.
Factor unbroadcast(Instruction& x);

// A constant 0, or one that is broadcast.
bool is_zero(const Instruction& x);

// The factor as an array over the given dimensions of an array with these sizes.
Value spread_over(const Factor& factor, const Dims& dims, const Dims& sizes);
// The weight of a term as f32 over these dimensions, those of the array along which the term is not hot.
Value weight_over(const OneHotTerm& term, const Dims& dims, const Dims& sizes);
// s32, the same: the sum over the hot dimensions of where the number stands times strides[i], i counting them; -1 for
// nowhere.
Value place_over(const OneHotTerm& term, const Dims& dims, const Dims& sizes, const Dims& strides);

// Whether the term is hot along none of these dimensions.
bool is_none_hot(const OneHotTerm& term, const Dims& dims);
// Whether weights and places vary along no dimension of which one place is chosen.
bool is_cool(const OneHotTerm& term);

// The dimensions of an array of this rank that are not hot.
Dims cool_dims(const OneHotTerm& term, size_t rank);

}  // namespace gshard::cpu
