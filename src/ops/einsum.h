// Einstein summation: products and sums by the names of dimensions, lowered to dot, reduce and transpose.
//
//   einsum("GSEC,GSM->EGCM", dispatch, x)      // GShard's dispatch: one dot over S with batch G, and a transpose
//   einsum("BD->B", x)                         // a sum over D
//   einsum("B,D->BD", x, y)                    // an outer product
#pragma once

#include <optional>
#include <string_view>

#include "ops/value.h"

namespace gshard {

// Each letter names a dimension, in every operand with the same size; letters that the result leaves out are summed
// over. Spaces mean nothing. `type` is the element type of the product where it is not that of the operands. Throws
// Error(program) on repeated letters within one operand or the result, on letters that only the result has, and where
// ranks or sizes do not fit.
Value einsum(std::string_view equation, Value a, Here here = Here::current());
Value einsum(std::string_view equation, Value a, Value b, std::optional<DType> type = {}, Here here = Here::current());

}  // namespace gshard
