// The ways in which an op can be done on the devices.
//
// Most ops have one: the op itself, on the parts that its factor rule names. An op whose parts need their neighbours'
// edges, or that can be done where its operand lies instead of where its result is wanted, has a rule and an emission
// for each way; plans choose among them by what they cost.
//
//   top-k of rows that are cut:
//     way 0  the rows are brought together, the op is itself
//     way 1  each device takes the top of its part; those are gathered, and the top of them is the result
#pragma once

#include <vector>

#include "ops/rule.h"
#include "shard/emitter.h"

namespace gshard {

struct OpContext;
struct OpPlan;

// One op on one device, about to be written.
struct LocalOp {
  const Instruction& instruction;  // of the whole program
  const OpContext& context;
  const OpPlan& plan;
  // Of this device, in operand_sharding(), padding replaced by neutral elements where a cut reduce factor reads it.
  std::vector<Instruction*> operands;
  Emitter& emitter;

  // The per-device shape of a leaf of the result.
  Shape result_shape(size_t leaf = 0) const;
};

// Writes the op; returns the leaves of its result on this device, in result_sharding().
using Localize = std::vector<Instruction*> (*)(const LocalOp& op);

// What each device sends to others along some digits, in so many messages one after the other.
struct Sending {
  double bytes = 0;
  double messages = 0;
  Digits digits = {};
};

// What each device sends while it does the op so, besides bringing operands and results where they must lie.
using Sent = std::vector<Sending> (*)(const OpContext& op, const OpPlan& plan, const Mesh& mesh);

struct Way {
  Rule rule;
  Localize localize;
  Sent sent = nullptr;   // null: none
  bool in_ring = false;  // for plans with a ring, and only for these
};

// All ways of an instruction whose op has a rule. The first has the op's own rule, by which shardings propagate.
std::vector<Way> ways_of(const Instruction& instruction);

// The op itself, with the loops whole whose parts need others.
Way plain_way(const Instruction& instruction);

// The op itself with per-device shapes.
std::vector<Instruction*> localize_plain(const LocalOp& op);

// The op itself on the operands of `op`, with attributes and shapes of its leaves of its own.
std::vector<Instruction*> emit_op(const LocalOp& op, Attributes attributes, const std::vector<Shape>& leaves);

}  // namespace gshard
