// Building programs in C++: values, and computations made of them.
//
//   Module module("double");
//   define_entry(module, "main", {Shape(DType::f32, {4})}, [](Computation&, Values x) { return add(x[0], x[0]); });
//
// A Value is an instruction's result. The functions of ops/build.h take values and append the instruction that makes
// the next one; its type is inferred (ops/table.h), and it remembers the line of the caller as its place in the model.
// What does not fit throws Error(program) with that place.
#pragma once

#include <functional>
#include <initializer_list>
#include <source_location>
#include <span>
#include <string_view>
#include <vector>

#include "ir/module.h"

namespace gshard {

// The caller's place in the model. Every function of this header and of ops/build.h ends with one, to be left out.
using Here = std::source_location;

// Copied like a pointer, and valid as long as the instruction.
class Value {
 public:
  Value() = default;  // of nothing, to be assigned later
  Value(Instruction* instruction) : instruction_(instruction) {}

  Instruction* instruction() const { return instruction_; }
  Instruction* operator->() const { return instruction_; }
  Computation& computation() const { return *instruction_->parent(); }

  const Shape& shape() const { return instruction_->shape(); }
  DType type() const { return shape().type(); }
  const Dims& dims() const { return shape().dims(); }
  size_t rank() const { return shape().rank(); }
  int64_t dim(size_t i) const { return shape().dim(i); }

 private:
  Instruction* instruction_ = nullptr;
};

using Values = std::span<const Value>;

// ---- computations -----------------------------------------------------------------------------------------------

// Gets the computation and its parameters, returns its result.
using Body = std::function<Value(Computation&, Values)>;

// Appends a computation to the module. A body may call only computations that exist before it returns.
Computation& define(Module& module, std::string_view name, const std::vector<Shape>& parameters, const Body& body,
                    Here here = Here::current());
// The same for the module's entry; afterwards computations that it does not reach are gone, and callees stand before
// callers.
Computation& define_entry(Module& module, std::string_view name, const std::vector<Shape>& parameters, const Body& body,
                          Here here = Here::current());

// ---- any instruction --------------------------------------------------------------------------------------------

// What an instruction is beside its operands. Attributes left out are the op's defaults.
struct Recipe {
  Op op;
  Attributes attributes = NoAttrs{};
  std::vector<Computation*> callees = {};
  Shape declared = {};  // where the operands do not tell the result (Traits::declared_shape)
};

// Appends to `in`. Operands are of `in` as well.
Value append(Computation& in, const Recipe& recipe, Values operands, Here here = Here::current());
// The same in the operands' computation. There is one operand at least.
Value append(const Recipe& recipe, Values operands, Here here = Here::current());

// An Error(program) with the place of the caller.
Error error_here(const std::string& message, const Here& here);

}  // namespace gshard
