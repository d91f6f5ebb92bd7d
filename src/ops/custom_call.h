// The custom calls whose meaning is known here, by their targets.
//
//   %y = f32[8] custom-call(%x), custom_call_target="mhlo.erf"      known_call_of(y) == KnownCall::pointwise
#pragma once

#include <optional>

#include "ir/instruction.h"

namespace gshard {

enum class KnownCall : uint8_t {
  none,
  identity,   // hints about placement, layout or sharding: the operands pass through
  edge,       // of a manual region: the same, with other sizes outside than inside
  topk,       // "TopK": (values, indices) of the first elements of each row
  pointwise,  // an op that HLO has by now, by the name that it had before
};

// The instruction is a custom-call. Pointwise calls and those of TopK make what infer_shape says.
KnownCall known_call_of(const Instruction& custom_call);

// The op that a pointwise call stands for.
Op pointwise_op_of(const Instruction& custom_call);

// The number of elements that a topk or a call of TopK takes of each row, and whether the largest ones.
TopKAttrs topk_attributes_of(const Instruction& instruction);

}  // namespace gshard
