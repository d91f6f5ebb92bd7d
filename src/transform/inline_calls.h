// inline-calls: computations that are only called become part of their callers.
//
//   %y = f32[8] call(%x), to_apply=%relu      becomes      %maximum.3 = f32[8] maximum(%x, %broadcast.2)
#pragma once

#include "ir/module.h"

namespace gshard {

enum class Fusions : uint8_t { keep, dissolve };

// Inlines every call (composite ones too) and asynchronous call of the main thread, and fusions where asked for;
// then removes the computations that nothing reaches any more.
//
// Annotations on the call, or on the callee's parameters, stay: on the root's copy where it has none, else in a
// `Sharding` custom-call. Instructions without metadata get the call's. Not inlined are: Shardy's manual computations
// (their boundary means something), calls with the frontend attribute inlineable="false", and calls that would make
// the module grow beyond sixteen times its size and a million instructions.
bool inline_calls(Module& module, Fusions fusions = Fusions::keep);

}  // namespace gshard
