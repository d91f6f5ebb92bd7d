// Localising one computation.
#pragma once

#include <functional>
#include <unordered_map>

#include "shard/choice.h"
#include "shard/localize.h"

namespace gshard {

// A value of one device and the sharding that it has: the one of its class, or what the op before it made.
struct Held {
  Instruction* value = nullptr;
  Sharding sharding;
};

// The per-device values of one original value: its array and token leaves in order.
using Leaves = std::vector<Held>;

// What the computations of one module share while they are written.
struct Localization {
  const Decision& decision;
  LocalModule program;
  Accumulators accumulators;
  std::vector<ReshardRecord> reshards;
  std::vector<TracedValue> trace;
  // The per-device form of a computation; each is made once.
  std::function<Computation*(const Computation& computation, const Form& form)> localized;
};

// Tuples do not exist inside: every value is its leaves, and tuples are made where a computation begins, ends, or hands
// state to another.
class ComputationLocalizer {
 public:
  ComputationLocalizer(Localization& shared, const Computation& from, Computation& to, const Form& form);

  void run();

 private:
  void trace(const Instruction& i, const Leaves& leaves);
  Leaves visit(const Instruction& i);
  Leaves visit_parameter(const Instruction& i);
  Leaves visit_constant(const Instruction& i);
  Leaves visit_iota(const Instruction& i);
  Leaves visit_tuple_element(const Instruction& i);
  Leaves visit_annotation(const Instruction& i);
  Leaves visit_to_manual(const Instruction& i);
  Leaves visit_to_automatic(const Instruction& i);
  Leaves visit_after_all(const Instruction& i);
  Leaves visit_barrier(const Instruction& i);
  Leaves visit_while(const Instruction& i);
  Leaves visit_conditional(const Instruction& i);
  Leaves visit_call(const Instruction& i);
  Leaves visit_op(const Instruction& i);

  bool is_entry() const;
  Instruction* placed_results(Instruction* root);
  Instruction* placed_parameter(const Instruction& i, size_t leaf, Instruction* value);
  const Leaves& leaves_of(const Instruction& i) const { return local_[i.index()]; }
  Leaves gather_leaves(const Instruction& i);  // of all operands, one after the other
  // The leaves of `from` in the given shardings, packed as `shape` is.
  Instruction* packed_as(const Instruction& from, const std::vector<Sharding>& shardings);
  // The leaves of a value of this device that has the given shardings.
  Leaves unpacked(Instruction* value, const std::vector<Sharding>& shardings);
  Instruction* resharded(const Held& held, const Sharding& to, const Instruction& value, size_t leaf);
  Instruction* made_again(const Held& held, const Sharding& to, const Instruction& value, const Shape& shape);
  Instruction* emit_iota(const Instruction& i, const Sharding& sharding);
  Shape local_shape(const Shape& shape, const std::vector<Sharding>& shardings, size_t& leaf) const;
  Instruction* operand_of(const Instruction& i, size_t number, const OpContext& op, const OpPlan& plan);
  Instruction* masked(const OpContext& op, const OpPlan& plan, size_t operand, Instruction* value);
  void check_edge(const Instruction& i, size_t leaf, const Held& held) const;
  void check_collective(const Instruction& i, DigitSet manual) const;
  void check_call(const Instruction& i, DigitSet manual) const;

  Localization& shared_;
  const Decision& decision_;
  const Computation& from_;
  const Form form_;
  Emitter emitter_;
  UserTable users_;
  Choice choice_;
  std::vector<Leaves> local_;         // by the index of the instruction
  const Instruction* now_ = nullptr;  // being visited
  std::unordered_map<const Instruction*, Leaves> resharded_;
};

}  // namespace gshard
