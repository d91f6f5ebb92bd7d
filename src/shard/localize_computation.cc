#include "shard/localize_computation.h"

#include "ops/custom_call.h"
#include "ops/table.h"
#include "shard/annotation_calls.h"
#include "shard/manual.h"
#include "shard/refusal.h"
#include "shard/reshard.h"

namespace gshard {

ComputationLocalizer::ComputationLocalizer(Localization& shared, const Computation& from, Computation& to,
                                           const Form& form)
    : shared_(shared),
      decision_(shared.decision),
      from_(from),
      form_(form),
      emitter_(to, shared.program),
      users_(from),
      choice_(decision_, shared.accumulators, users_, form_),
      local_(from.size()) {}

void ComputationLocalizer::run() {
  for (const auto& instruction : from_.instructions()) {
    const size_t before = emitter_.computation().size();
    now_ = instruction.get();
    Leaves leaves = visit(*instruction);
    emitter_.set_source(*instruction, before);
    trace(*instruction, leaves);
    local_[instruction->index()] = std::move(leaves);
  }
  now_ = from_.root();
  Instruction* root = packed_as(*from_.root(), form_.results);
  emitter_.computation().set_root(is_entry() ? placed_results(root) : root);
}

bool ComputationLocalizer::is_entry() const { return &from_ == from_.parent()->entry(); }

// Results that the user's devices hold in an order of their own are sent there.
Instruction* ComputationLocalizer::placed_results(Instruction* root) {
  const auto& placements = decision_.annotated.result_placements;
  if (placements.empty()) return root;
  std::vector<Instruction*> leaves = emitter_.leaves_of(root);
  for (const auto& [leaf, placement] : placements) {
    if (placement.device_order.empty()) continue;
    const Mesh own = mesh_of(placement, emitter_.mesh());
    leaves[leaf] = emitter_.move_between(leaves[leaf], emitter_.mesh(), own);
  }
  return emitter_.pack(from_.root()->shape(), leaves);
}

// A parameter as the user's devices hold it, brought into the order of the mesh.
Instruction* ComputationLocalizer::placed_parameter(const Instruction& i, size_t leaf, Instruction* value) {
  const auto& placements = decision_.annotated.parameter_placements;
  const auto found = placements.find({&i, leaf});
  if (found == placements.end()) return value;
  if (found->second.device) return emitter_.broadcast_from(value, *found->second.device);
  return emitter_.move_between(value, mesh_of(found->second, emitter_.mesh()), emitter_.mesh());
}

// Of ops that make values; the others give names to those of their operands.
void ComputationLocalizer::trace(const Instruction& i, const Leaves& leaves) {
  if (!has_rule(i.op()) && i.callees().empty()) return;
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    const Held& held = leaves[leaf];
    shared_.trace.push_back({&i, leaf, emitter_.computation().name(), held.value->name(), held.sharding});
  }
}

Leaves ComputationLocalizer::visit(const Instruction& i) {
  switch (i.op()) {
    case Op::parameter:
      return visit_parameter(i);
    case Op::constant:
      return visit_constant(i);
    case Op::iota:
      return visit_iota(i);
    case Op::tuple:
      return gather_leaves(i);
    case Op::get_tuple_element:
      return visit_tuple_element(i);
    case Op::opt_barrier:
      return visit_barrier(i);
    case Op::domain:
      return leaves_of(*i.operand(0));
    case Op::after_all:
      return visit_after_all(i);
    case Op::while_:
      return visit_while(i);
    case Op::conditional:
      return visit_conditional(i);
    case Op::call:
      return visit_call(i);
    case Op::copy_start:
      return {
          leaves_of(*i.operand(0))[0],
          leaves_of(*i.operand(0))[0],
          {emitter_.add(Op::constant, Shape(DType::u32), {}, ConstantAttrs{Literal{Shape(DType::u32)}}), Sharding{}}};
    case Op::copy_done:
      return {leaves_of(*i.operand(0))[0]};
    default:
      break;
  }
  check_is_supported(i);
  if (is_sharding_call(i)) return visit_annotation(i);
  if (is_to_manual_call(i)) return visit_to_manual(i);
  if (is_to_automatic_call(i)) return visit_to_automatic(i);
  return visit_op(i);
}

// ---- moving values about ----------------------------------------------------------------------------------------

Leaves ComputationLocalizer::gather_leaves(const Instruction& i) {
  Leaves all;
  for (const Instruction* operand : i.operands()) {
    const Leaves& leaves = leaves_of(*operand);
    all.insert(all.end(), leaves.begin(), leaves.end());
  }
  return all;
}

Instruction* ComputationLocalizer::packed_as(const Instruction& from, const std::vector<Sharding>& shardings) {
  std::vector<Instruction*> values;
  for (size_t leaf = 0; leaf < shardings.size(); ++leaf) {
    values.push_back(resharded(leaves_of(from)[leaf], shardings[leaf], from, leaf));
  }
  return emitter_.pack(from.shape(), values);
}

Leaves ComputationLocalizer::unpacked(Instruction* value, const std::vector<Sharding>& shardings) {
  Leaves leaves;
  for (Instruction* leaf : emitter_.leaves_of(value)) leaves.push_back({leaf, shardings[leaves.size()]});
  return leaves;
}

Instruction* ComputationLocalizer::resharded(const Held& held, const Sharding& to, const Instruction& value,
                                             size_t leaf) {
  if (held.sharding == to || !held.value->shape().is_array()) return held.value;
  Leaves& known = resharded_[held.value];
  for (const Held& other : known) {
    if (other.sharding == to) return other.value;
  }
  const Shape& shape = decision_.shape_of(value, leaf);
  if ((value.op() == Op::iota || is_one_number(*held.value)) && held.sharding.partial == 0) {
    Sharding target = to;
    target.manual = 0;
    known.push_back({made_again(held, target, value, shape), to});
    return known.back().value;
  }
  const std::vector<Step>& steps = decision_.times.steps_between(shape, held.sharding, to);
  const size_t before = emitter_.computation().size();
  Instruction* result = emit(steps, held.value, emitter_);
  known.push_back({result, to});

  ReshardRecord record{&value, now_, shape, held.sharding, to, {}, 0};
  record.bytes = elements_sent(steps, emitter_.mesh()) * static_cast<double>(bytes_of(shape.type()));
  record.seconds = decision_.times.between(shape, held.sharding, to);
  for (size_t n = before; n < emitter_.computation().size(); ++n) {
    const Instruction* emitted = emitter_.computation().at(n);
    if (has(row_of(emitted->op()).traits, Traits::collective)) record.collectives.push_back(emitted);
  }
  if (!record.collectives.empty()) shared_.reshards.push_back(std::move(record));
  return result;
}

// An iota, or the same number in all places, can be had in any form.
Instruction* ComputationLocalizer::made_again(const Held& held, const Sharding& to, const Instruction& value,
                                              const Shape& shape) {
  Sharding whole = to;
  whole.partial = 0;
  whole.reducer = Reducer::none;
  if (value.op() == Op::iota) {
    return emit(reshard_steps(shape.dims(), whole, to, emitter_.mesh()), emit_iota(value, whole), emitter_);
  }
  Instruction* number = held.value->operand(0);
  const Shape local(shape.type(), shard_sizes(shape.dims(), to, emitter_.mesh()));
  Instruction* spread = emitter_.broadcast_scalar(number, local);
  if (to.partial == 0 || emitter_.is_neutral(*number, to.reducer)) return spread;
  return emit(reshard_steps(shape.dims(), whole, to, emitter_.mesh()), spread, emitter_);
}

Shape ComputationLocalizer::local_shape(const Shape& shape, const std::vector<Sharding>& shardings,
                                        size_t& leaf) const {
  if (shape.is_tuple()) {
    std::vector<Shape> elements;
    for (const Shape& element : shape.elements()) elements.push_back(local_shape(element, shardings, leaf));
    return Shape::tuple(std::move(elements));
  }
  const Sharding& sharding = shardings[leaf++];
  if (!shape.is_array()) return shape;
  return Shape(shape.type(), shard_sizes(shape.dims(), sharding, emitter_.mesh()));
}

// ---- values without operands, and names of others ---------------------------------------------------------------

Leaves ComputationLocalizer::visit_parameter(const Instruction& i) {
  const std::vector<Sharding> shardings = form_.state.empty() ? decision_.shardings_of(i) : form_.state;
  size_t leaf = 0;
  Instruction* parameter =
      emitter_.computation().add(Op::parameter, local_shape(i.shape(), shardings, leaf), {}, i.attributes(), i.name());
  Leaves leaves = unpacked(parameter, shardings);
  if (!is_entry()) return leaves;
  for (size_t n = 0; n < leaves.size(); ++n) leaves[n].value = placed_parameter(i, n, leaves[n].value);
  return leaves;
}

Leaves ComputationLocalizer::visit_constant(const Instruction& i) {
  Instruction* whole = emitter_.computation().add(Op::constant, i.shape(), {}, i.attributes(), i.name());
  Leaves leaves;
  for (Instruction* value : emitter_.leaves_of(whole)) {
    leaves.push_back({value, Sharding::replicated(value->shape().is_array() ? value->shape().rank() : 0)});
  }
  return leaves;
}

Leaves ComputationLocalizer::visit_iota(const Instruction& i) {
  const Sharding& sharding = decision_.sharding_of(i);
  return {{emit_iota(i, sharding), sharding}};
}

Instruction* ComputationLocalizer::emit_iota(const Instruction& i, const Sharding& sharding) {
  const Shape local(i.shape().type(), shard_sizes(i.shape().dims(), sharding, emitter_.mesh()));
  const auto dim = static_cast<size_t>(i.attrs<IotaAttrs>().iota_dimension);
  const Digits& digits = sharding.dims[dim];
  if (digits.empty()) return emitter_.add(Op::iota, local, {}, i.attributes());
  // Floats of 16 bits round the places of a long dimension: they are added up before, to be rounded once.
  const DType places = Emitter::place_type(i.shape().dim(dim));
  const Shape counted = is_floating(local.type()) ? local.with_type(places) : local;
  Instruction* value = emitter_.add(Op::iota, counted, {}, i.attributes());
  Instruction* start = emitter_.start_along(digits, local.dim(dim), places);
  if (counted.type() != places) start = emitter_.add(Op::convert, Shape(counted.type()), {start});
  value = emitter_.add(Op::add, counted, {value, emitter_.broadcast_scalar(start, counted)});
  return counted.type() == local.type() ? value : emitter_.add(Op::convert, local, {value});
}

Leaves ComputationLocalizer::visit_tuple_element(const Instruction& i) {
  const Leaves& all = leaves_of(*i.operand(0));
  const LeafRange range =
      leaves_of_element(i.operand(0)->shape(), static_cast<size_t>(i.attrs<TupleIndexAttrs>().index));
  const auto first = all.begin() + static_cast<std::ptrdiff_t>(range.first);
  return Leaves(first, first + static_cast<std::ptrdiff_t>(range.count));
}

Leaves ComputationLocalizer::visit_after_all(const Instruction& i) {
  std::vector<Instruction*> tokens;
  for (const Held& token : gather_leaves(i)) tokens.push_back(token.value);
  return {{emitter_.computation().add(Op::after_all, i.shape(), tokens), Sharding{}}};
}

// The values stay as they are, and wait for each other: what is computed behind the barrier is not what was before.
Leaves ComputationLocalizer::visit_barrier(const Instruction& i) {
  std::vector<Instruction*> values;
  std::vector<Sharding> shardings;
  for (const Held& held : leaves_of(*i.operand(0))) {
    values.push_back(held.value);
    shardings.push_back(held.sharding);
  }
  Instruction* all = emitter_.pack(i.shape(), values);
  return unpacked(emitter_.add(Op::opt_barrier, all->shape(), {all}), shardings);
}

Leaves ComputationLocalizer::visit_annotation(const Instruction& i) {
  Leaves leaves;
  for (size_t leaf = 0; leaf < leaves_of(*i.operand(0)).size(); ++leaf) {
    const Sharding& sharding = decision_.sharding_of(i, leaf);
    leaves.push_back({resharded(leaves_of(*i.operand(0))[leaf], sharding, *i.operand(0), leaf), sharding});
  }
  return leaves;
}

// ---- manual regions ---------------------------------------------------------------------------------------------

// Each device's part of a value becomes a value of its own.
Leaves ComputationLocalizer::visit_to_manual(const Instruction& i) {
  Leaves leaves;
  for (const Sharding& edge : decision_.annotated.manual_edges.at(&i)) {
    const size_t leaf = leaves.size();
    const Instruction& operand = *i.operand(leaf);
    const DigitSet manual = decision_.sharding_of(i, leaf).manual;
    const Sharding outside = around_manual(edge, manual);
    Instruction* value = resharded(leaves_of(operand)[0], outside, operand, 0);
    leaves.push_back({value, inside_manual(outside, manual)});
    check_edge(i, leaf, leaves.back());
  }
  return leaves;
}

Leaves ComputationLocalizer::visit_to_automatic(const Instruction& i) {
  Leaves leaves;
  for (const Sharding& edge : decision_.annotated.manual_edges.at(&i)) {
    const size_t leaf = leaves.size();
    const Instruction& operand = *i.operand(leaf);
    const DigitSet manual = decision_.sharding_of(operand).manual;
    const Sharding outside = around_manual(edge, manual);
    Instruction* value = resharded(leaves_of(operand)[0], inside_manual(outside, manual), operand, 0);
    leaves.push_back({value, outside});
    check_edge(i, leaf, leaves.back());
  }
  return leaves;
}

// The type that the program declares must be that of the parts.
void ComputationLocalizer::check_edge(const Instruction& i, size_t leaf, const Held& held) const {
  const Shape& declared = decision_.shape_of(i, leaf);
  if (shard_sizes(declared.dims(), held.sharding, emitter_.mesh()) == held.value->shape().dims()) return;
  throw refusal(i, "has the type " + declared.to_string() + ", of which each device has " +
                       held.value->shape().to_string() + " under " + held.sharding.to_string(emitter_.mesh()) +
                       "; the two do not fit");
}

// ---- computations that call others ------------------------------------------------------------------------------

Leaves ComputationLocalizer::visit_while(const Instruction& i) {
  std::vector<Accumulators::Start> starts;
  for (const Held& start : leaves_of(*i.operand(0))) starts.push_back({start.sharding, is_one_number(*start.value)});
  const std::vector<Sharding> state = choice_.state_of(i, starts);
  Instruction* start = packed_as(*i.operand(0), state);
  Computation* condition = shared_.localized(*i.callees()[0], {decision_.shardings_of(*i.callees()[0]->root()), state});
  Computation* body = shared_.localized(*i.callees()[1], {state, state, &i});
  Instruction* loop = emitter_.add(Op::while_, start->shape(), {start});
  loop->mutable_callees() = {condition, body};
  Leaves leaves = unpacked(loop, state);
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    const Sharding behind = choice_.wanted(i, leaf);
    leaves[leaf] = {resharded(leaves[leaf], behind, i, leaf), behind};
  }
  return leaves;
}

Leaves ComputationLocalizer::visit_conditional(const Instruction& i) {
  const Instruction& predicate = *i.operand(0);
  const std::vector<Sharding> shardings = decision_.shardings_of(i);
  Sharding whole = Sharding::replicated(0);
  std::vector<Instruction*> operands = {resharded(leaves_of(predicate)[0], whole, predicate, 0)};
  Instruction::Callees branches;
  for (size_t b = 0; b < i.callees().size(); ++b) {
    operands.push_back(packed_as(*i.operand(b + 1), decision_.shardings_of(*i.callees()[b]->parameter(0))));
    branches.push_back(shared_.localized(*i.callees()[b], {shardings}));
  }
  size_t leaf = 0;
  Instruction* choice = emitter_.computation().add(Op::conditional, local_shape(i.shape(), shardings, leaf), operands);
  choice->mutable_callees() = branches;
  return unpacked(choice, shardings);
}

Leaves ComputationLocalizer::visit_call(const Instruction& i) {
  const Computation& callee = *i.callees()[0];
  std::vector<Instruction*> operands;
  for (size_t n = 0; n < i.operand_count(); ++n) {
    operands.push_back(packed_as(*i.operand(n), decision_.shardings_of(*callee.parameter(n))));
  }
  const std::vector<Sharding> shardings = decision_.shardings_of(*callee.root());
  Computation* local = shared_.localized(callee, {shardings});
  Instruction* call = emitter_.computation().add(Op::call, local->root()->shape(), operands, i.attributes(), i.name());
  call->mutable_callees() = {local};
  return unpacked(call, shardings);
}

// ---- all other ops ----------------------------------------------------------------------------------------------

// An operand whose padding the op would read is given the neutral element there.
Instruction* ComputationLocalizer::masked(const OpContext& op, const OpPlan& plan, size_t operand, Instruction* value) {
  const Rule& rule = plan.way->rule;
  const TensorFactors& dims = rule.operands[operand];
  if (rule.index_operand == static_cast<int>(operand)) return value;
  for (size_t d = 0; d < dims.size(); ++d) {
    const Factor& factor = rule.factors[static_cast<size_t>(dims[d][0])];
    const Digits& digits = plan.cut[static_cast<size_t>(dims[d][0])];
    const int64_t size = op.operand_shapes[operand].dim(d);
    if (factor.kind != FactorKind::reduce || digits.empty() || size % emitter_.mesh().size_of(digits) == 0) continue;
    value = emitter_.mask(value, d, digits, size, emitter_.neutral(factor.reducer, value->shape().type()));
  }
  return value;
}

Instruction* ComputationLocalizer::operand_of(const Instruction& i, size_t number, const OpContext& op,
                                              const OpPlan& plan) {
  const Instruction& operand = *i.operand(number);
  if (operand.shape().is_array()) {
    const Sharding sharding = operand_sharding(op, plan, number);
    return masked(op, plan, number, resharded(leaves_of(operand)[0], sharding, operand, 0));
  }
  std::vector<Sharding> whole;
  for (const Held& leaf : leaves_of(operand)) whole.push_back(Sharding::replicated(leaf.sharding.dims.size()));
  return packed_as(operand, whole);
}

// A collective between partitions belongs to devices that are each on their own along its groups; one between replicas
// (without a channel) is the same for every partition.
void ComputationLocalizer::check_collective(const Instruction& i, DigitSet manual) const {
  if (!has(row_of(i.op()).traits, Traits::collective)) return;
  const auto* attrs = std::get_if<CollectiveAttrs>(&i.attributes());
  if (attrs == nullptr || !attrs->channel_id || manual != 0) return;
  throw refusal(i,
                "is a collective between partitions in the input, which can only stand in a manual region; a program "
                "that is partitioned already cannot be partitioned again");
}

// What a call does that nobody knows may depend on where it is done, except where each device is on its own.
void ComputationLocalizer::check_call(const Instruction& i, DigitSet manual) const {
  if (i.op() != Op::custom_call || manual == emitter_.mesh().all_digits()) return;
  if (known_call_of(i) != KnownCall::none) return;
  throw refusal(i, "calls \"" + i.attrs<CustomCallAttrs>().custom_call_target +
                       "\", of which the partitioner does not know what it computes; it can stand in a manual region");
}

Leaves ComputationLocalizer::visit_op(const Instruction& i) {
  const OpContext op =
      choice_.context_of(i, [&](const Instruction& operand) { return leaves_of(operand)[0].sharding; });
  check_collective(i, op.manual);
  check_call(i, op.manual);
  std::vector<Way> ways = ways_of(i);
  const OpPlan plan = choice_.plan_for(op, ways);
  LocalOp local{i, op, plan, {}, emitter_};
  for (size_t n = 0; n < i.operand_count(); ++n) local.operands.push_back(operand_of(i, n, op, plan));
  Leaves leaves;
  for (Instruction* value : plan.way->localize(local)) {
    leaves.push_back({value, value->shape().is_array() ? result_sharding(op, plan, leaves.size()) : Sharding{}});
  }
  for (size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    if (leaves[leaf].sharding.partial != 0 && may_stay_partial(i, users_)) continue;
    leaves[leaf] = {resharded(leaves[leaf], op.results[leaf], i, leaf), op.results[leaf]};
  }
  return leaves;
}

}  // namespace gshard
