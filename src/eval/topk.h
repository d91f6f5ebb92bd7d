// The largest or smallest elements, for the topk op and for the custom-call TopK.
#pragma once

#include "ir/literal.h"

namespace gshard {

// (values, s32 indices) of the k first elements of each row along the last dimension, in total order (NaN is above
// infinity, -0 below +0); of equal ones the lower index comes first.
Literal top_elements(const Literal& x, int64_t k, bool largest);

}  // namespace gshard
