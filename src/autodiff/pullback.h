// One op on the way back: what the function of an op (autodiff/gradients.h) reads and gives.
//
//   void gradient_tanh(Pullback& p) {
//     p.give(0, [&] { return multiply(p.cotangent(), subtract(1, multiply(p.result(), p.result()))); });
//   }
#pragma once

#include <concepts>
#include <string_view>
#include <vector>

#include "autodiff/walk.h"
#include "ops/value.h"

namespace gshard {

class Pullback {
 public:
  // `cotangents` has one entry per leaf of the result, of nothing where it is zero; one of them is not.
  Pullback(Walk& walk, Instruction& instruction, std::vector<Value> cotangents)
      : walk_(walk), instruction_(instruction), cotangents_(std::move(cotangents)) {}

  Walk& walk() const { return walk_; }
  Instruction& instruction() const { return instruction_; }
  template <class T>
  const T& attrs() const {
    return instruction_.attrs<T>();
  }
  Value result() const { return &instruction_; }
  size_t operand_count() const { return instruction_.operand_count(); }
  Value operand(size_t i) const { return instruction_.operand(i); }
  // Operands from the i-th on.
  std::vector<Value> operands_from(size_t i) const;

  // Of a leaf of the result: a value of nothing where it is zero, which that of an op with one leaf never is.
  Value cotangent(size_t leaf = 0) const { return cotangents_[leaf]; }
  const std::vector<Value>& cotangents() const { return cotangents_; }

  // Whether the operand's leaf depends on what gradients are asked of.
  bool wants(size_t operand, size_t leaf = 0) const { return walk_.is_active(*instruction_.operand(operand), leaf); }
  // Adds to the cotangent of an operand's leaf, of whose type and sizes `cotangent` is. What is not wanted, or of
  // nothing, is dropped.
  void give(size_t operand, Value cotangent) { give_leaf(operand, 0, cotangent); }
  void give_leaf(size_t operand, size_t leaf, Value cotangent);
  // The same with a cotangent that is only made where it is wanted.
  template <std::invocable Make>
  void give(size_t operand, Make make) {
    if (wants(operand)) give_leaf(operand, 0, make());
  }

  // Throws Error(program): this instruction has no gradient.
  [[noreturn]] void refuse(std::string_view reason) const;

 private:
  Walk& walk_;
  Instruction& instruction_;
  std::vector<Value> cotangents_;
};

}  // namespace gshard
