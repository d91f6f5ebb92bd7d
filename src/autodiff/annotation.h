// Annotations on the way back: what a model says of where a value lies, its gradient says of the cotangent.
//
//   %y = f32[8] custom-call(%x), custom_call_target="Sharding", sharding={devices=[4]<=[4]}      annotated_by(%ct, %y):
//   %d = f32[8] custom-call(%ct), custom_call_target="Sharding", sharding={devices=[4]<=[4]}
#pragma once

#include <memory>
#include <string_view>

#include "ops/value.h"

namespace gshard {

// The value, annotated as a leaf of `x` is.
Value annotated_as(Value value, const Instruction& x, size_t leaf);
// All of the value, annotated as x is.
Value annotated_as(Value value, const Instruction& x);

// custom-call(cotangent) of the same target and with the same notes as `call`, an annotation of one array.
Value annotated_by(Value cotangent, const Instruction& call);

// custom-call(x) of that target, type and sharding.
Value annotation_call(std::string_view target, Value x, const Shape& shape,
                      std::shared_ptr<const HloSharding> sharding);

}  // namespace gshard
