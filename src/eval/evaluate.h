// The reference evaluator: what a module means, by plain loops. Every fast path is tested against it.
//
//   Literal result = evaluate(module, {x, y});
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ir/literal.h"
#include "ir/module.h"

namespace gshard {

// What an evaluation needs from outside its module. The default is one device alone: id 0, collectives over one
// participant, no peers; what infeed and recv get is made up from the seed, what outfeed and send give is dropped.
// Simulations of many devices derive from it.
class Environment {
 public:
  explicit Environment(uint64_t seed = 0) : seed_(seed) {}
  virtual ~Environment() = default;
  virtual int64_t partition_id() const { return 0; }
  virtual int64_t replica_id() const { return 0; }
  // The result of a collective op (Traits::collective) for this device. A -start form is asked for what its -done
  // gives: the shape to make is `result`.
  virtual Literal collective(const Instruction& instruction, const Shape& result, std::span<const Literal> operands);
  // The data of an infeed or recv, without the token.
  virtual Literal infeed(const Instruction& instruction, const Shape& data);
  virtual Literal recv(const Instruction& instruction, const Shape& data);
  virtual void outfeed(const Instruction& instruction, const Literal& value);
  virtual void send(const Instruction& instruction, const Literal& value);

 private:
  uint64_t seed_;
  uint64_t made_up_ = 0;  // how many values were made up
};

struct EvaluateOptions {
  // Constants whose values the text left out ("{...}") get values made from the seed; otherwise they are an error.
  bool make_up_constants = false;
  uint64_t seed = 0;
  // Refuse to hold more than this many bytes of values at once (the arguments not counted).
  int64_t memory_limit = int64_t{1} << 40;
  Environment* environment = nullptr;  // not owned; null for the default
  // Where it becomes true the evaluation ends soon with an Error. Not owned; may be null.
  const std::atomic<bool>* stop = nullptr;
  // Called after each instruction outside of reducers and comparators, with its value, in whose place it may put
  // another of the same shape.
  std::function<void(const Instruction&, Literal&)> observe;
};

// Runs the entry computation of a module that verify() accepts. Throws Error(program) where arguments do not fit the
// parameters or an op has no meaning here (the message names the instruction and its place), Error(memory) where a
// value is too large.
Literal evaluate(const Module& module, std::span<const Literal> arguments, const EvaluateOptions& options = {});

// One computation, for constant folding and tests.
Literal evaluate(const Computation& computation, std::span<const Literal> arguments,
                 const EvaluateOptions& options = {});

// Values that suit a constant or an input of which nothing but the shape is known: floats in (0.5, 1.5) over the
// square root of the second to last dimension, 0 or 1 for integers and pred. Tuples are filled part by part.
Literal made_up_value(const Shape& shape, uint64_t seed);

// Such a value for a constant that has none, from the seed and the names of the instruction and its computation: the
// same in every evaluation and in every copy of the module.
Literal made_up_constant(const Instruction& constant, uint64_t seed);

}  // namespace gshard
