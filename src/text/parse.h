// Reading HLO text.
//
//   auto module = parse_module("HloModule m\nENTRY e {\n  ROOT x = f32[] parameter(0)\n}\n", "m.hlo");
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ir/module.h"

namespace gshard {

// Reads a module. `file` is only for messages. Throws Error(program) with line, column and the line's text.
// The result is well-formed (names resolve, operands stand before users, no recursion, parameters numbered without
// gaps) but its types are not checked: that is verify()'s work. Where the text leaves out a result shape it is
// inferred.
std::unique_ptr<Module> parse_module(std::string_view text, std::string file = "<text>");

// Reads one shape, one sharding or one literal of the given shape, all of `text`. Throws Error(program).
Shape parse_shape(std::string_view text);
HloSharding parse_sharding(std::string_view text);
Literal parse_literal(const Shape& shape, std::string_view text);

}  // namespace gshard
