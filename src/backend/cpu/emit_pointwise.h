// LLVM code for one pointwise instruction on scalars or vectors.
//
// In registers, pred is i1, integers are as wide as they are stored, and bf16 and f16 are floats that the narrow type
// can hold: every op rounds its result to it, as the evaluator does.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <map>
#include <span>
#include <string>
#include <utility>

#include "backend/cpu/emit_math.h"
#include "ir/module.h"

namespace gshard::cpu {

// What the code may use of the machine it is made for.
struct Machine {
  int vector_bytes = 16;       // of its registers
  std::string math_suffix;     // of SLEEF's functions for them: "avx512f"
  bool converts_bf16 = false;  // in hardware
};

class PointwiseEmitter {
 public:
  PointwiseEmitter(llvm::IRBuilder<>& builder, const Machine& machine) : b_(builder), machine_(machine) {}

  // The type of a value in a register; `lanes` 1 is a scalar.
  llvm::Type* register_type(DType type, unsigned lanes) const;
  // The type of an element in memory.
  llvm::Type* memory_type(DType type) const;
  llvm::Value* to_register(llvm::Value* stored, DType type);
  llvm::Value* to_memory(llvm::Value* value, DType type);

  // The instruction's result, lane by lane.
  llvm::Value* emit(const Instruction& x, std::span<llvm::Value* const> operands, Accuracy accuracy = Accuracy::full);
  // A vector of floats by one number, by its reciprocal: where accuracy is full rounded as the quotient is. A subnormal
  // divisor counts as 0.
  llvm::Value* divide_by_one(llvm::Value* x, llvm::Value* divisor, Accuracy accuracy);
  // op(a, b) for the op of a reducer, without rounding to a narrow type. Which of two zeros wins is left open.
  llvm::Value* combine(Op op, DType type, llvm::Value* a, llvm::Value* b);
  // The value that combine() leaves others as they are with.
  llvm::Value* neutral(Op op, DType type);
  llvm::Value* round_to(llvm::Value* value, DType type);
  // A constant scalar, as a scalar.
  llvm::Value* constant(const Literal& value);
  // Runs a computation over scalars, lane by lane.
  std::vector<llvm::Value*> emit(const Computation& computation, std::span<llvm::Value* const> arguments,
                                 unsigned lanes);

 private:
  llvm::Value* emit_float(Op op, std::span<llvm::Value* const> operands, Accuracy accuracy);
  llvm::Value* emit_integer(Op op, bool is_signed, std::span<llvm::Value* const> operands);
  llvm::Value* emit_bit(Op op, std::span<llvm::Value* const> operands);
  llvm::Value* extremum(Op op, llvm::Value* x, llvm::Value* y);
  llvm::Value* loose_extremum(Op op, llvm::Value* x, llvm::Value* y);
  llvm::Value* absolute(llvm::Value* x);
  llvm::Value* product(llvm::Value* x, llvm::Value* y);
  llvm::Value* compare(const Instruction& x, llvm::Value* a, llvm::Value* b);
  llvm::Value* convert(llvm::Value* value, DType from, DType to);
  llvm::Value* rounded_to_odd(llvm::Value* x);
  llvm::Value* with_sticky_bit(llvm::Value* x, bool is_signed);
  llvm::Value* bitcast_convert(llvm::Value* value, DType from, DType to);
  llvm::Value* divide(llvm::Value* x, llvm::Value* y, bool is_signed);
  llvm::Value* remainder(llvm::Value* x, llvm::Value* y, bool is_signed);
  llvm::Value* shift(Op op, llvm::Value* x, llvm::Value* amount);
  llvm::Value* math(const char* function, std::span<llvm::Value* const> operands);
  llvm::Value* bf16_bits(llvm::Value* value);
  llvm::Value* log_plus_one(llvm::Value* x);
  llvm::Value* total_order_key(llvm::Value* value);
  llvm::Value* unary(llvm::Intrinsic::ID id, llvm::Value* x) { return b_.CreateUnaryIntrinsic(id, x); }
  llvm::Value* binary(llvm::Intrinsic::ID id, llvm::Value* x, llvm::Value* y) {
    return b_.CreateBinaryIntrinsic(id, x, y);
  }

  llvm::IRBuilder<>& b_;
  const Machine& machine_;
  // Registers that hold exactly what a narrow float in memory says: they need not be rounded again.
  std::map<std::pair<llvm::Value*, DType>, llvm::Value*> stored_as_;
};

}  // namespace gshard::cpu
