// From instructions to steps on buffers. Loop state and results are computed where they are to be, operands that die
// are overwritten, and what cannot be is copied.
#include <algorithm>
#include <numeric>
#include <utility>

#include "backend/cpu/loop_ops.h"
#include "backend/cpu/lowering.h"
#include "backend/cpu/nan_check.h"
#include "ops/custom_call.h"

namespace gshard::cpu {
namespace {

// Ops whose result is their first operand.
bool is_passed_on(const Instruction& x) {
  if (x.op() == Op::custom_call) {
    return known_call_of(x) == KnownCall::identity && x.operand_count() == 1 && x.shape() == x.operand(0)->shape();
  }
  return x.op() == Op::opt_barrier || x.op() == Op::add_dependency || x.op() == Op::domain;
}

// The number of a leaf among all leaves of a tuple.
size_t number_of(const Shape& shape, const TupleIndex& index) {
  size_t number = 0;
  const Shape* at = &shape;
  for (int64_t i : index) {
    for (int64_t before = 0; before < i; ++before) number += leaf_count(at->element(static_cast<size_t>(before)));
    at = &at->element(static_cast<size_t>(i));
  }
  return number;
}

// Through what only passes values on.
Leaf source_of(Leaf leaf) {
  while (true) {
    const Instruction& x = *leaf.value;
    if (x.op() == Op::tuple) {
      size_t part = leaf.part;
      size_t i = 0;
      for (; part >= leaf_count(x.operand(i)->shape()); ++i) part -= leaf_count(x.operand(i)->shape());
      leaf = {x.operand(i), part};
    } else if (x.op() == Op::get_tuple_element) {
      const auto element = static_cast<size_t>(x.attrs<TupleIndexAttrs>().index);
      size_t part = leaf.part;
      for (size_t i = 0; i < element; ++i) part += leaf_count(x.operand(0)->shape().element(i));
      leaf = {x.operand(0), part};
    } else if (is_passed_on(x)) {
      leaf = {x.operand(0), leaf.part};
    } else {
      return leaf;
    }
  }
}

}  // namespace

std::vector<char> unchanged_state(const Instruction& loop) {
  const Computation& body = *loop.callees()[1];
  std::vector<char> unchanged;
  for (size_t part = 0; part < leaf_count(loop.shape()); ++part) {
    unchanged.push_back(source_of({body.root(), part}) == Leaf{body.parameter(0), part});
  }
  return unchanged;
}

// ---- a scope ------------------------------------------------------------------------------------------------------

Scope::Scope(Lowering& lowering, const Computation& computation)
    : lowering_(lowering),
      computation_(computation),
      reads_(computation, lowering.checks_nans() ? Epilogues::none : Epilogues::folded),
      lowered_(computation.size()) {
  fusion_ = lowering.fusion_of(computation, reads_);
  count_uses();
}

Leaf Scope::resolve(Leaf leaf) const {
  while (true) {
    const Leaf source = source_of(leaf);
    const Instruction& x = *source.value;
    if (is_view_op(x.op()) && is_seen_through(x)) {
      leaf = {x.operand(0), source.part};
    } else if (x.op() == Op::while_ && lowering_.unchanged_state_of(x)[source.part] != 0) {
      leaf = {x.operand(0), source.part};
    } else {
      return source;
    }
  }
}

// A reshape that stands in no kernel with others is the same bytes. Those of other types need not be truth values.
bool Scope::is_seen_through(const Instruction& x) const {
  const Shape& operand = x.operand(0)->shape();
  if (reads_.plan_of(x) != nullptr) return false;
  if (x.shape().byte_size() != operand.byte_size()) return false;
  if (x.shape().type() == DType::pred && operand.type() != DType::pred) return false;
  const Group* group = fusion_->group_of(x);
  if (group == nullptr) return true;
  return group->members.size() == 1 && group->copies.empty() && !gshard::cpu::is_free(*x.operand(0));
}

// Whether no step computes it: what reads it reads what it names.
bool Scope::is_only_a_name(const Instruction& x) const {
  return x.op() == Op::tuple || x.op() == Op::get_tuple_element || is_passed_on(x) || reads_.is_skipped(x) ||
         (is_view_op(x.op()) && is_seen_through(x));
}

void Scope::count_uses() {
  std::vector<const Group*> counted;
  for (const auto& x : computation_.instructions()) {
    if (is_only_a_name(*x)) continue;
    const Group* group = fusion_->group_of(*x);
    if (group == nullptr) {
      // What is free and in no group is computed where it is read.
      if (!gshard::cpu::is_free(*x)) for_each_input(*x, [&](const Leaf& leaf) { ++uses_[leaf]; });
    } else if (std::find(counted.begin(), counted.end(), group) == counted.end()) {
      counted.push_back(group);
      for_each_input(*group, [&](const Leaf& leaf) { ++uses_[leaf]; });
    }
  }
  for (size_t part = 0; part < leaf_count(computation_.root()->shape()); ++part) ++uses_[result(part)];
}

// ---- other instructions -------------------------------------------------------------------------------------------

void Scope::lower_constant(const Instruction& x) {
  const Buffer buffer = lowering_.add_buffer({&x}, x.shape().byte_size(), BufferInfo::Kind::constant);
  lowering_.program.buffers[static_cast<size_t>(buffer)].constant = x.attrs<ConstantAttrs>().value;
  bind({&x}, buffer);
}

void Scope::lower_dot(const DotPlan& plan) {
  const Buffer lhs = buffer_of(resolve({plan.lhs.base}));
  const Buffer rhs = buffer_of(resolve({plan.rhs.base}));
  const Buffer bias = plan.bias ? buffer_of(resolve({plan.bias->base})) : -1;
  const Buffer result = output_for({plan.output}, {});
  ++lowering_.now;
  for (Buffer buffer : {lhs, rhs, bias, result}) touch(buffer);
  for_each_input(*plan.output, [&](const Leaf& leaf) { release(leaf); });
  add<MatmulStep>(plan, MatmulStep::Buffers{lhs, rhs, bias, result});
}

void Scope::lower_convolution(const Instruction& x, const ConvolutionSpec& spec) {
  Convolution convolution(spec);
  const Buffer lhs = buffer_of(resolve({x.operand(0)}));
  const Buffer rhs = buffer_of(resolve({x.operand(1)}));
  const Buffer result = output_for({&x}, {});
  const Buffer workspace = lowering_.add_buffer({&x}, convolution.workspace_bytes());
  ++lowering_.now;
  for (Buffer buffer : {lhs, rhs, result, workspace}) touch(buffer);
  for_each_input(x, [&](const Leaf& leaf) { release(leaf); });
  add<ConvolutionStep>(&x, std::move(convolution), ConvolutionStep::Buffers{lhs, rhs, result, workspace});
}

std::vector<Buffer> Scope::operands_of(const Instruction& x) {
  std::vector<Buffer> operands;
  for_each_input(x, [&](const Leaf& leaf) { operands.push_back(buffer_of(leaf)); });
  return operands;
}

// A new place for each leaf of its value; -1 for tokens.
std::vector<Buffer> Scope::results_of(const Instruction& x) {
  std::vector<Buffer> results;
  for (size_t part = 0; part < leaf_count(x.shape()); ++part) {
    const Leaf leaf{&x, part};
    if (leaf.shape().is_token()) {
      bind(leaf, -1);
      results.push_back(-1);
    } else {
      results.push_back(output_for(leaf, {}));
    }
  }
  return results;
}

void Scope::lower_by_evaluator(const Instruction& x) {
  std::vector<Buffer> operands = operands_of(x);
  std::vector<Buffer> results = results_of(x);
  ++lowering_.now;
  for (Buffer buffer : operands) touch(buffer);
  for (Buffer buffer : results) touch(buffer);
  for_each_input(x, [&](const Leaf& leaf) { release(leaf); });
  add<EvaluateStep>(&x, std::move(operands), std::move(results));
}

// How much of a sort its readers look at: slices that begin with the first element.
Wanted Scope::wanted_of(const Instruction& x) const {
  if (x.op() != Op::sort || lowering_.checks_nans() || &x == computation_.root()) return {};
  const auto dim = static_cast<size_t>(x.attrs<SortAttrs>().dimensions[0]);
  Wanted wanted{0};
  const auto look = [&](auto& self, const Instruction& value) -> void {
    if (&value == computation_.root()) wanted = {};
    for (const Instruction* user : reads_.users_of(value)) {
      if (user->op() == Op::get_tuple_element) {
        self(self, *user);
      } else if (user->op() == Op::slice) {
        wanted.first = std::max(wanted.first, user->attrs<SliceAttrs>().slice.limits[dim]);
      } else {
        wanted = {};
      }
    }
  };
  look(look, x);
  return wanted;
}

void Scope::lower_routine(const Instruction& x) {
  std::unique_ptr<Routine> routine = routine_of(x, wanted_of(x));
  if (routine == nullptr) return lower_by_evaluator(x);
  std::vector<Buffer> operands = operands_of(x);
  std::vector<Buffer> results = results_of(x);
  const int64_t bytes = routine->workspace_bytes();
  const Buffer workspace = bytes == 0 ? -1 : lowering_.add_buffer({&x}, bytes);
  ++lowering_.now;
  for (Buffer buffer : operands) touch(buffer);
  for (Buffer buffer : results) touch(buffer);
  touch(workspace);
  for_each_input(x, [&](const Leaf& leaf) { release(leaf); });
  add<RoutineStep>(&x, std::move(routine), std::move(operands), std::move(results), workspace);
}

void Scope::lower_node(const Instruction& x) {
  if (const DotPlan* plan = reads_.plan_of(x); plan != nullptr) return lower_dot(*plan);
  switch (x.op()) {
    case Op::parameter:
      return;
    case Op::constant:
      return lower_constant(x);
    case Op::convolution:
      if (const auto spec = convolution_of(x)) return lower_convolution(x, *spec);
      return lower_by_evaluator(x);
    case Op::while_:
      return lower_while(x);
    case Op::conditional:
      return lower_conditional(x);
    default:
      return lowering_.program.grid.count() > 1 ? lower_between_devices(x) : lower_routine(x);
  }
}

// Lowers an instruction, or the group that computes it, after all that it reads.
void Scope::lower(const Instruction& x) {
  if (lowered_[x.index()] != 0) return;
  lowered_[x.index()] = 1;
  const Group* group = fusion_->group_of(x);
  const bool is_name = is_only_a_name(x);
  if (group == nullptr || is_name) {
    if (!is_name && gshard::cpu::is_free(x)) return;
    for (const Instruction* read : reads_.read_by(x)) lower(*read);
    for (const Instruction* before : x.control_predecessors()) lower(*before);
    if (!is_name) lower_node(x);
    return check_fresh();
  }
  for (const Instruction* member : group->members) lowered_[member->index()] = 1;
  for (const Members* computed : {&group->members, &group->copies}) {
    for (const Instruction* member : *computed) {
      for (const Instruction* operand : member->operands()) {
        if (!group->members.contains(operand) && !group->copies.contains(operand)) lower(*operand);
      }
    }
  }
  lower_group(*group);
  check_fresh();
}

// Looks for NaN in what the last steps computed. Of -start forms nothing is there yet.
void Scope::check_fresh() {
  for (const Leaf& leaf : std::exchange(fresh_, {})) {
    if (leaf.value->op() == Op::constant || is_start(leaf.value->op()) || !can_be_nan(leaf.shape().type())) continue;
    add<NanCheckStep>(leaf, buffer_of(leaf), lowering_.program.grid);
  }
}

Steps Scope::run() {
  // A group runs when its last member is reached, or earlier where others need it.
  std::unordered_map<const Group*, size_t> last;
  for (const auto& x : computation_.instructions()) {
    if (const Group* group = fusion_->group_of(*x); group != nullptr) last[group] = x->index();
  }
  for (const auto& x : computation_.instructions()) {
    const Group* group = fusion_->group_of(*x);
    if (group == nullptr || last[group] == x->index()) lower(*x);
  }
  return std::move(steps_);
}

// ---- the whole ----------------------------------------------------------------------------------------------------

void Scope::bring_results_to(const std::vector<Buffer>& places, Steps& steps) const {
  std::vector<std::pair<Buffer, Buffer>> copies;
  for (size_t part = 0; part < places.size(); ++part) {
    if (places[part] < 0) continue;
    const Buffer from = buffer_of(result(part));
    if (from != places[part]) copies.emplace_back(from, places[part]);
  }
  lowering_.copy_all(std::move(copies), steps);
}

void Lowering::bind_arguments(const Module& module, Scope& scope) {
  for (const Instruction* parameter : module.entry()->parameters()) {
    for (size_t part = 0; part < leaf_count(parameter->shape()); ++part) {
      const Leaf leaf{parameter, part};
      if (leaf.shape().is_token()) {
        program.arguments.push_back(-1);
        continue;
      }
      const Buffer buffer = add_buffer(leaf, leaf.shape().byte_size(), BufferInfo::Kind::argument);
      program.buffers[static_cast<size_t>(buffer)].number = program.arguments.size();
      program.arguments.push_back(buffer);
    }
  }
  size_t next = 0;
  for (const Instruction* parameter : module.entry()->parameters()) {
    for (size_t part = 0; part < leaf_count(parameter->shape()); ++part) {
      scope.bind({parameter, part}, program.arguments[next++]);
    }
  }
}

// Results stand in memory of their own, or in that of the parameter that they are aliased with.
void Lowering::bind_results(const Module& module, Scope& scope) {
  const Shape& shape = module.entry()->root()->shape();
  program.donors.assign(leaf_count(shape), -1);
  for (const InputOutputAlias& alias : module.header().input_output_alias) {
    size_t first = 0;
    for (int64_t p = 0; p < alias.parameter; ++p)
      first += leaf_count(module.entry()->parameter(static_cast<size_t>(p))->shape());
    const Shape& donor = module.entry()->parameter(static_cast<size_t>(alias.parameter))->shape();
    program.donors[number_of(shape, alias.output)] = static_cast<int>(first + number_of(donor, alias.parameter_index));
  }
  LeafMap<char> taken;
  for (size_t part = 0; part < program.donors.size(); ++part) {
    const Shape& leaf = leaf_of(shape, part);
    if (leaf.is_token()) {
      program.results.push_back(-1);
      continue;
    }
    Buffer buffer = -1;
    if (program.donors[part] >= 0) {
      buffer = program.arguments[static_cast<size_t>(program.donors[part])];
      writable[static_cast<size_t>(buffer)] = 1;
      reserved[static_cast<size_t>(buffer)] = 1;
    } else {
      buffer = add_buffer({module.entry()->root(), part}, leaf.byte_size(), BufferInfo::Kind::result);
      program.buffers[static_cast<size_t>(buffer)].number = part;
      reserved[static_cast<size_t>(buffer)] = 1;
    }
    program.results.push_back(buffer);
    scope.want(scope.result(part), buffer);
  }
}

Program Lowering::lower(const Module& module, const DeviceGrid& grid) {
  program.grid = grid;
  Scope scope(*this, *module.entry());
  bind_arguments(module, scope);
  bind_results(module, scope);
  program.steps = scope.run();
  scope.bring_results_to(program.results, program.steps);
  return std::move(program);
}

Program lower(const Module& module, const DeviceGrid& grid, NanChecks checks) {
  return Lowering(checks).lower(module, grid);
}

}  // namespace gshard::cpu
