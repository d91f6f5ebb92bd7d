// Attributes that carry sizes, in the sizes of one device.
#pragma once

#include "shard/plan.h"

namespace gshard {

// The attributes of the local op under a plan; `local_result` is the per-device shape of result leaf 0.
Attributes localized_attributes(const Instruction& instruction, const OpPlan& plan, const Rule& rule,
                                const Shape& local_result, const Mesh& mesh);

}  // namespace gshard
