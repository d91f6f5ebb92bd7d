// What each op is: one row per opcode, in ops/table.cc, which does not compile while a row is missing.
//
//   {Op::dot, operands(2), attributes<DotAttrs>(), infer_dot}
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "ir/attributes.h"
#include "ir/instruction.h"
#include "ir/op.h"

namespace gshard {

// How the type of the result follows from the operands.
enum class Traits : uint32_t {
  none = 0,
  pointwise = 1 << 0,         // the result's element i depends on the operands' elements i (or scalars) only
  commutative = 1 << 1,       // operands 0 and 1 may be exchanged
  side_effect = 1 << 2,       // must not be removed, duplicated or reordered (infeed, send, rng, ...)
  collective = 1 << 3,        // moves data between devices
  data_movement = 1 << 4,     // copies elements, computes nothing
  declared_shape = 1 << 5,    // the result's type is not implied by the operands: the text declares it (iota, reshape)
};
constexpr Traits operator|(Traits a, Traits b) {
  return static_cast<Traits>(static_cast<uint32_t>(a) | static_cast<uint32_t>(b));
}
constexpr bool has(Traits set, Traits one) { return (static_cast<uint32_t>(set) & static_cast<uint32_t>(one)) != 0; }

// Derives the result's type from operands, attributes and callees. Where the row says `declared_shape`, the
// instruction's own shape is read as the declaration, checked, and returned. Throws Error(program) that names the
// sizes that do not fit; the message starts with the op's keyword.
using InferShape = Shape (*)(const Instruction&);

struct OpRow {
  Op op;
  int min_operands;
  int max_operands;  // -1: any number
  size_t attributes; // index of the op's struct in the variant Attributes
  // The keywords that name called computations, separated by spaces, e.g. "condition body"; "" for none.
  std::string_view callees;
  Traits traits;
  InferShape infer;
};

const OpRow& row_of(Op op);

// The op's attribute struct with every field at its default.
Attributes default_attributes(Op op);

// row_of(i.op()).infer(i) after checking the number of operands, the attribute struct and the number of callees.
Shape infer_shape(const Instruction& instruction);

}  // namespace gshard
