// What each op is: one row per opcode, in ops/table.cc, which does not compile while a row is missing.
//
//   {Op::reduce, operands(2, kAny), attributes<DimensionsAttrs>(), infer_reduce, any, none, "to_apply"}
//
// says that reduce takes two operands or more, carries DimensionsAttrs, has its type derived by infer_reduce, works on
// every element type, and names one computation in the text, `to_apply=`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "ir/attributes.h"
#include "ir/instruction.h"
#include "ir/op.h"

namespace gshard {

enum class Traits : uint32_t {
  none = 0,
  pointwise = 1 << 0,       // the result's element i depends on the operands' elements i (or scalars) only
  commutative = 1 << 1,     // operands 0 and 1 may be exchanged
  side_effect = 1 << 2,     // must not be removed, duplicated or reordered (infeed, send, rng, ...)
  collective = 1 << 3,      // moves data between devices
  data_movement = 1 << 4,   // copies elements, computes nothing
  transcendental = 1 << 5,  // a pointwise function that takes many instructions: exponential, tanh, power, ...
  declared_shape = 1 << 6,  // the result's type is not implied by the operands: the text declares it (iota, reshape)
};

// The classes of element types that operand 0 may have.
enum class Types : uint32_t {
  unchecked = 0,  // the op has no operand, or infer_shape alone knows what it may be
  boolean = 1 << 0,
  signed_int = 1 << 1,
  unsigned_int = 1 << 2,
  floating = 1 << 3,
  complex_float = 1 << 4,
  integer = signed_int | unsigned_int,
  bits = boolean | integer,
  inexact = floating | complex_float,
  number = integer | inexact,
  any = number | boolean,
};

template <class Flags>
concept FlagSet = std::is_same_v<Flags, Traits> || std::is_same_v<Flags, Types>;
template <FlagSet Flags>
constexpr Flags operator|(Flags a, Flags b) {
  return static_cast<Flags>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}
template <FlagSet Flags>
constexpr bool has(Flags set, Flags one) {
  return (static_cast<uint32_t>(set) & static_cast<uint32_t>(one)) != 0;
}
bool has(Types set, DType type);

inline constexpr int kAny = -1;

struct OperandCount {
  int min;
  int max;  // kAny: no limit
};
constexpr OperandCount operands(int count) { return {count, count}; }
constexpr OperandCount operands(int min, int max) { return {min, max}; }

// The index of Struct in the variant Attributes.
template <class Struct, size_t I = 0>
constexpr size_t attributes() {
  if constexpr (std::is_same_v<std::variant_alternative_t<I, Attributes>, Struct>) {
    return I;
  } else {
    return attributes<Struct, I + 1>();
  }
}

// Derives the result's type from operands, attributes and callees. The instruction's own shape is what the text
// declared, the empty tuple where it declared nothing. It is read where the operands do not tell the result (the row
// says `declared_shape`) or leave its element type open (dot, convolution): it is checked and returned then.
// Throws Error(program) that names the sizes that do not fit; the message starts with the op's keyword.
using InferShape = Shape (*)(const Instruction&);

struct OpRow {
  Op op;
  OperandCount operands;
  size_t attributes;
  InferShape infer;
  Types types = Types::unchecked;
  Traits traits = Traits::none;
  // The keywords that name called computations, in the order of Instruction::callees(), separated by spaces:
  // "condition body". Each stands for one computation; "calls?" may be left out, "branch_computations*" is a list of
  // any length.
  std::string_view callees = {};
};

const OpRow& row_of(Op op);

// The op's attribute struct with every field at its default.
const Attributes& default_attributes(Op op);

// row_of(i.op()).infer(i), after checking the number of operands and callees and the type of operand 0.
Shape infer_shape(const Instruction& instruction);

// Whether the instruction itself must be kept for what it does: the row's trait, or a custom call that says so. Its
// callees are not looked into.
bool has_side_effect(const Instruction& instruction);

}  // namespace gshard
