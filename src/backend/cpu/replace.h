// One walk over a computation that puts other instructions in the places of some.
#pragma once

#include <functional>

#include "ir/module.h"

namespace gshard::cpu {

// `rule` appends to the computation what is to stand for an instruction and returns it, or returns null: then what it
// appended goes again. New instructions come from where the replaced one came from. The computation is left in order.
void replace(Computation& computation, const std::function<Instruction*(Instruction&)>& rule);

// Removes what nothing reads and does nothing but compute.
void remove_unread(Computation& computation);

}  // namespace gshard::cpu
