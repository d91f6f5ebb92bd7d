// Products and sums with arrays of few numbers become moves of rows and of numbers.
//
//   dot(%dispatch, %x)    [G,S,E,C] x [G,S,M] -> [G,E,C,M]    rows of %x are added up where %dispatch says
//   dot(%combine, %y)     [G,S,E,C] x [G,E,C,M] -> [G,S,M]    rows of %y are gathered and weighed
//   reduce(select(%is_label, %logits, 0)) [N,V] -> [N]    the one number of each row that is chosen is read
//
// and of a product that is only looked at where such an array is not 0 (the gradient of %combine), each number that is
// looked at becomes a sum of its own. Results differ from the products' by rounding only.
#pragma once

#include "ir/module.h"

namespace gshard::cpu {

void replace_one_hot(Module& module);

// The target of the custom call that adds up rows: (x[N,M], places s32[K,N], weights f32[K,N]) -> [R,M]. Row r is the
// sum of weights[k,n] * x[n] over all k and n whose place is r, in their order, in f32.
inline constexpr const char* kSumRows = "gshard.sum_rows";

}  // namespace gshard::cpu
