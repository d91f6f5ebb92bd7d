// Evaluating a few lines of HLO text, for tests.
//
//   EXPECT_EQ(value_of("  x = s32[2] constant({1, 2})\n  ROOT y = s32[2] negate(x)"), "{-1, -2}");
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eval/evaluate.h"

namespace gshard {

// The module with these computations and this body of its entry, parsed and verified.
std::unique_ptr<Module> module_of(const std::string& entry, const std::string& computations = "");

Literal run(const std::string& entry, const std::string& computations = "", const std::vector<Literal>& arguments = {},
            const EvaluateOptions& options = {});

// run(), printed as in the parentheses of a constant. Parts of a tuple are separated by " ; ".
std::string value_of(const std::string& entry, const std::string& computations = "",
                     const std::vector<Literal>& arguments = {}, const EvaluateOptions& options = {});
std::string text_of(const Literal& value);

// The value of one instruction on constants: apply("s32[2] add", {"s32[2] {1, 2}", "s32[2] {3, 4}"}).
std::string apply(const std::string& result_and_op, const std::vector<std::string>& operands,
                  const std::string& attributes = "");

// What evaluating throws, "" where it throws nothing.
std::string error_of(const std::string& entry, const std::string& computations = "",
                     const std::vector<Literal>& arguments = {}, const EvaluateOptions& options = {});

// An array or scalar from values of its storage type.
template <class T>
Literal literal_of(const Shape& shape, const std::vector<T>& values) {
  Literal literal(shape);
  const std::span<T> elements = literal.mutable_values<T>();
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = values[i];
  return literal;
}

}  // namespace gshard
