#include "transform/liveness.h"

#include <algorithm>

namespace gshard {
namespace {

// Ops whose result is that of the computations that they call.
bool returns_callee_result(Op op) { return op == Op::conditional || op == Op::call || op == Op::fusion; }

// Which operand becomes this parameter of the called computation.
size_t operand_of_parameter(const CallSite& site, const Instruction& parameter) {
  switch (site.caller->op()) {
    case Op::while_:
      return 0;
    case Op::conditional:
      return site.position + 1;
    default:
      return static_cast<size_t>(parameter.attrs<ParameterAttrs>().number);
  }
}

// Text about the elements of a tuple that cannot be kept right when elements go.
bool is_described_by_position(const Instruction& x) {
  const Notes& notes = x.notes();
  if (x.op() == Op::fusion && !x.attrs<FusionAttrs>().output_to_operand_aliasing.text.empty()) return true;
  return notes.frontend_attributes != nullptr || notes.origin != nullptr ||
         (notes.backend_config && notes.backend_config->find("tuple_index") != std::string::npos);
}

// One of a group of values that are to be sharded alike matters to the others, even if nothing reads it.
bool is_in_group(const Instruction& x) {
  return x.notes().sharding != nullptr && x.notes().sharding->group != HloSharding::Group::none;
}

}  // namespace

Liveness::Liveness(const Module& module) {
  find_call_sites(module);
  const Effects effects(module);
  for (const auto& computation : module.computations()) {
    Table& table = tables_[computation.get()];
    table.starts.reserve(computation->size());
    size_t next = 0;
    for (const auto& x : computation->instructions()) {
      table.starts.push_back(next);
      next += 1 + x->shape().tuple_size();
    }
    table.live.resize(next, 0);
  }
  for (const auto& computation : module.computations()) {
    for (const auto& x : computation->instructions()) {
      if (effects.has_effect(*x) || is_in_group(*x)) mark(x.get(), kNone);
    }
  }
  for (const Instruction* parameter : module.entry()->parameters()) mark(parameter, kWhole);
  mark(module.entry()->root(), kWhole);
  while (!pending_.empty()) {
    const auto [x, slot] = pending_.back();
    pending_.pop_back();
    propagate(*x, slot);
  }
}

const char* Liveness::slots(const Instruction& x) const {
  const Table& table = tables_.at(x.parent());
  return &table.live[table.starts[x.index()]];
}

const std::vector<CallSite>& Liveness::call_sites(const Computation& computation) const {
  static const std::vector<CallSite> kUncalled;
  const auto found = call_sites_.find(&computation);
  return found == call_sites_.end() ? kUncalled : found->second;
}

void Liveness::find_call_sites(const Module& module) {
  for (const auto& computation : module.computations()) {
    for (const auto& x : computation->instructions()) {
      for (size_t i = 0; i < x->callees().size(); ++i) call_sites_[x->callees()[i]].push_back({x.get(), i});
    }
  }
}

bool Liveness::has_one_caller(const Instruction& caller) const {
  const auto& callees = caller.callees();
  return std::all_of(callees.begin(), callees.end(), [&](const Computation* c) { return call_sites(*c).size() == 1; });
}

bool Liveness::is_divisible(const Instruction& x) const {
  if (!x.shape().is_tuple() || is_described_by_position(x)) return false;
  if (x.op() == Op::tuple || x.op() == Op::opt_barrier) return true;
  if (returns_callee_result(x.op())) return has_one_caller(x);
  if (x.op() == Op::while_) {
    const auto plain = [](const Computation* c) { return !is_described_by_position(*c->parameter(0)); };
    return has_one_caller(x) && std::all_of(x.callees().begin(), x.callees().end(), plain);
  }
  if (x.op() != Op::parameter || call_sites(*x.parent()).size() != 1) return false;
  const Instruction& caller = *call_sites(*x.parent())[0].caller;
  if (caller.op() == Op::while_) return is_divisible(caller);
  return returns_callee_result(caller.op()) && !is_described_by_position(caller);
}

void Liveness::mark(const Instruction* x, size_t element) {
  mark_slot(x, 0);
  if (element != kWhole && is_divisible(*x)) {
    if (element != kNone) mark_slot(x, element + 1);
    return;
  }
  for (size_t i = 0; i < x->shape().tuple_size(); ++i) mark_slot(x, i + 1);
}

void Liveness::mark_slot(const Instruction* x, size_t slot) {
  Table& table = tables_.at(x->parent());
  char& live = table.live[table.starts[x->index()] + slot];
  if (live != 0) return;
  live = 1;
  pending_.emplace_back(x, slot);
}

void Liveness::mark_operands(const Instruction& x) {
  for (const Instruction* operand : x.operands()) mark(operand, kWhole);
}

// What is needed because x is needed at all (slot 0), or because one of its elements is.
void Liveness::propagate(const Instruction& x, size_t slot) {
  if (slot > 0) return propagate_element(x, slot - 1);
  for (const Instruction* before : x.control_predecessors()) mark(before, kWhole);
  switch (x.op()) {
    case Op::tuple:
      return;
    case Op::get_tuple_element:
      return mark(x.operand(0), static_cast<size_t>(x.attrs<TupleIndexAttrs>().index));
    case Op::parameter:
      return propagate_to_callers(x, kNone);
    case Op::opt_barrier:
      return mark(x.operand(0), kNone);
    case Op::while_:
      mark(x.callees()[0]->root(), kWhole);
      mark(x.callees()[1]->root(), kNone);
      mark(x.operand(0), kNone);
      return propagate_from_callees(x);
    case Op::conditional:
      mark(x.operand(0), kWhole);
      [[fallthrough]];
    case Op::call:
    case Op::fusion:
      for (const Computation* callee : x.callees()) mark(callee->root(), kNone);
      return propagate_from_callees(x);
    default:
      mark_operands(x);
      for (const Computation* callee : x.callees()) mark(callee->root(), kWhole);
  }
}

void Liveness::propagate_element(const Instruction& x, size_t element) {
  if (x.op() == Op::tuple) return mark(x.operand(element), kWhole);
  if (x.op() == Op::opt_barrier) return mark(x.operand(0), element);
  if (x.op() == Op::parameter) return propagate_to_callers(x, element);
  if (x.op() == Op::while_) {
    mark(x.operand(0), element);
    mark(x.callees()[1]->root(), element);
  }
  if (!returns_callee_result(x.op())) return;
  for (const Computation* callee : x.callees()) mark(callee->root(), element);
}

// What a computation reads of its parameters, its callers have to give, as long as they are needed themselves.
void Liveness::propagate_to_callers(const Instruction& parameter, size_t element) {
  for (const CallSite& site : call_sites(*parameter.parent())) {
    if (is_live(*site.caller)) propagate_to_caller(site, parameter, element);
  }
}

// An element that a loop's body or condition reads is part of the loop's state.
void Liveness::propagate_to_caller(const CallSite& site, const Instruction& parameter, size_t element) {
  if (site.caller->op() == Op::while_) {
    mark(site.caller, element);
  } else if (returns_callee_result(site.caller->op())) {
    mark(site.caller->operand(operand_of_parameter(site, parameter)), element);
  }
}

// What a caller that has become live has to give: each operand must be there, and have the elements that are read.
void Liveness::propagate_from_callees(const Instruction& caller) {
  for (size_t i = 0; i < caller.callees().size(); ++i) {
    const CallSite site = {&caller, i};
    for (const Instruction* parameter : caller.callees()[i]->parameters()) {
      mark(parameter, kNone);
      propagate_to_caller(site, *parameter, is_divisible(*parameter) ? kNone : kWhole);
      for (size_t e = 0; e < parameter->shape().tuple_size(); ++e) {
        if (is_live(*parameter, e)) propagate_to_caller(site, *parameter, e);
      }
    }
  }
}

}  // namespace gshard
