// Arrays combined element by element, as the devices' operands of an all-reduce are.
#pragma once

#include <optional>
#include <span>

#include "ir/literal.h"
#include "ir/sharding.h"

namespace gshard {

// Of one shape and at least one, combined in their order and rounded once, at the end: sums of floats are kept in f64.
// Nullopt where the reducer is `none` or has no meaning for the type.
std::optional<Literal> combined(Reducer reducer, std::span<const Literal* const> arrays);

}  // namespace gshard
