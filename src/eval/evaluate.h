// The reference evaluator: what a module means, by plain loops. Every fast path is tested against it.
//
//   Literal result = evaluate(module, {x, y});
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ir/literal.h"
#include "ir/module.h"

namespace gshard {

// What an evaluation needs from outside its module. The default is one device alone: id 0, collectives over one
// participant, no peers, infeed made up from the seed, outfeed dropped. Simulations of many devices derive from it.
class Environment {
 public:
  virtual ~Environment() = default;
  virtual int64_t partition_id() const { return 0; }
  virtual int64_t replica_id() const { return 0; }
  // The result of a collective op (Traits::collective) for this device.
  virtual Literal collective(const Instruction& instruction, std::span<const Literal> operands);
  virtual Literal infeed(const Instruction& instruction);
  virtual void outfeed(const Instruction& instruction, const Literal& value);
};

struct EvaluateOptions {
  // Constants whose values the text left out ("{...}") get values made from the seed; otherwise they are an error.
  bool make_up_constants = false;
  uint64_t seed = 0;
  // Refuse to hold more than this many bytes of values at once.
  int64_t memory_limit = int64_t{1} << 40;
  Environment* environment = nullptr;  // not owned; null for the default
  // Called after each instruction outside of reducers and comparators, with its value.
  std::function<void(const Instruction&, const Literal&)> observe;
};

// Runs the entry computation. Throws Error(program) where arguments do not fit the parameters or an op has no
// meaning here (the message names the instruction and its place), Error(memory) where a value is too large.
Literal evaluate(const Module& module, std::span<const Literal> arguments, const EvaluateOptions& options = {});

// One computation, for constant folding and tests.
Literal evaluate(const Computation& computation, std::span<const Literal> arguments, const EvaluateOptions& options = {});

}  // namespace gshard
